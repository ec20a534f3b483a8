"""Shift of a point spread function by fractions of a pixel, so that its centre of mass lies in the middle pixel."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from quietscope.errors import PsfError

TOLERANCE = 0.01
"""Distance of the centre from the middle, in pixels, that is tolerated; a hundredth of a pixel is not visible."""

_MENTIONED = 0.05
_MOST_LOST = 0.05
_ROUNDS = 12
_BRIGHT_FACE = 0.1
_CUTTABLE = 0.6
_RINGING = 0.05


def centre_offset(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the distance of the centre of mass from the middle of the box, in pixels.

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
    """Shift an array by a fraction of a pixel: the point at middle + offset moves to the middle.

    The shift is a product in Fourier space, ``h(r + offset) = F^-1[exp(2 pi i f . offset) F h]``. Before, the box is
    mirrored at its lower faces, so that its periodic continuation has no jump and the result no ringing. For a Gaussian
    of 1 to 1.2 pixels the error of a quintic spline is two to five times larger, for narrower ones as large.

    Args:
        values: Array with any number of dimensions.
        offset: Shift in pixels along every axis, shape (ndim,).

    Returns:
        The shifted array, same shape.
    """
    from scipy.ndimage import fourier_shift

    mirrored = np.pad(values, [(side, 0) for side in values.shape], mode="symmetric")
    shifted = np.fft.ifftn(fourier_shift(np.fft.fftn(mirrored), -offset)).real
    result: npt.NDArray[np.float64] = shifted[tuple(slice(side, None) for side in values.shape)]
    return result


def centred(values: npt.NDArray[np.float64], notify: Callable[[str], None]) -> npt.NDArray[np.float64]:
    """Move the centre of mass into the middle pixel: by whole pixels by cutting the box, the rest by resampling.

    Negative values from resampling are clipped to zero. If they are large, the PSF is too narrow for its pixels or
    noisy; then linear interpolation is used, which blurs it but keeps the centre of mass.

    Args:
        values: A PSF of sum 1, odd sides, non-negative.
        notify: Called with one line if the centre was off the middle by more than a twentieth of a pixel.

    Returns:
        The PSF of sum 1; its box is smaller if the centre was off by more than half a pixel.

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
    """Move the centre of mass repeatedly until it stays in the middle, since clipping and the border shift it a little.

    Returns:
        The PSF, non-negative; None if it rings too much, or the centre does not come to rest.
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
    """Cut the largest box whose middle is the pixel of the centre of mass; return it, and by how much it was off."""
    box, cut = values, [0] * values.ndim
    for _ in range(_ROUNDS):  # cutting pixels away changes the centre of mass
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
