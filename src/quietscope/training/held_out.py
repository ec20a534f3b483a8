"""What is held out from training to validate on: whole frames; a part of each where there are few; or nothing."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from quietscope.data.boxes import boxes_of, inside
from quietscope.data.frames import Frames
from quietscope.data.patches import ENOUGH
from quietscope.data.regions import (
    GAP,
    Box,
    Clearance,
    pixels_outside,
    place_regions,
    starts_inside,
    starts_outside,
)
from quietscope.data.split import FEWEST_FRAMES_TO_SPLIT, split_measured
from quietscope.errors import QuietScopeError
from quietscope.methods.base import Method
from quietscope.tiling.grid import round_up
from quietscope.training.patch_source import Places, is_transposed, patch_multiples, patch_size
from quietscope.training.settings import TrainingSettings

JUDGED_BY_HEART = (
    f"Nothing is held out to validate on: there are fewer than {FEWEST_FRAMES_TO_SPLIT} frames, and none is large "
    "enough, or measured in enough places, to hold out a part of it. The validation loss is that of pixels that are "
    "learnt from, and may fall while noise is learnt by heart."
)
"""What is said where weights, learning rate or the end hang on such a loss."""

TRIES = 8
"""Draws of the places of regions where pixels are missing; those with most measured pixels are taken."""


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """What is trained on and what is validated on.

    Attributes:
        training: Numbers of the frames that are trained on.
        validation: Numbers of those that are validated on.
        regions: Regions of frames of `training` that are held out, by the number of the frame; empty where whole frames
            are held out, where nothing is, and where nothing hangs on the validation loss.
        gap: Pixels in Y and X between a region and training patches.
        patch: Size of a training patch, in pixels per spatial axis.
        watched_patch: Size of a validation patch.
    """

    training: tuple[int, ...]
    validation: tuple[int, ...]
    regions: Mapping[int, tuple[Box, ...]]
    gap: tuple[int, int]
    patch: tuple[int, ...]
    watched_patch: tuple[int, ...]

    @property
    def is_independent(self) -> bool:
        """Whether no validation patch shows pixels that are trained on."""
        return bool(self.regions) or self.training != self.validation

    @property
    def num_regions(self) -> int:
        """Number of regions of all frames together."""
        return sum(map(len, self.regions.values()))

    def share(self, frames: Frames) -> float:
        """Return the share of the pixels of the training frames that regions and gaps take."""
        places = self.places(frames)
        whole = sum(math.prod(frames.spatial_shape(n)) for n in self.regions)
        parts = () if places is None else zip(self.training, places.weights, strict=True)
        left = sum(weight for n, weight in parts if n in self.regions)
        return (whole - left) / sum(math.prod(frames.spatial_shape(n)) for n in self.training)

    def places(self, frames: Frames) -> Places | None:
        """Return where training patches may lie; None for anywhere in their frames."""
        if not self.regions:
            return None
        sizes = [
            tuple(max(n, p) for n, p in zip(frames.spatial_shape(n), self.patch, strict=True)) for n in self.training
        ]
        parts = [(size, self.regions.get(n, ())) for n, size in zip(self.training, sizes, strict=True)]
        return Places(
            patch=self.patch,
            spaces=tuple(starts_outside(size, self.patch, regions, self.gap) for size, regions in parts),
            weights=tuple(pixels_outside(size, regions, self.gap) for size, regions in parts),
        )

    def watched_places(self) -> Places | None:
        """Return where validation patches may lie; None for anywhere in their frames."""
        if not self.regions:
            return None
        regions = [self.regions[n] for n in self.validation]
        return Places(
            patch=self.watched_patch,
            spaces=tuple(starts_inside(each, self.watched_patch) for each in regions),
            weights=tuple(sum(math.prod(part.stop - part.start for part in box) for box in each) for each in regions),
        )

    def record(self) -> list[list[int]]:
        """Return the regions as a resume file keeps them, a row for each: frame, then start and stop of every axis."""
        return [
            [frame, *(edge for part in box for edge in (part.start, part.stop))]
            for frame, boxes in sorted(self.regions.items())
            for box in boxes
        ]


def hold_out(
    method: Method, frames: Frames, settings: TrainingSettings, *, heeds_validation: bool | None = None
) -> HeldOut:
    """Choose what is held out from training.

    Of 10 frames or more, 1 in 20 is. Of fewer, a tenth of the area of each is, if anything hangs on the validation
    loss: the weights that are kept, the learning rate or the end of training. Otherwise it would buy nothing. Frames
    of one size have their regions at the same places, because they may be planes or times of one scene. A frame that
    is too small, or of whose regions less than half was measured, is trained on completely; if all are, they are
    validated on, too.

    Measured on one field of Confocal_FISH, presets `fast`, 300 steps: with regions held out, the last weights give
    31.43 and 31.38 dB (Noise2Void, two seeds; 31.37 and 31.31 without), 31.44 dB (HDN; 31.39), and inside the regions
    the same within 0.03 dB; the best weights of HDN by six validations give 30.94 dB (30.52).

    Args:
        method: The method to train.
        frames: All frames.
        settings: Training settings.
        heeds_validation: Whether anything hangs on the validation loss; what the settings say if None.

    Returns:
        The choice, a function of the arguments alone.
    """
    training, validation = split_measured(frames, settings.seed)
    patch = patch_size(method, settings)
    gap = (max(GAP, 2 * method.reach[-2]), max(GAP, 2 * method.reach[-1]))
    regions: dict[int, tuple[Box, ...]] = {}
    heeds = settings.heeds_validation if heeds_validation is None else heeds_validation
    if training == validation and heeds:
        clearance = Clearance(patch=(patch[-2], patch[-1]), least=_least(method, patch), gap=gap)
        regions = _choose(frames, training, clearance, settings.seed)
    return HeldOut(
        training=tuple(training),
        validation=tuple(sorted(regions) or validation),
        regions=regions,
        gap=gap,
        patch=patch,
        watched_patch=_watched_patch(method, patch, [box for each in regions.values() for box in each]),
    )


def _least(method: Method, patch: Sequence[int]) -> tuple[int, int]:
    """Return the smallest size in Y and X of a validation patch: half of a training patch, and no less than a PSF.

    It is that of a training patch where the method cannot learn from half of one.
    """
    least = [
        round_up(max(math.ceil(length / 2), 2 * reach + 1), multiple)
        for length, reach, multiple in zip(patch, method.reach, patch_multiples(method), strict=True)
    ]
    sides = (max(least[-2:]),) * 2 if is_transposed(method) else (least[-2], least[-1])
    try:
        method.check_size((*patch[:-2], *sides))
    except QuietScopeError:
        return patch[-2], patch[-1]
    return sides


def _watched_patch(method: Method, patch: tuple[int, ...], regions: Sequence[Box]) -> tuple[int, ...]:
    """Return the size of a validation patch: that of a training patch, or what fits into the smallest region."""
    if not regions:
        return patch
    most = [min(box[axis].stop - box[axis].start for box in regions) for axis in (-2, -1)]
    most = [min(most)] * 2 if is_transposed(method) else most
    fitting = [n // multiple * multiple for n, multiple in zip(most, patch_multiples(method)[-2:], strict=True)]
    return (*patch[:-2], *(min(n, p) for n, p in zip(fitting, patch[-2:], strict=True)))


def _choose(frames: Frames, chosen: Sequence[int], clearance: Clearance, seed: int) -> dict[int, tuple[Box, ...]]:
    """Choose the regions of frames, by the number of the frame; a frame that none can be held out of is left out."""
    alike: dict[tuple[int, ...], list[int]] = {}
    for n in chosen:
        alike.setdefault(frames.spatial_shape(n), []).append(n)
    found: dict[int, tuple[Box, ...]] = {}
    for size, members in alike.items():
        rng = np.random.default_rng((seed, *size))
        drawn = [place_regions(size, clearance, rng) for _ in range(TRIES if frames.has_gaps else 1)]
        if not drawn[0]:
            continue
        if not frames.has_gaps:
            found |= dict.fromkeys(members, drawn[0])
            continue
        shares = np.array([[_measured(frames, n, regions) for n in members] for regions in drawn])
        best = int(shares.mean(axis=1).argmax())
        found |= {n: drawn[best] for n, share in zip(members, shares[best], strict=True) if share >= ENOUGH}
    return found


def _measured(frames: Frames, number: int, regions: Sequence[Box]) -> float:
    """Return the share of the pixels of a frame's regions that were measured."""
    parts = [inside(box, part) for box in regions for part in boxes_of([side.stop - side.start for side in box])]
    return float(np.mean([np.isfinite(frames.region(number, part)).mean() for part in parts]))
