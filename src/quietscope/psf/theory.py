"""Point spread functions computed from the optics of a microscope, integrated over pixels."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from quietscope.errors import PsfError
from quietscope.psf.centring import TOLERANCE, centre_offset
from quietscope.psf.optics import Optics, intensity, radii
from quietscope.psf.psf import Notify, Psf, check_box, prepare_psf
from quietscope.wording import typed, typed_box

AIRY_RADII = 5.0
"""Half the side of the default box in Airy radii; it holds 97 % of the light of the focal plane."""

AXIAL_ZEROS = 2.0
"""Half the height of the default box along Z, in distances of the first dark point from the focus."""

LARGEST_SIDE = 1025
LARGEST_PIXEL_NM = 10_000.0

_LITTLE_LIGHT = 0.9
_ROUNDS = 8


def theory_psf(
    optics: Optics,
    pixel_nm: float,
    z_nm: float | None = None,
    size: Sequence[int | None] | None = None,
    notify: Notify | None = None,
) -> Psf:
    """Return the PSF of an objective: the intensity averaged over every pixel, in one plane or a stack of planes.

    A camera integrates over the area of its pixels, but a stack is a sample of planes, so there is no average along Z.

    Args:
        optics: The objective.
        pixel_nm: Side of a pixel in the sample, in nanometres.
        z_nm: Distance between planes, in nanometres; None for the focal plane alone.
        size: Sides of the box in pixels, odd, (Y, X) or (Z, Y, X). None for 5 Airy radii to each side, and along Z
            twice the distance of the first dark point.
        notify: Called with one line if much of the light falls outside the box.

    Returns:
        The PSF with its pixel size. If the depth makes it asymmetric along Z, the box is centred on its centre of mass.

    Raises:
        PsfError: If a length is out of range, or the size is even, too large, or of another number of dimensions.
    """
    _check_lengths(pixel_nm, z_nm)
    default = _default_size(optics, pixel_nm, z_nm)
    asked = (None,) * len(default) if size is None else tuple(size)
    if len(asked) != len(default):
        raise PsfError(
            "a size of Z, Y and X with a distance of planes, and of Y and X without",
            f"{len(asked)} sides",
            f"pass e.g. `{typed_box((35,) * len(default))}`",
        )
    sides = tuple(side if wish is None else wish for wish, side in zip(asked, default, strict=True))
    check_box(sides)
    if max(sides) > LARGEST_SIDE:
        raise PsfError(
            f"a PSF of at most {LARGEST_SIDE} pixels along every axis",
            f"{' x '.join(map(str, sides))} at {pixel_nm:g} nm per pixel",
            f"pass a smaller `{typed('size')}`, and check that the pixel size is in nanometres",
        )
    pixel = pixel_nm / 1000.0
    pixel_size_um = {"X": pixel, "Y": pixel}
    if z_nm is None:
        values = _planes(optics, pixel, np.zeros(1), sides)[0]
    else:
        values = _stack(optics, pixel, z_nm / 1000.0, (sides[0], sides[1], sides[2]))
        pixel_size_um["Z"] = z_nm / 1000.0
    share = float(values.sum()) * pixel**2 / (1 if z_nm is None else sides[0])
    if optics.excitation_nm is None and share < _LITTLE_LIGHT and notify is not None:
        notify(f"the box holds {share:.0%} of the light of its planes; a larger `{typed('size')}` holds more")
    return prepare_psf(values, pixel_size_um, notify)


def _default_size(optics: Optics, pixel_nm: float, z_nm: float | None) -> tuple[int, ...]:
    across = 2 * math.ceil(AIRY_RADII * optics.airy_um / (pixel_nm / 1000.0)) + 1
    if z_nm is None:
        return across, across
    return 2 * math.ceil(AXIAL_ZEROS * optics.axial_zero_um / (z_nm / 1000.0)) + 1, across, across


def _check_lengths(pixel_nm: float, z_nm: float | None) -> None:
    for name, length in (("pixel_nm", pixel_nm), ("z_nm", 1.0 if z_nm is None else z_nm)):
        if not 1.0 <= length <= LARGEST_PIXEL_NM:
            raise PsfError(
                f"a pixel size from 1 to {LARGEST_PIXEL_NM:g} nm",
                f"{length:g} nm",
                f"pass nanometres, e.g. `{typed(**{name: 65 if name == 'pixel_nm' else 200})}`",
            )


def _stack(optics: Optics, pixel_um: float, step_um: float, sides: tuple[int, int, int]) -> npt.NDArray[np.float64]:
    """Return planes centred on the centre of mass along Z: the focus, unless the point lies deep in another medium."""
    z: npt.NDArray[np.float64] = np.arange(sides[0], dtype=np.float64) - sides[0] // 2
    z *= step_um
    values = _planes(optics, pixel_um, z, sides[1:])
    if optics.depth_um > 0.0 and optics.medium != optics.refractive_index:
        for _ in range(_ROUNDS):
            offset = float(centre_offset(values)[0])
            if abs(offset) < TOLERANCE:
                break
            z = z + offset * step_um
            values = _planes(optics, pixel_um, z, sides[1:])
    return values


def _planes(
    optics: Optics, pixel_um: float, z_um: npt.NDArray[np.float64], sides: tuple[int, ...]
) -> npt.NDArray[np.float64]:
    """Return the intensity averaged over pixels, shape (Z, Y, X), by Gauss-Legendre quadrature in one quadrant."""
    from scipy.interpolate import CubicSpline
    from scipy.special import roots_legendre

    distances = radii(optics, math.hypot(*sides) / 2.0 * pixel_um)
    profiles = CubicSpline(distances, intensity(optics, distances, z_um))
    fringes = pixel_um * optics.numerical_aperture / (optics.wavelength_nm / 1000.0)
    nodes, weights = roots_legendre(3 + math.ceil(4.0 * fringes))
    y, x = (np.add.outer(np.arange(side // 2 + 1), nodes / 2.0) * pixel_um for side in sides)
    away = np.sqrt(y[:, :, None, None] ** 2 + x[None, None] ** 2)
    result = np.empty((len(z_um), *sides))
    for number in range(len(z_um)):
        plane = CubicSpline.construct_fast(profiles.c[..., number], profiles.x)(away)
        quadrant = np.einsum("yaxb,a,b->yx", plane, weights / 2.0, weights / 2.0)
        half = np.concatenate([quadrant[:0:-1], quadrant])
        result[number] = np.concatenate([half[:, :0:-1], half], axis=1)
    return result
