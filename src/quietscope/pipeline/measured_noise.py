"""The noise of the first image of a run as its report shows it: the model, what can be measured, and a diagnosis."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from quietscope.data.measured import as_measured
from quietscope.errors import QuietScopeError
from quietscope.io import Image
from quietscope.outside.shown import shown
from quietscope.pipeline.panels import MOST_CHANNELS
from quietscope.report.sheet.run_record import NoiseCurve

if TYPE_CHECKING:
    from quietscope.denoiser import Denoiser

SIDE, MOST_FRAMES, MOST_POINTS = 768, 2, 60
"""Pixels along a side of the middle of a frame that is measured, such frames, and points of a curve."""


def noise_of(denoiser: "Denoiser", image: Image | None, names: Sequence[str] = ()) -> tuple[NoiseCurve, ...]:
    """Return the noise of every channel.

    Args:
        denoiser: The model.
        image: A noisy image; None where there is none to measure.
        names: Names of the channels, as far as they are known.

    Returns:
        The noise of the first channels; none where the method has no noise model.
    """
    models = denoiser.noise_models[:MOST_CHANNELS]
    labels = [names[n] if n < len(names) and names[n] else f"channel {n + 1}" for n in range(len(models))]
    if denoiser.configuration.normalize == "each":
        note = "In deviations of an image, each of which has a scale of its own: nothing is measured in intensities."
        each = zip(labels, models, strict=True)
        return tuple(NoiseCurve(channel=shown(label), words=model.describe(), note=note) for label, model in each)
    planes = None if image is None else _planes(image)
    return tuple(
        _curve(model, shown(label), None if planes is None or n >= planes.shape[1] else planes[:, n])
        for n, (label, model) in enumerate(zip(labels, models, strict=True))
    )


def diagnosis_of(image: Image) -> tuple[str, ...]:
    """Return what the noise of an image is, in sentences; none where that cannot be told."""
    from quietscope.data.frames import Frames
    from quietscope.diagnosis import notes, verdict
    from quietscope.diagnosis.recording import diagnose_frames

    try:
        found = diagnose_frames(Frames.of([as_measured(image)], 2))
    except QuietScopeError as error:
        return (shown(f"The noise cannot be told: {error.got}"),)
    several = len(found) > 1
    lines = [(n, line) for n, each in enumerate(found) for line in (verdict(each), *notes(each))]
    return tuple(f"channel {n + 1}: {line}" if several else line for n, line in lines)


def _planes(image: Image) -> npt.NDArray[Any]:
    """Return the middle of some frames (N, C, Y, X), NaN where nothing was measured."""
    layout = image.layout()
    box = tuple(
        slice(max(0, (length - SIDE) // 2), max(0, (length - SIDE) // 2) + SIDE) for length in layout.spatial_shape
    )
    box = tuple(slice(part.start, min(part.stop, n)) for part, n in zip(box, layout.spatial_shape, strict=True))
    numbers = np.unique(np.linspace(0, layout.num_frames - 1, MOST_FRAMES).round().astype(int))
    data = as_measured(image).data
    return np.stack([layout.region(data, int(n), box) for n in numbers]).astype(np.float32)


def _curve(model: Any, channel: str, planes: npt.NDArray[Any] | None) -> NoiseCurve:
    from quietscope.report.noise_curves import noise_figure

    note = ""
    known = [] if planes is None else [plane for plane in planes if not np.isnan(plane).all()]
    try:
        found = noise_figure(model, file="", data=known)
    except QuietScopeError as error:
        note, found = f"Nothing could be measured in the image: {error.got}", noise_figure(model, file="")
    measured = found.measured
    dots = [] if measured is None else list(zip(measured.signal, measured.variance, strict=True))
    line = list(zip(found.signal, found.variance, strict=True))
    return NoiseCurve(channel=channel, words=model.describe(), model=_thin(line), measured=_thin(dots), note=note)


def _thin(points: list[tuple[Any, Any]]) -> tuple[tuple[float, float], ...]:
    known = [(float(a), float(b)) for a, b in points if np.isfinite(a) and np.isfinite(b)]
    return tuple(known[:: -(-len(known) // MOST_POINTS) or 1])
