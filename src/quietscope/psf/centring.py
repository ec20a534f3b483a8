"""Moving a point spread function so that its centre of mass lies in the middle pixel."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from quietscope.errors import PsfError

TOLERANCE = 0.01
"""Pixels that a centre may lie off the middle: a hundredth shifts no image visibly."""

_MENTIONED = 0.05
_MOST_LOST = 0.05
_ROUNDS = 12
_BRIGHT_FACE = 0.1
_CUTTABLE = 0.6
_RINGING = 0.05


def centre_offset(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return how far the centre of mass lies from the middle, in pixels.

    ``c_a = sum_r (r_a - m_a) h(r) / sum_r h(r)``, with m the middle of the box.

    Args:
        values: Non-negative, any number of dimensions.

    Returns:
        The offset along every axis, shape (ndim,).
    """
    total = values.sum()
    offsets = []
    for axis, side in enumerate(values.shape):
        others = tuple(n for n in range(values.ndim) if n != axis)
        offsets.append(float(values.sum(axis=others) @ (np.arange(side) - (side - 1) / 2)) / total)
    return np.array(offsets)


def resampled(values: npt.NDArray[np.float64], offset: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Resample an array so that what lay at middle + offset comes to lie in the middle.

    In Fourier space, ``h(r + offset) = F^-1[exp(2 pi i f . offset) F h]``, after the box has been mirrored at its lower
    faces: thus the periodic continuation has no jump that would ring. A quintic spline is two to five times worse for
    a Gaussian of 1 to 1.2 pixels, and no better below.

    Args:
        values: Any number of dimensions.
        offset: Pixels along every axis, shape (ndim,).

    Returns:
        The array, same shape.
    """
    from scipy.ndimage import fourier_shift

    mirrored = np.pad(values, [(side, 0) for side in values.shape], mode="symmetric")
    shifted = np.fft.ifftn(fourier_shift(np.fft.fftn(mirrored), -offset)).real
    result: npt.NDArray[np.float64] = shifted[tuple(slice(side, None) for side in values.shape)]
    return result


def centred(values: npt.NDArray[np.float64], notify: Callable[[str], None]) -> npt.NDArray[np.float64]:
    """Bring the centre of mass into the middle pixel: whole pixels by cutting the box, the rest by resampling.

    What resampling takes below zero is clipped. Where that is much, the PSF is narrower than its pixels can tell, or
    noisy, and linear interpolation, which blurs but keeps the centre of mass, is the lesser evil.

    Args:
        values: A PSF of sum 1, odd sides, non-negative.
        notify: Receives a line where the centre lay off the middle by more than a twentieth of a pixel.

    Returns:
        The PSF of sum 1, in a smaller box where its centre lay off by more than half a pixel.

    Raises:
        PsfError: If too much of the PSF would be cut off.
    """
    start = centre_offset(values)
    if np.abs(start).max() <= TOLERANCE:
        return values
    box, cut = _cut(values)
    result = _settled(box, resampled)
    if result is None:
        result = _settled(box, _interpolated)
    if result is None:
        raise _off(start)
    smaller = "" if not any(cut) else f" and its box cut to {' x '.join(map(str, box.shape))}"
    if np.abs(start).max() > _MENTIONED:
        notify(f"the PSF's centre lay {_words(start)} pixels off its middle; it has been moved{smaller}")
    scaled: npt.NDArray[np.float64] = result / result.sum()
    return scaled


def _interpolated(values: npt.NDArray[np.float64], offset: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    from scipy.ndimage import shift

    result: npt.NDArray[np.float64] = shift(values, -offset, order=1, mode="grid-constant")
    return result


def _settled(
    box: npt.NDArray[np.float64],
    resample: Callable[[npt.NDArray[np.float64], npt.NDArray[np.float64]], npt.NDArray[np.float64]],
) -> npt.NDArray[np.float64] | None:
    """Move the centre of mass until it stays in the middle, since clipping and the border move it a little.

    Returns:
        The PSF, non-negative, or None where it rings too much or does not settle.
    """
    total = np.zeros(box.ndim)
    result = box
    for _ in range(_ROUNDS):
        offset = centre_offset(result)
        if np.abs(offset).max() <= TOLERANCE / 100:
            return result
        total = np.clip(total + offset, -1.0, 1.0)
        result = resample(box, total)
        if result.min() < -_RINGING * result.max():
            return None
        result = np.maximum(result, 0.0)
    return result if np.abs(centre_offset(result)).max() <= TOLERANCE else None


def _cut(values: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], list[int]]:
    """Cut the largest box whose middle is the pixel of the centre of mass; return it and the pixels it is off."""
    box, cut = values, [0] * values.ndim
    for _ in range(_ROUNDS):  # what is cut away counts no longer, so the centre of mass wanders
        off = [round(c) if abs(c) > _CUTTABLE else 0 for c in centre_offset(box).tolist()]
        if not any(off):
            break
        slices = tuple(slice(max(0, 2 * c), side + min(0, 2 * c)) for c, side in zip(off, box.shape, strict=True))
        box, cut = box[slices], [a + b for a, b in zip(cut, off, strict=True)]
        if min(box.shape) < 3 or box.sum() < 1.0 - _MOST_LOST:
            raise _off(centre_offset(values))
    faces = [float(np.take(box, [0, -1], axis).max()) for axis, pixels in enumerate(cut) if pixels]
    if any(off) or max(faces, default=0.0) > _BRIGHT_FACE * float(box.max()):
        raise _off(centre_offset(values))
    return box, cut


def _off(offset: npt.NDArray[np.float64]) -> PsfError:
    return PsfError(
        "a PSF with its centre of mass in the middle",
        f"one that lies {_words(offset)} pixels off, too near the border to be moved there",
        "cut the box around its peak, and remove background and neighbours",
    )


def _words(offset: npt.NDArray[np.float64]) -> str:
    return "(" + ", ".join(f"{c:+.2f}" for c in offset) + ")" if len(offset) > 1 else f"{offset[0]:+.2f}"
