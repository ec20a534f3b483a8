"""The picture of a run: the part of its first image that was kept while the results were written."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.axes import Layout
from quietscope.io import Image
from quietscope.metrics import calibration_of_moments, psnr
from quietscope.pipeline.inputs import name_of
from quietscope.pipeline.outcome import Trained
from quietscope.pipeline.panels import Panels
from quietscope.report.overview import Overview
from quietscope.report.view import View, describe_part


def overview_of(
    image: Image, shown: Panels, planes: Mapping[str, npt.NDArray[Any]], trained: Trained, clean: Image | None = None
) -> Overview:
    """Put the picture of an image together.

    Args:
        image: The noisy image.
        shown: Which part of it is shown.
        planes: The results there, by kind, as `Panels.planes` gives them.
        trained: The model.
        clean: The clean reference, where there is one.

    Returns:
        What the picture shows.
    """
    noisy = shown.layout.region(image.data, 0, shown.view.thin_box)[0]
    size = noisy.shape[-2:]
    overview = Overview(
        noisy=noisy.reshape(size).astype(np.float32),
        mean=planes["mean"],
        std=planes.get("std"),
        deconvolved=planes.get("deconvolved"),
        samples=planes.get("samples", np.empty((0, *size), np.float32)),
        file=name_of(image),
        part=describe_part(shown.layout, shown.view),
        method=trained.method,
        noise=trained.noise[0] if trained.noise else "no noise model",
        pixel_size_um=image.pixel_size_um.get("X"),
    )
    return overview if clean is None else _with_reference(overview, clean, shown.view)


def _with_reference(overview: Overview, clean: Image, view: View) -> Overview:
    truth = clean.layout(2)
    reference = truth.region(clean.data, _frame_of(truth, view.middle), (view.rows, view.columns))[0]
    titles = {}
    if np.ptp(reference) > 0:
        shown = {"noisy": overview.noisy, "mean": overview.mean}
        titles = {name: f"({psnr(pixels, reference):.1f} dB)" for name, pixels in shown.items()}
    found = None
    if overview.std is not None:
        found = calibration_of_moments([(overview.mean, overview.std, reference)])
    return replace(overview, clean=reference.astype(np.float32), titles=titles, calibration=found)


def _frame_of(truth: Layout, middle: tuple[int, ...]) -> int:
    """Return the number of the frame at Z = middle, everything else 0, where Z counts as frames."""
    sizes = dict(zip(truth.axes, truth.shape, strict=True))
    number = 0
    for letter in truth.frame_axes:
        number = number * sizes[letter] + (middle[0] if middle and letter == "Z" else 0)
    return number
