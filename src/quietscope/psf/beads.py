"""A measured point spread function: the average of images of small beads."""

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
from quietscope.wording import typed

Real = npt.NDArray[np.float64]

DEFAULT_SIZE = 21
FEW = 5
"""With fewer beads than this, outliers cannot be recognised and the average is noisy."""

SENSOR_BITS = (8, 10, 12, 14, 16)

_WIDTH_FACTOR, _BRIGHTNESS_FACTOR, _SPREADS = 1.08, 2.0, 3.0
_MAD_TO_SIGMA = 1.4826
_TAIL_SIGMAS = 3.0
_RING_PARTS = 9


@dataclass(frozen=True, kw_only=True)
class Beads:
    """The average of all usable beads, and how many spots were used and rejected.

    Attributes:
        psf: The average.
        found: Number of spots in all frames.
        rejected: Number of spots that were not used, by reason.
        used: Number of beads in the average.
    """

    psf: Psf
    found: int
    rejected: Mapping[str, int]
    used: int


@dataclass(frozen=True, kw_only=True)
class _Bead:
    """One bead.

    Attributes:
        values: Its box with a margin, less the background, intensity units.
        fit: The Gaussian fitted to it.
    """

    values: Real
    fit: BeadFit


def average_beads(
    frames: Iterable[npt.NDArray[Any]],
    size: Sequence[int],
    pixel_size_um: Mapping[str, float] | None = None,
    notify: Notify | None = None,
) -> Beads:
    """Find the beads in some frames, align them with sub-pixel precision, and average them.

    ``h = sum_i x_i(r + c_i) / sum_i b_i``, with x_i bead i less its background, c_i its centre with sub-pixel
    precision, and b_i its brightness. So bright beads count more, because their relative shot noise is smaller. Beads
    that are saturated, have a neighbour, or differ from the others in brightness or width are left out. The average is
    set to zero where it does not exceed its noise: otherwise noise, whose negative half is clipped, would add up.

    Args:
        frames: Images of beads, shape (Y, X) or (Z, Y, X) each.
        size: Sides of the box of a bead in pixels, odd, one per axis; three or four times the width at half maximum.
        pixel_size_um: Micrometres per pixel for those of X, Y and Z that are known.
        notify: Called with one line if few beads are left, or the average had to be moved.

    Returns:
        The average, and the number of beads used and rejected.

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
        notify(f"the average is of {len(kept)} bead(s) only: it is noisy, and outliers cannot be recognised")
    return Beads(
        psf=prepare_psf(_standing_out(_average(kept), _noise(kept)), pixel_size_um, notify),
        found=found,
        rejected={reason: count for reason, count in rejected.items() if count},
        used=len(kept),
    )


def _checked(frame: npt.NDArray[Any], size: Sequence[int]) -> tuple[Real, float]:
    """Return a frame as float64, and the value at which its detector saturates (infinite if unknown)."""
    if frame.ndim != len(size) or any(n < k + 2 * MARGIN for n, k in zip(frame.shape, size, strict=False)):
        raise PsfError(
            f"a beads image larger than the box of {sizes(size)} pixels and a margin of {MARGIN}",
            f"one of {sizes(frame.shape)}",
            f"pass a smaller box with `{typed('size')}`",
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
    """Leave out beads whose width or brightness differs from that of the others, and count them.

    Two touching beads look like one of nearly normal width but twice the brightness; two beads one above the other,
    like one of normal brightness but larger width.
    """
    if len(beads) < FEW:
        return list(beads)
    odd_width = _outliers(np.log([bead.fit.sigma for bead in beads]), _WIDTH_FACTOR)
    odd_brightness = _outliers(np.log([[bead.fit.brightness] for bead in beads]), _BRIGHTNESS_FACTOR) & ~odd_width
    rejected["width"] += int(odd_width.sum())
    rejected["brightness"] += int(odd_brightness.sum())
    return [bead for bead, odd in zip(beads, (odd_width | odd_brightness).tolist(), strict=True) if not odd]


def _outliers(logarithms: Real, factor: float) -> npt.NDArray[np.bool_]:
    """Return which of N rows, shape (N, K), differ from the median by more than a factor and 3 robust deviations."""
    away = np.abs(logarithms - np.median(logarithms, axis=0))
    spread = _MAD_TO_SIGMA * np.median(away, axis=0)
    odd: npt.NDArray[np.bool_] = np.any(away > np.maximum(math.log(factor), _SPREADS * spread), axis=1)
    return odd


def _background(wide: Real) -> float:
    """Return the background around a bead: the median of nine means over parts of the ring outside its box.

    Of a stack only the three planes in focus are used, because out of focus the light of the bead itself fills the box.
    Like a median, a median of means is not disturbed by a neighbour in part of the ring; unlike a median, it is also
    right for a few photons per pixel.
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
    """Return an image of noise as strong as that of the average: half the difference of the averages of two halves.

    For a single bead: the values at the rim of its box, repeated.
    """
    if len(beads) > 1:
        half: Real = (_average(beads[::2]) - _average(beads[1::2])) / 2.0
        return half
    single = _average(beads)
    return np.resize(rim_of(single), single.shape)


def _standing_out(average: Real, noise: Real) -> Real:
    """Set to zero all pixels that do not stand out from the noise, and all negative ones.

    The average, smoothed by one pixel, stands out where it exceeds three standard deviations of the noise in a
    connected region that holds the peak or at least 54 pixels (18 in a plane), which regions of noise do not; pixels
    next to such a region count too. Bright specks far from the bead would otherwise shift the centre of mass.
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
        f"{found} spots, none of them usable ({why})" if found else "no spot that stands out from the background",
        f"record sparser beads over a dark background, or pass a smaller `{typed('size')}`",
    )
