"""The picture of a run: the part of its first image that was kept while the results were written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.axes import Layout
from quietscope.data.measured import as_measured
from quietscope.io import Image
from quietscope.metrics import calibration_of_moments, psnr
from quietscope.pipeline.inputs import name_of
from quietscope.pipeline.outcome import Predicted, Trained
from quietscope.pipeline.panels import Panels
from quietscope.report.overview import Overview
from quietscope.report.table import Denoised, psnr_words
from quietscope.report.view import describe_part

OF_PART = " in this part"
OF_ALL = " over all channels"
"""After a figure: what it is that of, where that is not the whole of an image of one channel."""


@dataclass(frozen=True, kw_only=True)
class Reference:
    """The clean reference of an image, and what it says of the results.

    Attributes:
        image: The clean image.
        whole: The image's part of the outcome: its scores are those of the whole image, as the table has them.
    """

    image: Image
    whole: Denoised


def overview_of(
    image: Image,
    shown: Panels,
    found: Predicted,
    trained: Trained,
    clean: "Reference | None" = None,
    num_samples: int | None = None,
) -> Overview:
    """Put the picture of an image together.

    Args:
        image: The noisy image.
        shown: Which part of it is shown.
        found: What prediction has given: the results there, by kind, as `Panels.planes` gives them, and the verdict.
        trained: The model.
        clean: The clean reference and what was found by it, where there is one.
        num_samples: How many samples the deviation was made of; None for one that was computed.

    Returns:
        What the picture shows.
    """
    planes = found.panels
    box = shown.layout.region(as_measured(image).data, shown.frame, shown.view.thin_box)
    noisy = box.reshape(len(box), *box.shape[-2:]).astype(np.float32)
    part = describe_part(shown.layout, shown.view, shown.frame, channel=None)
    truth = None if clean is None else _reference(clean.image, shown)
    whole = None if clean is None else clean.whole
    first, *others = (
        _with_reference(
            replace(
                _channel(n, noisy, planes, image.channel_names, trained.noise),
                marks=shown.marks(found.unexplained.regions, n),
                of_samples=num_samples is not None,
                spread=trained.denoiser.spread,
            ),
            truth,
            n,
            whole,
            num_samples,
            part,
        )
        for n in range(planes["mean"].shape[0])
    )
    return replace(
        first,
        others=tuple(others),
        file=name_of(image),
        part=part,
        method=trained.method,
        pixel_size_um=image.pixel_size_um.get("X"),
        verdict=found.verdict.words,
        unexplained=found.unexplained.words if found.unexplained.count else "",
    )


def _channel(
    number: int,
    noisy: npt.NDArray[np.float32],
    planes: Mapping[str, npt.NDArray[Any]],
    names: Sequence[str],
    noise: Sequence[str],
) -> Overview:
    """Return what is shown of one channel."""
    own = {kind: values[..., number, :, :] for kind, values in planes.items()}
    return Overview(
        noisy=noisy[number],
        mean=own["mean"],
        std=own.get("std"),
        deconvolved=own.get("deconvolved"),
        samples=own.get("samples", np.empty((0, *noisy.shape[-2:]), np.float32)),
        file="",
        channel=(names[number] if number < len(names) else "") or f"channel {number + 1}",
        method="",
        noise=noise[number] if number < len(noise) else "no noise model",
    )


def _reference(clean: Image, shown: Panels) -> npt.NDArray[np.float32]:
    """Return the part of the clean reference that is shown, (C, Y, X)."""
    truth, view = clean.layout(2), shown.view
    frame = _frame_of(truth, view.middle, shown.layout.context.depth) if view.middle else shown.frame
    return truth.region(clean.data, frame, (view.rows, view.columns)).astype(np.float32)


def _with_reference(
    overview: Overview,
    truth: npt.NDArray[np.float32] | None,
    number: int,
    whole: Denoised | None,
    num_samples: int | None,
    part: str,
) -> Overview:
    """Add the clean reference of a channel, where there is one, and what it says of the results.

    That is what the table says, of the whole image and all of its channels; what the table does not know is measured on
    what is shown, and said to be.
    """
    if truth is None or whole is None or number >= len(truth):
        return overview
    reference, titles = truth[number], {}
    here, everywhere = OF_PART if part else "", OF_ALL if len(truth) > 1 else ""
    shown = {"noisy": (overview.noisy, whole.before), "mean": (overview.mean, whole.after)}
    for name, (pixels, score) in shown.items():
        if score is not None and (name == "noisy" or whole.main == "mean"):
            titles[name] = f"({psnr_words(score['psnr'])}{everywhere})"
        elif np.ptp(reference) > 0:
            titles[name] = f"({psnr_words(psnr(pixels, reference))}{here})"
    found, measured_on = whole.calibration, everywhere
    if found is None and overview.std is not None:
        found = calibration_of_moments([(overview.mean, overview.std, reference)], num_samples=num_samples)
        measured_on = here
    return replace(overview, clean=reference, titles=titles, calibration=found, calibrated_on=measured_on)


def _frame_of(truth: Layout, middle: tuple[int, ...], depth: str) -> int:
    """Return the number of the frame in the middle of an axis, everything else 0, where that axis counts frames."""
    sizes = dict(zip(truth.axes, truth.shape, strict=True))
    number = 0
    for letter in truth.frame_axes:
        number = number * sizes[letter] + (middle[0] if middle and letter == depth else 0)
    return number
