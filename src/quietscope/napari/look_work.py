"""Look at the noise of images away from the window, as `quietscope diagnose` does."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from quietscope.io import Image
from quietscope.napari.background import Tell


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What was found.

    Attributes:
        labels: Names of the channels.
        channels: Their diagnoses, see `quietscope.diagnosis.Diagnosis`.
        rows: Name and words of each finding.
        verdict: What to do, a line for each channel.
        notes: What else a person should know.
        method: The method that suits; empty where there is nothing to denoise.
        quick: The method that comes trained, where it suits.
        picture: The picture, PNG.
    """

    labels: tuple[str, ...]
    channels: tuple[Any, ...]
    rows: tuple[tuple[str, str], ...]
    verdict: tuple[str, ...]
    notes: tuple[str, ...]
    method: str
    quick: str
    picture: bytes


def look(images: Sequence[Image], title: str, tell: Tell) -> Looked:
    """Diagnose images.

    Args:
        images: The images, of one camera setting.
        title: What they are called.
        tell: Asked now and then whether to go on.

    Returns:
        What was found.

    Raises:
        QuietScopeError: If they are too small or constant, or hold NaN where nobody said what that stands for.
    """
    from quietscope.data.frames import Frames
    from quietscope.data.measured import as_measured, gap_notes
    from quietscope.diagnosis import notes, verdict
    from quietscope.diagnosis.recording import diagnose_frames
    from quietscope.setup.method import method_in_seconds

    tell(None)
    noisy = [as_measured(image) for image in images]
    frames = Frames.of(noisy, 2)
    found = diagnose_frames(frames)
    names = noisy[0].channel_names
    labels = tuple(names[n] if n < len(names) else str(n) for n in range(frames.num_channels))
    tell(None)
    methods = [each.advice.method for each in found if each.advice.method]
    before = [f"channel {label}: " if len(found) > 1 else "" for label in labels]
    return Looked(
        labels=labels,
        channels=tuple(found),
        rows=tuple(row for start, each in zip(before, found, strict=True) for row in _rows(start, each)),
        verdict=tuple(f"{start}{verdict(each)}" for start, each in zip(before, found, strict=True)),
        notes=(*gap_notes(noisy), *(f"{s}{n}" for s, each in zip(before, found, strict=True) for n in notes(each))),
        method=methods[0] if len(set(methods)) == 1 else "auto" if methods else "",
        quick=method_in_seconds(found),
        picture=_picture(frames, found, labels, title),
    )


def _rows(start: str, each: Any) -> list[tuple[str, str]]:
    """Return name and words of what was found in one channel."""
    defects, estimate = each.defects, each.estimate
    strength = "not measured" if estimate is None else estimate.model.describe().partition(": ")[2]
    along = [
        f"{part.axis} {round(part.neighbours, 2) + 0.0:.2f} ±{2.0 * part.errors[1]:.2f}"
        for part in (each.x, each.y, each.z, each.t)
        if part is not None
    ]
    return [
        (f"{start}noise", str(each.kind)),
        (f"{start}correlation along", ", ".join(along)),
        (f"{start}noise/signal", f"{each.noise_to_signal:.2g}"),
        (f"{start}strength", strength),
        (f"{start}saturated", f"{defects.saturated:.2%}" if defects.has_saturated else "none"),
        (f"{start}hot pixels", str(defects.num_hot) if defects.has_hot else "none"),
    ]


def _picture(frames: Any, found: Sequence[Any], labels: Sequence[str], title: str) -> bytes:
    """Draw the picture that the command line draws."""
    from quietscope.report.diagnosis_figure import diagnosis_row, write_diagnosis_figure

    plane = np.asarray(frames[frames.measured[len(frames.measured) // 2]])
    rows = [
        diagnosis_row(_whole(plane[channel]), each, f"{title}, channel {label}" if len(found) > 1 else title)
        for channel, (label, each) in enumerate(zip(labels, found, strict=True))
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "diagnose.png"
        write_diagnosis_figure(path, rows)
        return path.read_bytes()


def _whole(plane: Any) -> Any:
    """Return a plane with its mean where pixels were never measured."""
    missing = np.isnan(plane)
    return np.where(missing, np.nanmean(plane), plane) if missing.any() else plane
