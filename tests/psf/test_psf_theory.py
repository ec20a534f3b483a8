"""The PSF of an objective against what textbooks say of it."""

import math
from typing import Any

import numpy as np
import pytest
from scipy.special import j0, j1

from quietscope.errors import PsfError
from quietscope.psf.optics import Optics, intensity, radii
from quietscope.psf.theory import theory_psf
from quietscope.psf.width import full_widths

LOW = Optics(numerical_aperture=0.1, wavelength_nm=500, refractive_index=1.0)
OIL = Optics(numerical_aperture=1.4, wavelength_nm=520)
FOCUS = np.zeros(1)


def first_dip(values: np.ndarray) -> int:
    return int(np.flatnonzero((values[1:-1] < values[:-2]) & (values[1:-1] < values[2:]))[0]) + 1


def test_in_focus_it_is_the_airy_disk() -> None:
    radius = np.linspace(0, 9, 1801)
    found = intensity(OIL, radius / 10, FOCUS)[:, 0]
    v = 2 * math.pi * OIL.numerical_aperture / 0.52 * radius[1:] / 10
    np.testing.assert_allclose(found[1:] / found[0], (2 * j1(v) / v) ** 2, atol=1e-9)
    dip = first_dip(intensity(LOW, radius, FOCUS)[:, 0])
    assert radius[dip] == pytest.approx(0.61 * 0.5 / 0.1, abs=0.01)
    assert pytest.approx(0.61 * 0.5 / 0.1) == LOW.airy_um


def test_on_the_axis_it_goes_dark_where_born_and_wolf_say() -> None:
    z = np.linspace(0, 150, 3001)
    found = intensity(LOW, np.zeros(1), z)[0]
    assert z[first_dip(found)] == pytest.approx(2 * 0.5 / 0.1**2, rel=0.005)
    assert pytest.approx(2 * 0.5 / 0.1**2, rel=0.005) == LOW.axial_zero_um
    u = 2 * math.pi / 0.5 * 0.1**2 * z[1:]
    np.testing.assert_allclose(found[1:] / found[0], (np.sin(u / 4) / (u / 4)) ** 2, atol=0.005)


@pytest.mark.parametrize("depth", [0.0, 4.0])
def test_the_quadrature_is_exact(depth: float) -> None:
    optics = Optics(numerical_aperture=1.3, wavelength_nm=520, sample_index=1.4, depth_um=depth)
    radius, z = np.array([0.0, 0.3, 1.0]), np.array([-0.8, 0.0, 0.5])
    found = intensity(optics, radius, z)
    rho = np.linspace(0, 1, 40001)
    oil, sample = (np.sqrt(n**2 - (1.3 * rho) ** 2) for n in (1.518, 1.4))
    fit = np.polyfit(oil, sample, 1, w=np.sqrt(rho))  # the defocus that the depth looks like
    k = 2 * math.pi / 0.52
    phase = np.multiply.outer(z, oil) + depth * (sample - fit[0] * oil)
    for i, r in enumerate(radius):
        field = np.trapezoid(np.exp(1j * k * phase) * j0(k * 1.3 * r * rho) * rho, rho, axis=1)
        expected = np.abs(field) ** 2 * (k * 1.3) ** 2 / math.pi
        np.testing.assert_allclose(found[i], expected, rtol=2e-4, atol=1e-6 * found.max())


@pytest.mark.parametrize("depth", [0.0, 3.0])
def test_every_plane_holds_the_same_light(depth: float) -> None:
    optics = Optics(numerical_aperture=0.8, wavelength_nm=520, refractive_index=1.0, sample_index=1.33, depth_um=depth)
    radius = radii(optics, 60.0)
    found = intensity(optics, radius, np.array([0.0, 1.0]))
    light = np.trapezoid(found * 2 * math.pi * radius[:, None], radius, axis=0)
    np.testing.assert_allclose(light, 1.0, atol=0.02)


def test_a_plane_is_symmetric_and_as_wide_as_it_should_be() -> None:
    psf = theory_psf(OIL, 20.0)
    values = psf.values
    assert values.shape == (115, 115)
    assert float(values.sum(dtype=np.float64)) == pytest.approx(1.0, abs=1e-6)
    for other in (values[::-1], values[:, ::-1], values.T):
        np.testing.assert_allclose(values, other, atol=1e-9)
    assert full_widths(psf)[1] * 20 == pytest.approx(0.514 * 520 / 1.4, abs=2.0)
    assert dict(psf.pixel_size_um) == {"X": 0.02, "Y": 0.02}


def test_pixels_are_integrated_over() -> None:
    fine, coarse = theory_psf(OIL, 20.0, size=(105, 105)).values, theory_psf(OIL, 100.0, size=(21, 21)).values
    binned = fine.reshape(21, 5, 21, 5).sum(axis=(1, 3))
    np.testing.assert_allclose(coarse, binned, atol=2e-5)


def test_a_volume_is_symmetric_where_the_media_match() -> None:
    said: list[str] = []
    psf = theory_psf(OIL, 65.0, 200.0, notify=said.append)
    assert psf.values.shape == (13, 37, 37)
    np.testing.assert_allclose(psf.values, psf.values[::-1], atol=1e-9)
    assert dict(psf.pixel_size_um) == {"X": 0.065, "Y": 0.065, "Z": 0.2}
    assert full_widths(psf)[0] * 200 == pytest.approx(0.885 * 520 / (1.518 - math.sqrt(1.518**2 - 1.4**2)), rel=0.06)
    assert "88%" in said[0]


def test_depth_in_another_medium_makes_it_lopsided_and_dimmer() -> None:
    deep = Optics(numerical_aperture=1.4, wavelength_nm=520, sample_index=1.33, depth_um=5)
    psf = theory_psf(deep, 65.0, 200.0, (21, 25, 25))
    assert psf.values.max() < 0.5 * theory_psf(OIL, 65.0, 200.0, (21, 25, 25)).values.max()
    assert np.abs(psf.values - psf.values[::-1]).sum() > 0.5
    shallow = Optics(numerical_aperture=1.4, wavelength_nm=520, sample_index=1.518, depth_um=5)
    np.testing.assert_allclose(theory_psf(shallow, 65.0).values, theory_psf(OIL, 65.0).values, atol=1e-7)


def test_confocal_is_sharper_the_smaller_the_pinhole_and_at_none_the_product() -> None:
    def width(**values: Any) -> float:
        return full_widths(theory_psf(Optics(numerical_aperture=1.2, **values), 20.0))[0]

    opened, closed = (width(wavelength_nm=520, excitation_nm=488, pinhole_airy=pinhole) for pinhole in (5.0, 0.1))
    assert closed < 0.75 * width(wavelength_nm=520)
    assert opened == pytest.approx(width(wavelength_nm=488), rel=0.005)
    optics = Optics(numerical_aperture=1.2, wavelength_nm=520, excitation_nm=488, pinhole_airy=0.01)
    radius = np.linspace(0, 0.6, 30)
    parts = [intensity(Optics(numerical_aperture=1.2, wavelength_nm=nm), radius, FOCUS)[:, 0] for nm in (520, 488)]
    product = parts[0] * parts[1]
    found = intensity(optics, radius, FOCUS)[:, 0]
    np.testing.assert_allclose(found / found[0], product / product[0], atol=1e-3)


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"numerical_aperture": 1.6}, "refractive index, 1.518"),
        ({"numerical_aperture": 0.0}, "numerical_aperture=1.4"),
        ({"numerical_aperture": math.nan}, "numerical_aperture=1.4"),
        ({"wavelength_nm": 0.52}, "wavelength_nm=520"),
        ({"excitation_nm": 0.0}, "excitation_nm="),
        ({"refractive_index": 0.9, "numerical_aperture": 0.5}, "refractive_index="),
        ({"sample_index": 0.0}, "sample_index="),
        ({"depth_um": -1.0}, "depth_um="),
        ({"pinhole_airy": 0.0}, "pinhole_airy="),
    ],
)
def test_optics_that_cannot_be(values: dict[str, float], word: str) -> None:
    with pytest.raises(PsfError) as caught:
        Optics(**{"numerical_aperture": 1.4, "wavelength_nm": 520, **values})
    assert word in str(caught.value)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((0.065,), "pixel_nm=65"),
        ((65.0, 0.0), "z_nm=200"),
        ((65.0, None, (35, 34)), "size=(35, 33)"),
        ((65.0, None, (35, 35, 35)), "sides"),
        ((65.0, 200.0, (13, 35)), "sides"),
        ((65.0, None, (2001, 2001)), "at most 1025"),
        ((5000.0, None, (1001, 1001)), "nanometres"),
    ],
)
def test_boxes_that_cannot_be(
    words: tuple[float, ...]
    | tuple[float, None, tuple[int, int, int]]
    | tuple[float, None, tuple[int, int]]
    | tuple[float, float, tuple[int, int]],
    said: str,
) -> None:
    with pytest.raises(PsfError) as caught:
        theory_psf(OIL, *words)
    assert said in str(caught.value)
