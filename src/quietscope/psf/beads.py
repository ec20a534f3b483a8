"""The point spread function that a microscope has shown: the average of its images of small beads."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.errors import PsfError
from quietscope.io.pixel_check import check_finite
from quietscope.psf.bead_fit import BeadFit, fit_bead, rim_of
from quietscope.psf.centring import resampled
from quietscope.psf.detect import MARGIN, box_at, find_spots
from quietscope.psf.psf import Notify, Psf, check_box, prepare_psf, sizes

Real = npt.NDArray[np.float64]

DEFAULT_SIZE = 21
FEW = 5
"""Beads below which no outlier can be told, and the average is noisy."""

SENSOR_BITS = (8, 10, 12, 14, 16)

_WIDTH_FACTOR, _BRIGHTNESS_FACTOR, _SPREADS = 1.08, 2.0, 3.0
_MAD_TO_SIGMA = 1.4826
_TAIL_SIGMAS = 3.0
_RING_PARTS = 9


@dataclass(frozen=True, kw_only=True)
class Beads:
    """An averaged bead, and what became of all the others.

    Attributes:
        psf: The average.
        found: Spots in all frames.
        rejected: How many were not used, by reason.
        used: How many were.
    """

    psf: Psf
    found: int
    rejected: Mapping[str, int]
    used: int


@dataclass(frozen=True, kw_only=True)
class _Bead:
    """A bead: its box with a margin, less the background; the fit."""

    values: Real
    fit: BeadFit


def average_beads(
    frames: Iterable[npt.NDArray[Any]],
    size: Sequence[int],
    pixel_size_um: Mapping[str, float] | None = None,
    notify: Notify | None = None,
) -> Beads:
    """Find the beads of some frames, align them to a fraction of a pixel, and average them.

    ``h = sum_i x_i(r + c_i) / sum_i b_i`` with x_i a bead less its background, c_i its centre between the pixels, b_i
    its brightness: the bright ones count for more, as their shot noise is less. Beads that are saturated, have a
    neighbour or are unlike the others in brightness or width are left out. Where the average does not stand out from
    its noise it is set to zero, as the noise there would add up once its negative half is clipped.

    Args:
        frames: Shape (Y, X) or (Z, Y, X) each.
        size: Pixels of the box, odd, one number per axis; three or four times the width at half maximum.
        pixel_size_um: Micrometres per pixel for those of X, Y and Z that are known.
        notify: Receives a line where few beads are left, or the average had to be moved.

    Returns:
        The average.

    Raises:
        PsfError: If there is no isolated bead, or the size is even or larger than the frames.
        PixelError: If a value is NaN or infinite.
    """
    check_box(size)
    beads: list[_Bead] = []
    found, rejected = 0, dict.fromkeys(("border", "neighbour", "saturated", "width", "brightness"), 0)
    for frame in frames:
        image, ceiling = _checked(frame, size)
        spots = find_spots(image, size, ceiling)
        found += spots.found
        rejected["border"] += spots.border
        rejected["neighbour"] += spots.crowded
        rejected["saturated"] += spots.saturated
        fitted = [_measure(image, place, size) for place in spots.places]
        beads += [bead for bead in fitted if bead is not None]
        rejected["width"] += sum(bead is None for bead in fitted)
    kept = _alike(beads, rejected)
    if not kept:
        raise _no_bead(found, rejected, size)
    if len(kept) < FEW and notify is not None:
        notify(f"the average is of {len(kept)} bead(s) only: it is noisy, and outliers cannot be told")
    return Beads(
        psf=prepare_psf(_standing_out(_average(kept), _noise(kept)), pixel_size_um, notify),
        found=found,
        rejected={reason: count for reason, count in rejected.items() if count},
        used=len(kept),
    )


def _checked(frame: npt.NDArray[Any], size: Sequence[int]) -> tuple[Real, float]:
    """Return a frame as float64, and the value at which its detector clips."""
    if frame.ndim != len(size) or any(n < k + 2 * MARGIN for n, k in zip(frame.shape, size, strict=False)):
        raise PsfError(
            f"a beads image larger than the box of {sizes(size)} pixels and a margin of {MARGIN}",
            f"one of {sizes(frame.shape)}",
            "pass a smaller --size or --size-z",
        )
    check_finite(frame, "the beads image")
    top = float(frame.max())
    tops = {float(2**bits - 1) for bits in SENSOR_BITS}
    if frame.dtype.kind in "iu":
        tops.add(float(np.iinfo(frame.dtype).max))
    return frame.astype(np.float64), top if top in tops else math.inf


def _measure(image: Real, place: npt.NDArray[np.intp], size: Sequence[int]) -> _Bead | None:
    wide = box_at(image, place, [side // 2 + MARGIN for side in size])
    inner = wide[(slice(MARGIN, -MARGIN),) * wide.ndim]
    fit = fit_bead(inner)
    if fit is None:
        return None
    return _Bead(values=wide - _background(wide), fit=fit)


def _alike(beads: Sequence[_Bead], rejected: dict[str, int]) -> list[_Bead]:
    """Leave out beads whose width or brightness is unlike that of the others, and count them.

    Two beads that touch differ little in width but much in brightness, one above another the other way round.
    """
    if len(beads) < FEW:
        return list(beads)
    odd_width = _outliers(np.log([bead.fit.sigma for bead in beads]), _WIDTH_FACTOR)
    odd_brightness = _outliers(np.log([[bead.fit.brightness] for bead in beads]), _BRIGHTNESS_FACTOR) & ~odd_width
    rejected["width"] += int(odd_width.sum())
    rejected["brightness"] += int(odd_brightness.sum())
    return [bead for bead, odd in zip(beads, (odd_width | odd_brightness).tolist(), strict=True) if not odd]


def _outliers(logarithms: Real, factor: float) -> npt.NDArray[np.bool_]:
    """Return which rows, (N, K), have a value off the median by more than a factor and 3 robust deviations."""
    away = np.abs(logarithms - np.median(logarithms, axis=0))
    spread = _MAD_TO_SIGMA * np.median(away, axis=0)
    odd: npt.NDArray[np.bool_] = np.any(away > np.maximum(math.log(factor), _SPREADS * spread), axis=1)
    return odd


def _background(wide: Real) -> float:
    """Return the level around a bead: the median of nine means over the ring outside its box.

    Of a stack only the three planes in focus count, since out of focus a wide-field microscope fills the box with the
    bead's own light. A median of means stands a neighbour in part of the ring, as a median does, but is right for
    a few photons per pixel too.
    """
    middle = wide.shape[0] // 2
    planes = wide if wide.ndim == 2 else wide[middle - 1 : middle + 2]
    ring = np.ones(planes.shape, dtype=bool)
    ring[..., MARGIN + 1 : -MARGIN - 1, MARGIN + 1 : -MARGIN - 1] = False
    return float(np.median([part.mean() for part in np.array_split(planes[ring], _RING_PARTS)]))


def _average(beads: Sequence[_Bead]) -> Real:
    total = sum(resampled(bead.values, bead.fit.offset) for bead in beads)
    inner = np.asarray(total)[(slice(MARGIN, -MARGIN),) * beads[0].values.ndim]
    mean: Real = inner / sum(bead.fit.brightness for bead in beads)
    return mean


def _noise(beads: Sequence[_Bead]) -> Real:
    """Return an image of noise alone, as strong as that of the average: half the difference of two halves' averages.

    Of a single bead, the rim of its box repeated.
    """
    if len(beads) > 1:
        half: Real = (_average(beads[::2]) - _average(beads[1::2])) / 2.0
        return half
    single = _average(beads)
    return np.resize(rim_of(single), single.shape)


def _standing_out(average: Real, noise: Real) -> Real:
    """Set to zero what does not stand out from the noise, and what is negative.

    What stands out is where the average, smoothed by a pixel, lies above three standard deviations in one piece that
    holds the peak, or at least 54 pixels (18 of a plane), which noise does not; and the pixels next to it. Bright
    specks far off would pull at the centre of mass.
    """
    from scipy.ndimage import binary_dilation, gaussian_filter, generate_binary_structure, label

    smooth, smooth_noise = (gaussian_filter(each, 1.0, mode="nearest") for each in (average, noise))
    spread = _MAD_TO_SIGMA * float(np.median(np.abs(smooth_noise)))
    around = generate_binary_structure(average.ndim, average.ndim)
    labels, _ = label(smooth > _TAIL_SIGMAS * spread, around)
    wanted = np.bincount(labels.ravel()) >= 2 * 3**average.ndim
    wanted[labels.flat[int(smooth.argmax())]] = True
    wanted[0] = False
    return np.where(binary_dilation(wanted[labels], around), np.maximum(average, 0.0), 0.0)


def _no_bead(found: int, rejected: Mapping[str, int], size: Sequence[int]) -> PsfError:
    why = ", ".join(f"{count} {words}" for words, count in rejected.items() if count)
    return PsfError(
        f"an isolated bead with a box of {sizes(size)} pixels for itself",
        f"{found} spots, none of use ({why})" if found else "no spot that stands out from the background",
        "record sparser beads over a dark background, or pass a smaller --size",
    )
