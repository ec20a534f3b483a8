"""Gaussian point spread functions, integrated over pixels."""

import math
from collections.abc import Mapping, Sequence
from functools import reduce

import numpy as np
import numpy.typing as npt

from quietscope.errors import PsfError
from quietscope.psf.psf import LARGEST, Psf, check_box, prepare_psf
from quietscope.wording import typed

REACH = 4.0
"""Standard deviations that the default box extends to; per axis, 6 parts in 10^5 of the sum lie outside."""


def gaussian_psf(
    sigma: float | Sequence[float],
    size: int | Sequence[int | None] | None = None,
    pixel_size_um: Mapping[str, float] | None = None,
) -> Psf:
    """Return a Gaussian PSF.

    Along every axis ``h(k) = [erf((k + 1/2) / (sigma sqrt 2)) - erf((k - 1/2) / (sigma sqrt 2))] / 2``, the integral
    over pixel k, because a camera collects light over the whole pixel. Values at the pixel centres instead would give a
    peak that is 18 % too high for a sigma of half a pixel, and would be useless for smaller sigmas.

    Args:
        sigma: Standard deviation of the optical blur in pixels, above zero; one number for (Y, X), or one per axis of
            (Y, X) or (Z, Y, X).
        size: Sides of the box in pixels, odd, one number or one per axis; None for a box that reaches 4 sigma.
        pixel_size_um: Micrometres per pixel for those of X, Y and Z that are known.

    Returns:
        The PSF.

    Raises:
        PsfError: If a sigma is not above zero, their number is not 1, 2 or 3, or the size is even or there is not one
            size per sigma.
    """
    sigmas = (float(sigma),) * 2 if isinstance(sigma, int | float) else tuple(float(each) for each in sigma)
    if len(sigmas) not in (2, 3) or not all(0.0 < each < LARGEST for each in sigmas):
        raise PsfError(
            "a sigma above zero, in pixels, one or one per axis",
            ", ".join(f"{each:g}" for each in sigmas) or "none",
            f"pass e.g. `{typed(sigma=1.2)}`",
        )
    asked = (size,) * len(sigmas) if size is None or isinstance(size, int) else tuple(size)
    if len(asked) != len(sigmas):
        raise PsfError(f"one size, or {len(sigmas)}", f"{len(asked)}", "pass one size per sigma")
    sides = [_default_side(each) if side is None else side for each, side in zip(sigmas, asked, strict=True)]
    check_box(sides)
    profiles = [_profile(each, side) for each, side in zip(sigmas, sides, strict=True)]
    return prepare_psf(reduce(np.multiply.outer, profiles), pixel_size_um)


def _default_side(sigma: float) -> int:
    return 2 * math.ceil(REACH * sigma) + 1


def _profile(sigma: float, side: int) -> npt.NDArray[np.float64]:
    from scipy.special import erf

    edges = np.arange(side + 1) - side / 2
    profile: npt.NDArray[np.float64] = np.diff(erf(edges / (sigma * math.sqrt(2.0)))) / 2
    return profile
