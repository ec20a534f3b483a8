"""How well averaged beads give back the PSF that made them.

Beads are drawn at places between the pixels with Poisson noise, some of them in pairs, by a PSF that is known on a grid
five times finer. Relative error |h - truth| / |truth| (Euclidean norm, both of sum 1 in the box) for ``quietscope psf
beads``, and beside it, in the same run, for the plain average of boxes about the brightest pixels and for the Gaussian
of the median widths that least squares finds; and the largest relative error of the full width at half maximum.

Run: ``OMP_NUM_THREADS=1 python benchmarks/psf.py``
"""

import time
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from environment import write_result
from quietscope.psf.bead_fit import fit_bead, rim_of
from quietscope.psf.beads import average_beads
from quietscope.psf.detect import box_at, find_spots
from quietscope.psf.gaussian_psf import gaussian_psf
from quietscope.psf.optics import Optics
from quietscope.psf.psf import Psf, prepare_psf
from quietscope.psf.theory import theory_psf
from quietscope.psf.width import full_widths

FINE = 5
OIL = Optics(numerical_aperture=1.4, wavelength_nm=520)
DEEP = Optics(numerical_aperture=1.4, wavelength_nm=520, sample_index=1.4, depth_um=3)
PHOTONS = ((2_000, 10), (20_000, 50), (200_000, 500))


@dataclass(frozen=True, kw_only=True)
class Case:
    """A known PSF on a fine grid, the box to recover it in, and the beads of a scene."""

    name: str
    fine: npt.NDArray[Any]
    size: tuple[int, ...]
    scene: tuple[int, ...]
    apart: int


def main() -> None:
    rows = [_compare(case, *light) for case in _cases() for light in PHOTONS]
    print(f"{'PSF':28s}{'photons':>9s}{'ground':>8s}{'used':>6s}{'beads':>9s}{'plain':>9s}{'Gaussian':>9s}{'FWHM':>8s}")
    for row in rows:
        errors = "".join(f"{row['error'][method]:9.4f}" for method in ("beads", "plain", "gaussian"))
        worst = max(row["width_error"])
        print(f"{row['psf']:28s}{row['photons']:9d}{row['background']:8d}{row['used']:6d}{errors}{worst:8.3f}")
    print(f"\nwritten to {write_result('psf', {'unit': 'relative error of the PSF', 'rows': rows})}")


def _cases() -> list[Case]:
    fine_nm, fine_z_nm = 65.0 / FINE, 200.0 / FINE
    side, deep = 25 * FINE, 21 * FINE
    elongated = gaussian_psf((1.3 * FINE, 1.8 * FINE), (side, side)).values
    airy = theory_psf(OIL, fine_nm, None, (35 * FINE, 35 * FINE)).values
    volumes = [theory_psf(optics, fine_nm, fine_z_nm, (deep, side, side)).values for optics in (OIL, DEEP)]
    return [
        Case(name="Gaussian 1.3 x 1.8", fine=elongated, size=(21, 21), scene=(260, 260), apart=32),
        Case(name="NA 1.4, in focus", fine=airy, size=(31, 31), scene=(322, 322), apart=46),
        Case(name="NA 1.4, 3-D", fine=volumes[0], size=(15, 21, 21), scene=(29, 192, 192), apart=32),
        Case(name="NA 1.4, 3-D, 3 um in n 1.4", fine=volumes[1], size=(15, 21, 21), scene=(29, 192, 192), apart=32),
    ]


def _compare(case: Case, photons: int, background: int) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    image = _scene(case, photons, background, rng)
    start = time.perf_counter()
    found = average_beads([image], case.size)
    seconds = time.perf_counter() - start
    truth = _truth(case)
    boxes = [
        box_at(image.astype(float), place, [side // 2 for side in case.size])
        for place in find_spots(image.astype(float), case.size).places
    ]
    guesses = {"beads": found.psf.values, "plain": _plain(boxes), "gaussian": _gaussian(boxes, case.size)}
    widths = zip(full_widths(found.psf), full_widths(truth), strict=True)
    return {
        "psf": case.name,
        "photons": photons,
        "background": background,
        "found": found.found,
        "used": found.used,
        "rejected": dict(found.rejected),
        "error": {name: _error(guess, truth.values) for name, guess in guesses.items()},
        "width_error": [abs(one / other - 1.0) for one, other in widths],
        "seconds": seconds,
    }


def _scene(case: Case, photons: int, background: int, rng: np.random.Generator) -> npt.NDArray[np.uint16]:
    """Beads on a grid, shaken by half a pixel in fifths, and a neighbour two pixels off for one in eight."""
    image = np.full(case.scene, float(background))
    plane = [np.arange(case.apart // 2, side - case.apart // 3, case.apart) for side in case.scene[-2:]]
    depth = [np.array([case.scene[0] // 2])] if len(case.scene) == 3 else []
    places = np.stack(np.meshgrid(*depth, *plane, indexing="ij"), axis=-1).reshape(-1, len(case.scene))
    for number, place in enumerate(places):
        _add(image, case, place, photons * rng.uniform(0.8, 1.2), rng)
        if number % 8 == 0:
            _add(image, case, place + np.array([0] * (len(place) - 1) + [2]), photons * rng.uniform(0.8, 1.2), rng)
    return rng.poisson(image).astype(np.uint16)


def _add(
    image: npt.NDArray[Any], case: Case, place: npt.NDArray[Any], photons: float, rng: np.random.Generator
) -> None:
    bead = photons * _binned(case.fine, rng.integers(-(FINE // 2), FINE // 2 + 1, image.ndim))
    slices = []
    for at, side, length in zip(place.tolist(), bead.shape, image.shape, strict=True):
        low = at - side // 2
        slices.append((slice(max(low, 0), min(low + side, length)), slice(max(-low, 0), min(side, length - low))))
    image[tuple(to for to, _ in slices)] += bead[tuple(of for _, of in slices)]


def _binned(fine: npt.NDArray[Any], shift: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the PSF on pixels, moved by fifths of a pixel: Y and X are summed over, Z is sampled."""
    moved = np.roll(fine, tuple(shift.tolist()), axis=tuple(range(fine.ndim))).astype(np.float64)
    for axis in range(fine.ndim):
        if fine.ndim == 3 and axis == 0:
            moved = moved[FINE // 2 :: FINE]
        else:
            moved = np.add.reduceat(moved, np.arange(0, moved.shape[axis], FINE), axis=axis)
    result: npt.NDArray[Any] = moved / moved.sum()
    return result


def _truth(case: Case) -> Psf:
    whole = _binned(case.fine, np.zeros(case.fine.ndim, dtype=int))
    return prepare_psf(
        whole[tuple(slice((n - k) // 2, (n + k) // 2) for n, k in zip(whole.shape, case.size, strict=True))]
    )


def _plain(boxes: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    total = np.maximum(sum(box - np.median(rim_of(box)) for box in boxes), 0.0)
    result: npt.NDArray[Any] = total / total.sum()
    return result


def _gaussian(boxes: list[npt.NDArray[Any]], size: tuple[int, ...]) -> npt.NDArray[Any]:
    sigma = np.median([fit.sigma for fit in map(fit_bead, boxes) if fit is not None], axis=0)
    grids = [np.arange(side) - side // 2 for side in size]
    bell = reduce(np.multiply.outer, [np.exp(-0.5 * (g / s) ** 2) for g, s in zip(grids, sigma, strict=True)])
    result: npt.NDArray[Any] = bell / bell.sum()
    return result


def _error(guess: npt.NDArray[Any], truth: npt.NDArray[Any]) -> float:
    return float(np.linalg.norm(guess - truth) / np.linalg.norm(truth))


if __name__ == "__main__":
    main()
