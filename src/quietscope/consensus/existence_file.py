"""Corrections of probabilities of existing as files, and learnt from segmentations of fields that somebody labelled."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.consensus.existence import NUM_FEATURES, SIMULATED, ExistenceCorrection, features_of, fit_existence
from quietscope.consensus.segmenting import Segmented
from quietscope.errors import SettingsError, SizeError
from quietscope.io import write_bytes_atomically
from quietscope.outside.plain_data import MalformedError, parse_json, validated
from quietscope.outside.regular_file import read_bounded

_KIND, _MOST_BYTES = "quietscope existence", 10_000
_FIX = "write one with `save_existence` of quietscope.consensus.existence_file"
_EXPECTED = "a correction of probabilities of existing"


def learn_existence(
    found: Sequence[Segmented], truth: Sequence[npt.NDArray[np.integer[Any]]], *, featured: bool = False
) -> ExistenceCorrection:
    """Learn the correction from segmentations of images of which somebody has labelled the objects.

    Args:
        found: What `quietscope.consensus.segment` has found in each, best with a least probability of 0: what is in
            doubt is what there is to learn from. They are segmented in the way that the correction is for.
        truth: The labels of each image, of the shape of `Segmented.labels`, 0 for the background. An object is real
            where it shares more than half of what either covers with one of them.
        featured: Whether size and contrast of objects count as well; that takes more objects, of like images.

    Returns:
        The correction.

    Raises:
        SizeError: If there are fewer than ten objects, or labels of another shape.
    """
    probability: list[float] = []
    real: list[npt.NDArray[np.bool_]] = []
    features: list[npt.NDArray[np.float64]] = []
    if len(found) != len(truth):
        raise SizeError("labels of every image", f"{len(found)} images and {len(truth)} labels", "pass as many of both")
    for each, labels in zip(found, truth, strict=True):
        if np.shape(labels) != each.labels.shape:
            fix = "pass labels of the same pixels"
            raise SizeError(f"labels of the shape {each.labels.shape}", f"{np.shape(labels)}", fix)
        for frame in each.frames:
            probability += [one.num_samples / max(len(frame.counts), 1) for one in frame.objects]
            real.append(are_real(each.labels[frame.index], np.asarray(labels)[frame.index]))
            features.append(features_of(each.labels[frame.index], each.mean[frame.index]))
    known = np.concatenate(features) if featured and features else None
    return fit_existence(probability, np.concatenate(real) if real else [], known)


def are_real(labels: npt.NDArray[np.integer[Any]], truth: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.bool_]:
    """Tell of each object whether it shares more than half of what either covers with a true one.

    Args:
        labels: The objects, 1 to N without gaps, 0 for the background.
        truth: The true ones, of the same shape; any numbers.
    """
    true, numbers = np.unique(truth, return_inverse=True)
    width = len(true)
    both = np.bincount(labels.ravel().astype(np.int64) * width + numbers.ravel(), minlength=width * (labels.max() + 1))
    both = both.reshape(-1, width).astype(np.float64)
    union = both.sum(axis=1)[:, None] + both.sum(axis=0)[None] - both
    return np.asarray((both / union)[1:, true != 0].max(axis=1, initial=0.0) > 0.5)


def save_existence(correction: ExistenceCorrection, path: str | Path, *, overwrite: bool = False) -> None:
    """Write a correction into a JSON file, for ``quietscope segment --existence FILE`` and `load_existence`.

    Args:
        correction: The correction.
        path: The file.
        overwrite: Whether an existing file may be replaced.

    Raises:
        OutputError: If it cannot be written, or exists and `overwrite` is false.
    """
    text = json.dumps({"kind": _KIND, **asdict(correction)}, indent=1) + "\n"
    write_bytes_atomically(Path(path), text.encode(), overwrite=overwrite)


def existence_named(name: str | None, segmenter: str) -> tuple[ExistenceCorrection | None, str]:
    """Return the correction that was asked for, and words for it.

    Args:
        name: "none", "simulated", or a file; None for what is usual of the segmenter.
        segmenter: Its name; "watershed", which it was learnt with, is corrected as simulated fields say.

    Raises:
        SettingsError: If there is no such file, or it holds something else.
    """
    usual = "simulated" if segmenter == "watershed" else "none"
    match name or usual:
        case "none":
            return None, "shares of the samples"
        case "simulated":
            return SIMULATED, "shares of the samples, corrected by what was learnt from simulated fields"
        case file:
            return load_existence(file), f"shares of the samples, corrected by {Path(file).name}"


def load_existence(path: str | Path) -> ExistenceCorrection:
    """Read a correction that `save_existence` has written.

    Raises:
        SettingsError: If there is no such file, or it holds something else.
    """
    place = Path(path)
    try:
        found: Any = parse_json(read_bounded(place, _MOST_BYTES, SettingsError, _EXPECTED))
        if not isinstance(found, dict) or found.pop("kind", None) != _KIND:
            raise MalformedError(f'no "kind": "{_KIND}"')
        correction = validated(ExistenceCorrection, found)
    except (OSError, MalformedError) as error:
        what = (error.strerror or "cannot be read") if isinstance(error, OSError) else str(error)
        raise SettingsError(_EXPECTED, f"{place}: {what}", _FIX) from error
    sizes = {len(correction.weights), len(correction.centre), len(correction.width)}
    if len(sizes) > 1 or sizes - {0, NUM_FEATURES}:
        got = f"{place}: features of different numbers, or others than size and contrast"
        raise SettingsError(_EXPECTED, got, _FIX)
    if min(correction.width, default=1.0) <= 0.0:
        raise SettingsError(_EXPECTED, f"{place}: a width of {min(correction.width):g}", _FIX)
    return correction
