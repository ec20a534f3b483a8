"""A PSF that is made is normalised, odd and centred; what is none is refused in one line."""

from pathlib import Path

import numpy as np
import pytest
from scipy.special import erf

from quietscope.errors import PsfError
from quietscope.io import write_image
from quietscope.psf.centring import centre_offset
from quietscope.psf.gaussian_psf import gaussian_psf
from quietscope.psf.psf import Psf, check_fits, prepare_psf, read_psf, write_psf
from quietscope.psf.width import full_widths


def profile(sigma: float, side: int, centre: float = 0.0) -> np.ndarray:
    edges = np.arange(side + 1) - side / 2
    return np.diff(erf((edges - centre) / (sigma * np.sqrt(2)))) / 2


def spot(sigma: float, side: int, *centre: float) -> np.ndarray:
    return np.multiply.outer(*(profile(sigma, side, c) for c in centre))


def relative_error(found: np.ndarray, truth: np.ndarray) -> float:
    return float(np.linalg.norm(found - truth) / np.linalg.norm(truth))


def test_a_psf_has_sum_one_and_cannot_be_written_to() -> None:
    psf = prepare_psf(7 * spot(1.2, 13, 0, 0), {"X": 0.1, "Y": 0.1, "T": 3.0})
    assert psf.values.dtype == np.float32
    assert float(psf.values.sum(dtype=np.float64)) == pytest.approx(1.0, abs=1e-6)
    assert dict(psf.pixel_size_um) == {"X": 0.1, "Y": 0.1}
    with pytest.raises(ValueError, match="read-only"):
        psf.values[0, 0] = 1.0


@pytest.mark.parametrize(("sigma", "error"), [(1.0, 0.008), (1.3, 0.001), (2.0, 3e-4)])
@pytest.mark.parametrize("centre", [(0.4, -0.3), (0.5, 0.5), (-0.1, 0.0)])
def test_a_sub_pixel_shift_is_undone_with_a_note(sigma: float, error: float, centre: tuple[float, ...]) -> None:
    said: list[str] = []
    psf = prepare_psf(spot(sigma, 17, *centre), None, said.append)
    assert psf.values.shape == (17, 17)
    assert relative_error(psf.values, spot(sigma, 17, 0, 0)) < error
    assert np.abs(centre_offset(psf.values.astype(np.float64))).max() < 0.01
    assert len(said) == 1
    assert f"{centre[0]:+.2f}" in said[0]
    assert "moved" in said[0]


def test_a_centred_psf_is_left_as_it_is_without_a_word() -> None:
    said: list[str] = []
    values = spot(1.2, 13, 0, 0)
    psf = prepare_psf(values, None, said.append)
    np.testing.assert_array_equal(psf.values, (values / values.sum()).astype(np.float32))
    assert said == []


def test_a_centre_off_by_pixels_costs_the_box_its_far_side() -> None:
    said: list[str] = []
    psf = prepare_psf(spot(1.2, 21, 3.3, -2.0), None, said.append)
    assert psf.values.shape == (15, 17)
    truth = np.multiply.outer(profile(1.2, 15), profile(1.2, 17))
    assert relative_error(psf.values, truth) < 0.001
    assert "15 x 17" in said[0]


def test_a_psf_narrower_than_a_pixel_is_centred_too() -> None:
    psf = prepare_psf(spot(0.3, 9, 0.37, -0.25))
    assert np.abs(centre_offset(psf.values.astype(np.float64))).max() < 0.01
    assert psf.values.min() >= 0


def test_volumes_are_centred_along_every_axis() -> None:
    values = np.multiply.outer(profile(1.5, 15, 0.3), spot(1.2, 13, -0.4, 0.2))
    psf = prepare_psf(values)
    assert psf.axes == "ZYX"
    truth = np.multiply.outer(profile(1.5, 15), spot(1.2, 13, 0, 0))
    assert relative_error(psf.values, truth) < 0.003


NEGATIVE = spot(1.2, 13, 0, 0) - 0.001


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (spot(1.2, 12, 0, 0), ["odd", "12 x 12", "psf[1:, 1:]"]),
        (np.zeros((5, 5)), ["zeros"]),
        (np.ones((5, 5)), ["1 everywhere"]),
        (NEGATIVE, ["negative", "background", "numpy.maximum"]),
        (np.full((5, 5), np.nan), ["25 that are NaN"]),
        (np.ones(9), ["two or three dimensions", "got 9"]),
        (np.ones((3, 3, 3, 3)), ["two or three dimensions"]),
        (np.array(1.0), ["a single number"]),
        (np.ones((1, 9, 9)), ["at least 3 pixels", "1 x 9 x 9"]),
        (np.broadcast_to(np.float32(1), (4097, 4097)), ["at most 16,777,216"]),
        (spot(2.0, 21, 9.5, 0), ["centre of mass", "border"]),
        (spot(1.2, 21, 8.0, 0), ["(+7.94, +0.00)", "border"]),
    ],
)
def test_what_is_no_psf_is_refused(values: np.ndarray, words: list[str]) -> None:
    with pytest.raises(PsfError) as caught:
        prepare_psf(values)
    for word in words:
        assert word in str(caught.value)


def test_rounding_below_zero_is_no_mistake() -> None:
    values = spot(1.2, 13, 0, 0)
    values[0, 0] = -1e-12
    assert prepare_psf(values).values.min() == 0


def test_a_background_is_mentioned() -> None:
    said: list[str] = []
    prepare_psf(spot(1.2, 13, 0, 0) + 0.02, None, said.append)
    assert len(said) == 1
    assert "background" in said[0]


@pytest.mark.parametrize("share", [1e-2, 1e-4])
def test_trimming_keeps_all_but_a_small_share(share: float) -> None:
    psf = gaussian_psf((2.0, 1.0, 1.5), (25, 21, 23))
    trimmed = psf.trimmed(share)
    slices = tuple(
        slice((n - k) // 2, (n + k) // 2) for n, k in zip(psf.values.shape, trimmed.values.shape, strict=True)
    )
    assert 1 - share <= psf.values[slices].sum(dtype=np.float64) < 1
    assert all(side % 2 for side in trimmed.values.shape)
    assert trimmed.values.size < psf.values.size
    assert float(trimmed.values.sum(dtype=np.float64)) == pytest.approx(1.0, abs=1e-6)
    less = [
        psf.values[tuple(slice(s.start + 1, s.stop - 1) if n == axis else s for n, s in enumerate(slices))].sum()
        for axis in range(3)
    ]
    assert max(less) < 1 - share


def test_trimming_ends_at_three_pixels() -> None:
    values = np.zeros((9, 9))
    values[4, 4] = 1
    assert prepare_psf(values).trimmed().values.shape == (3, 3)


def test_a_psf_must_fit_the_images() -> None:
    plane, volume = gaussian_psf(1.0), gaussian_psf((2.0, 1.0, 1.0))
    check_fits(plane, 2, (9, 9), {})
    check_fits(volume, 3, (17, 9, 9), {})
    for psf, dims, size, words in (
        (volume, 2, (64, 64), ["dims=3", "17 x 9 x 9"]),
        (plane, 3, (64, 64, 64), ["dims=2", "--z-nm"]),
        (plane, 2, (8, 64), ["8 x 64", "9 x 9"]),
        (volume, 3, (16, 64, 64), ["16 x 64 x 64"]),
    ):
        with pytest.raises(PsfError) as caught:
            check_fits(psf, dims, size, {})
        for word in words:
            assert word in str(caught.value)


@pytest.mark.parametrize(("pixel", "is_said"), [(0.100, False), (0.104, False), (0.106, True), (0.09, True)])
def test_another_pixel_size_is_mentioned(pixel: float, is_said: bool) -> None:
    said: list[str] = []
    psf = gaussian_psf(1.0, pixel_size_um={"X": 0.1, "Y": 0.1})
    check_fits(psf, 2, (32, 32), {"X": pixel, "Y": 0.1, "Z": 5.0}, said.append)
    assert bool(said) == is_said
    if is_said:
        assert "X 100 nm" in said[0]
        assert "Y" not in said[0].split("(")[1].split(")")[0]


@pytest.mark.parametrize("name", ["psf.tif", "psf.ome.tif", "psf.npy"])
@pytest.mark.parametrize("sigma", [(1.2, 0.9), (2.0, 1.2, 0.9)])
def test_files_keep_the_psf(tmp_path: Path, name: str, sigma: tuple[float, ...]) -> None:
    known = {"X": 0.065, "Y": 0.07, "Z": 0.2}
    psf = gaussian_psf(sigma, pixel_size_um=known)
    write_psf(tmp_path / name, psf)
    found = read_psf(tmp_path / name)
    np.testing.assert_allclose(found.values, psf.values, rtol=1e-5, atol=1e-9)
    if not name.endswith(".npy"):
        assert found.pixel_size_um == pytest.approx({letter: known[letter] for letter in psf.axes}, rel=1e-4)


def test_a_nameless_stack_is_taken_for_depth_with_a_note(tmp_path: Path) -> None:
    said: list[str] = []
    np.save(tmp_path / "psf.npy", gaussian_psf((2.0, 1.0, 1.0)).values)
    assert read_psf(tmp_path / "psf.npy", said.append).axes == "ZYX"
    assert "taken for Z" in said[0]


def test_a_single_plane_of_a_stack_is_a_plane(tmp_path: Path) -> None:
    write_image(tmp_path / "psf.tif", gaussian_psf(1.0).values[None], "CYX")
    assert read_psf(tmp_path / "psf.tif").axes == "YX"


@pytest.mark.parametrize("axes", ["TYX", "CYX", "TZYX"])
def test_time_and_colour_are_refused(tmp_path: Path, axes: str) -> None:
    values = gaussian_psf(1.0).values
    write_image(tmp_path / "psf.tif", np.broadcast_to(values, (3,) * (len(axes) - 2) + values.shape), axes)
    with pytest.raises(PsfError, match="axes YX or ZYX"):
        read_psf(tmp_path / "psf.tif")


def test_integers_are_read(tmp_path: Path) -> None:
    write_image(tmp_path / "psf.tif", np.round(60000 * spot(1.2, 13, 0, 0)).astype(np.uint16), "YX")
    assert relative_error(read_psf(tmp_path / "psf.tif").values, spot(1.2, 13, 0, 0)) < 1e-3


@pytest.mark.parametrize("sigma", [0.8, 1.2, 3.0])
def test_widths_of_a_gaussian(sigma: float) -> None:
    inside = np.sqrt(sigma**2 + 1 / 12)  # the pixel widens it
    assert full_widths(gaussian_psf(sigma))[0] == pytest.approx(2.3548 * inside, abs=0.03)


def test_a_width_beyond_the_box_is_not_a_number() -> None:
    assert np.isnan(full_widths(Psf(gaussian_psf(5.0, 5).values))).all()
