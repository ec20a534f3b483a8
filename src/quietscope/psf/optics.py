"""An objective, and the intensity of the image that it makes of a point: the scalar integral of Gibson and Lanni.

Gibson, Lanni, "Experimental test of an analytical model of aberration in an oil-immersion objective lens used in
three-dimensional light microscopy", J. Opt. Soc. Am. A 9, 1992. If sample and immersion have the same refractive index,
this is the integral of Born and Wolf (Principles of Optics, 8.8) without its paraxial approximation of defocus.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from quietscope.errors import PsfError
from quietscope.wording import typed

Real = npt.NDArray[np.float64]

WAVELENGTHS_NM = (100.0, 5000.0)
LARGEST_PINHOLE = 5.0
"""Largest pinhole in Airy disks; a larger one is as good as none, since the excitation alone limits the image."""

LARGEST_INDEX = 4.0
"""Refractive index of solid immersion lenses of silicon; a larger number must be a mistake."""

_RADII_PER_FRINGE = 60
_MOST_NODES = 2000
_PINHOLE_RINGS, _PINHOLE_ANGLES = 8, 24
"""Number of rings and angles at which the intensity is evaluated to average over a pinhole of one Airy disk."""


@dataclass(frozen=True, kw_only=True)
class Optics:
    """An objective and the light it collects.

    The coverslip is assumed to be the one that the objective is corrected for.

    Attributes:
        numerical_aperture: NA = n sin(theta).
        wavelength_nm: Emission wavelength in vacuum, in nanometres.
        refractive_index: Refractive index n of the immersion: 1.518 for oil, 1.333 for water, 1 for air.
        sample_index: Refractive index of the medium around the point; that of the immersion if None.
        depth_um: Depth of the point in the sample, in micrometres; it matters if the two media differ.
        excitation_nm: Excitation wavelength of a confocal microscope, in nanometres; None for a wide-field microscope.
        pinhole_airy: Diameter of the pinhole over that of the Airy disk, 1.22 wavelength / NA, in the sample.

    Raises:
        PsfError: If a value is out of range, or NA is not below the refractive index.
    """

    numerical_aperture: float
    wavelength_nm: float
    refractive_index: float = 1.518
    sample_index: float | None = None
    depth_um: float = 0.0
    excitation_nm: float | None = None
    pinhole_airy: float = 1.0

    def __post_init__(self) -> None:
        for name, index in (("refractive index", self.refractive_index), ("sample index", self.medium)):
            if not 1.0 <= index <= LARGEST_INDEX:
                fix = typed(**{name.replace(" ", "_"): 1.518})
                raise PsfError(f"a {name} from 1 to {LARGEST_INDEX:g}", f"{index:g}", f"pass e.g. `{fix}`")
        if not 0.0 < self.numerical_aperture < self.refractive_index:
            raise PsfError(
                f"a numerical aperture between 0 and the refractive index, {self.refractive_index:g}",
                f"{self.numerical_aperture:g}",
                f"pass the one on the objective and its immersion, e.g. "
                f"`{typed(numerical_aperture=1.4, refractive_index=1.518)}`",
            )
        low, high = WAVELENGTHS_NM
        for name, nm in (("wavelength_nm", self.wavelength_nm), ("excitation_nm", self.excitation_nm)):
            if nm is not None and not low <= nm <= high:
                raise PsfError(
                    f"a wavelength from {low:g} to {high:g} nm", f"{nm:g}", f"pass e.g. `{typed(**{name: 520})}`"
                )
        if not 0.0 <= self.depth_um < math.inf:
            raise PsfError(
                "a depth of zero or more micrometres", f"{self.depth_um:g}", f"pass e.g. `{typed(depth_um=5)}`"
            )
        if not 0.0 < self.pinhole_airy <= LARGEST_PINHOLE:
            raise PsfError(
                f"a pinhole above zero and up to {LARGEST_PINHOLE:g} Airy disks",
                f"{self.pinhole_airy:g}",
                f"pass e.g. `{typed(pinhole_airy=1)}`",
            )

    @property
    def medium(self) -> float:
        """Refractive index of the medium around the point."""
        return self.refractive_index if self.sample_index is None else self.sample_index

    @property
    def airy_um(self) -> float:
        """Radius of the first dark ring in focus, ``0.61 wavelength / NA``, in micrometres."""
        return 0.61 * self.wavelength_nm / 1000.0 / self.numerical_aperture

    @property
    def axial_zero_um(self) -> float:
        """Distance of the first dark point on the axis, ``wavelength / (n - sqrt(n^2 - NA^2))``, in micrometres.

        It tends to 2 n wavelength / NA^2 for a small NA.
        """
        n = self.refractive_index
        return self.wavelength_nm / 1000.0 / (n - math.sqrt(n * n - self.numerical_aperture**2))


def intensity(optics: Optics, radius_um: Real, z_um: Real) -> Real:
    """Return the intensity of the image of a point.

    Wide field: ``|u(r, z; emission)|^2``. Confocal: ``|u(r, z; excitation)|^2`` times the mean of
    ``|u(r, z; emission)|^2`` over the pinhole. Each ``|u|^2`` is scaled so that its integral over a plane, in square
    micrometres, is 1.

    Args:
        optics: The objective.
        radius_um: Distances from the optical axis, ascending from 0, shape (R,), micrometres in the sample.
        z_um: Distances from the focus along the optical axis, shape (Z,), micrometres.

    Returns:
        The intensity, shape (R, Z).
    """
    emission = optics.wavelength_nm / 1000.0
    if optics.excitation_nm is None:
        return _wide_field(optics, emission, radius_um, z_um)
    pinhole = optics.pinhole_airy * optics.airy_um
    seen = _over_disk(optics, emission, radius_um, z_um, pinhole)
    return seen * _wide_field(optics, optics.excitation_nm / 1000.0, radius_um, z_um)


def radii(optics: Optics, reach_um: float) -> Real:
    """Return distances from the axis, from 0 to beyond `reach_um`, close enough to interpolate the intensity.

    The intensity has no frequency above 2 NA / wavelength; steps of wavelength / NA / 60 are thirty per period.

    Args:
        optics: The objective.
        reach_um: Largest distance that is needed, in micrometres.

    Returns:
        The distances, ascending, in micrometres, shape (R,).
    """
    wavelength = min(optics.wavelength_nm, optics.excitation_nm or math.inf) / 1000.0
    step = wavelength / optics.numerical_aperture / _RADII_PER_FRINGE
    result: Real = np.arange(math.ceil(reach_um / step) + 4, dtype=np.float64)
    result *= step
    return result


def _wide_field(optics: Optics, wavelength_um: float, radius_um: Real, z_um: Real) -> Real:
    """Return |u|^2 of ``u(r, z) = int_0^a J0(k NA r rho) exp(i k W(rho, z)) rho d rho``, by Gauss-Legendre quadrature.

    ``W = z sqrt(n^2 - NA^2 rho^2) + d [sqrt(m^2 - NA^2 rho^2) - c sqrt(n^2 - NA^2 rho^2)]`` with the refractive indices
    n of the immersion and m of the medium, and the depth d. The constant c shifts z to the position of the smallest
    remaining aberration (least squares over the aperture). The aperture ends at a = 1, or at m / NA if steeper rays are
    totally reflected in the medium.
    """
    from scipy.special import j0, roots_legendre

    k, aperture = 2.0 * math.pi / wavelength_um, optics.numerical_aperture
    n, m, depth = optics.refractive_index, optics.medium, optics.depth_um
    edge = min(1.0, m / aperture) if depth > 0.0 else 1.0
    path = aperture * radius_um[-1] + (np.abs(z_um).max() + depth) * (n - math.sqrt(n * n - (aperture * edge) ** 2))
    count = 48 + math.ceil(0.75 * k * path)  # half of the largest phase would be just enough
    if count > _MOST_NODES:
        raise PsfError(
            f"a box of at most some {_MOST_NODES * wavelength_um / (0.75 * math.pi * aperture):.0f} um across",
            f"one that reaches {radius_um[-1]:.4g} um sideways and {np.abs(z_um).max() + depth:.4g} um in depth",
            f"pass a smaller `{typed('size')}`, and check that the pixel size is in nanometres",
        )
    nodes, weights = roots_legendre(count)
    rho, weight = edge * (nodes + 1.0) / 2.0, edge * weights / 2.0
    weight = weight * rho
    height, aberration = _height(n, aperture, rho), _height(m, aperture, rho)
    centred = height - np.average(height, weights=weight)
    slope = np.average(centred * aberration, weights=weight) / np.average(centred**2, weights=weight)
    phase = k * (np.multiply.outer(height, z_um) + depth * (aberration - slope * height)[:, None])
    field = j0(k * aperture * np.multiply.outer(radius_um, rho)) @ (weight[:, None] * np.exp(1j * phase))
    power: Real = np.abs(field) ** 2
    # Parseval: the integral of |u|^2 over a plane is 2 pi / (k NA)^2 times that of rho over the aperture, a^2 / 2.
    scaled: Real = power * (k * aperture) ** 2 / (math.pi * edge**2)
    return scaled


def _height(index: float, aperture: float, rho: Real) -> Real:
    """Return ``sqrt(index^2 - NA^2 rho^2)``, the refractive index times the cosine of a ray's angle to the axis."""
    height: Real = np.sqrt(np.maximum(index * index - (aperture * rho) ** 2, 0.0))
    return height


def _over_disk(optics: Optics, wavelength_um: float, radius_um: Real, z_um: Real, disk_um: float) -> Real:
    """Return the wide-field intensity averaged over a disk around every radius, shape (R, Z)."""
    from scipy.interpolate import CubicSpline
    from scipy.special import roots_legendre

    fine = radii(optics, float(radius_um[-1]) + disk_um)
    profile = CubicSpline(fine, _wide_field(optics, wavelength_um, fine, z_um))
    finer = max(1.0, optics.pinhole_airy)
    nodes, weights = roots_legendre(math.ceil(_PINHOLE_RINGS * finer))
    count = math.ceil(_PINHOLE_ANGLES * finer)
    total: Real = np.zeros((len(radius_um), len(z_um)))
    for node, weight in zip((nodes + 1.0) / 2.0, weights, strict=True):
        ring = disk_um * node
        for angle in (np.arange(count) + 0.5) * math.pi / count:
            away = np.sqrt(np.maximum(radius_um**2 + ring**2 - 2.0 * radius_um * ring * math.cos(angle), 0.0))
            total += weight * node / count * profile(away)
    return total
