"""Kinds of noise, planted on a real clean image and on synthetic scenes, must be told apart."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from scipy.ndimage import convolve1d, gaussian_filter
from scipy.signal import lfilter

from quietscope.diagnosis import deterministic_levels, diagnose, notes, reason, verdict
from quietscope.diagnosis.advice import Advice, AxisDoubt
from quietscope.errors import NoiseError
from quietscope.samples import sample_path

Plane = npt.NDArray[np.float64]
ALONG = {"x": 1, "y": 0}


@pytest.fixture(scope="module")
def clean() -> Plane:
    image: Plane = tifffile.imread(sample_path("confocal_fish_clean"))[0, :384, :384].astype(np.float64)
    return image


def scene(shape: tuple[int, int], seed: int = 3) -> Plane:
    """A dark field with soft and with sharp bright objects."""
    rng = np.random.default_rng(seed)
    points = np.where(rng.random(shape) < 0.002, rng.uniform(200.0, 2000.0, shape), 0.0)
    soft = 40.0 * gaussian_filter(points, 4.0)
    soft[shape[0] // 4 : shape[0] // 2, shape[1] // 3 : shape[1] // 2] += 300.0
    return 100.0 + soft


def along(shape: tuple[int, ...], axis: int, rng: np.random.Generator) -> Plane:
    """Unit noise, 60 % of whose variance is correlated along one axis: 0.51 at lag 1."""
    taps = np.array([1.0, 2.0, 3.0, 2.0, 1.0]) / np.sqrt(19.0)
    correlated = convolve1d(rng.standard_normal(shape), taps, axis=axis, mode="wrap")
    return np.sqrt(0.4) * rng.standard_normal(shape) + np.sqrt(0.6) * correlated


def blurred(shape: tuple[int, ...], rng: np.random.Generator) -> Plane:
    noise: Plane = gaussian_filter(rng.standard_normal(shape), 0.8, mode="wrap")
    return noise / noise.std()


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("sigma", [15.0, 30.0])
def test_white_noise_on_a_real_image_is_independent(clean: Plane, sigma: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    found = diagnose([clean + rng.normal(0.0, sigma, clean.shape)])
    assert found.kind == "white gaussian"
    assert found.correlation_length == 1
    assert (found.advice.method, found.advice.sure) == ("hdn", True)
    assert found.estimate is not None
    assert found.estimate.model.variance(torch_of(10.0)).sqrt().item() == pytest.approx(sigma, rel=0.15)


def test_shot_noise_is_poisson_gaussian(clean: Plane) -> None:
    rng = np.random.default_rng(0)
    found = diagnose([20.0 * rng.poisson(clean / 5.0) + rng.normal(0.0, 6.0, clean.shape)])
    assert found.kind == "poisson-gaussian"
    assert not found.defects.has_hot


@pytest.mark.parametrize("sigma", [10.0, 30.0])
@pytest.mark.parametrize(("axis", "kind"), [("x", "row-correlated"), ("y", "column-correlated")])
def test_noise_along_one_axis_is_told_with_its_direction(clean: Plane, axis: str, kind: str, sigma: float) -> None:
    found = diagnose([clean + sigma * along(clean.shape, ALONG[axis], np.random.default_rng(2))])
    assert found.kind == kind
    assert (found.advice.method, found.advice.direction) == ("dvlae", axis)
    part = found.x if axis == "x" else found.y
    np.testing.assert_allclose(part.values[1:4], [0.51, 0.32, 0.13], atol=0.06)
    assert part.length == 4


def smeared(shape: tuple[int, int], axis: int, length: float, rng: np.random.Generator) -> Plane:
    """Unit noise, correlated by exp(-lag / length) along one axis."""
    share, before = np.exp(-1.0 / length), int(8 * length)
    along_last = shape if axis == 1 else shape[::-1]
    white = rng.standard_normal((along_last[0], along_last[1] + before))
    smear: Plane = lfilter([np.sqrt(1.0 - share**2)], [1.0, -share], white, axis=1)[:, before:]
    return smear if axis == 1 else smear.T


@pytest.mark.parametrize("sigma", [15.0, 30.0])
@pytest.mark.parametrize(("axis", "other"), [("x", "y"), ("y", "x")])
def test_a_smear_of_thirty_pixels_is_followed_to_its_end(clean: Plane, axis: str, other: str, sigma: float) -> None:
    rng = np.random.default_rng(5)
    found = diagnose([clean + sigma * smeared(clean.shape, ALONG[axis], 30.0, rng)])
    lengths = {"x": found.x.length, "y": found.y.length}
    assert 35 <= lengths[axis] <= 85  # exp(-lag / 30) is 0.1 at 69 pixels
    assert lengths[other] == 1
    assert (found.advice.direction, found.advice.is_far, found.advice.is_unending) == (axis, True, False)
    assert verdict(found).endswith(f", over about {lengths[axis]} pixels")


def test_smears_are_told_by_their_length(clean: Plane) -> None:
    lengths = []
    for length in (4.0, 12.0, 40.0):
        noise = smeared(clean.shape, 1, length, np.random.default_rng(7))
        lengths.append(diagnose([clean + 20.0 * noise]).x.length)
    assert lengths[0] < 16 < lengths[1] < 35 < lengths[2]


@pytest.mark.parametrize("sigma", [15.0, 30.0])
@pytest.mark.parametrize(("axis", "lines"), [("x", "rows"), ("y", "columns")])
def test_offsets_of_whole_rows_have_no_end_and_are_told(clean: Plane, axis: str, lines: str, sigma: float) -> None:
    rng = np.random.default_rng(6)
    offsets = rng.standard_normal((len(clean), 1) if axis == "x" else (1, len(clean)))
    noise = np.sqrt(0.6) * rng.standard_normal(clean.shape) + np.sqrt(0.4) * offsets
    found = diagnose([clean + sigma * noise])
    assert (found.advice.method, found.advice.direction, found.advice.is_unending) == ("dvlae", axis, True)
    assert verdict(found).endswith(f"whole {lines} are offset")
    assert any("Whole rows or columns are offset" in line for line in notes(found))


@pytest.mark.parametrize("shape", [(101, 83), (83, 101), (97, 96), (64, 64)])
def test_images_shorter_than_the_longest_lag_are_diagnosed(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[: shape[0], : shape[1]]
    image = 100 + 50 * np.sin(y / 9) * np.cos(x / 7) + 7 * rng.normal(size=(shape[0], 1)) + 7 * rng.normal(size=shape)
    assert diagnose([image]).advice.direction == "x"


def test_short_correlation_is_not_looked_for_further(clean: Plane) -> None:
    found = diagnose([clean + 20.0 * along(clean.shape, 1, np.random.default_rng(2))])
    assert (found.x.reach, found.advice.is_far) == (None, False)
    assert "over" not in verdict(found)


def test_small_images_say_how_far_they_could_look() -> None:
    rng = np.random.default_rng(6)
    noise = np.sqrt(0.6) * rng.standard_normal((64, 64)) + np.sqrt(0.4) * rng.standard_normal((64, 1))
    found = diagnose([scene((64, 64)) + 40.0 * noise])
    assert found.kind == "row-correlated"
    assert 8 <= found.x.length < 64


def test_noise_that_grows_with_the_signal_keeps_its_direction(clean: Plane) -> None:
    sigma = np.sqrt(10.0 * clean)
    assert diagnose([clean + sigma * along(clean.shape, 1, np.random.default_rng(2))]).kind == "row-correlated"


def test_noise_correlated_both_ways_closes_levels(clean: Plane) -> None:
    found = diagnose([clean + 20.0 * blurred(clean.shape, np.random.default_rng(4))])
    assert found.kind == "correlated both ways"
    assert (found.advice.method, found.advice.deterministic_levels) == ("hdn", (0, 1))
    assert verdict(found).startswith("correlated both ways: the noise is correlated along both axes (lag-1 correlation")


@pytest.mark.parametrize("shape", [(64, 64), (71, 93), (256, 130)])
@pytest.mark.parametrize("kind", ["white", "row", "column"])
def test_small_and_odd_crops_of_a_scene(shape: tuple[int, int], kind: str) -> None:
    rng = np.random.default_rng(6)
    noise = rng.standard_normal(shape) if kind == "white" else along(shape, 1 if kind == "row" else 0, rng)
    found = diagnose([scene(shape) + 40.0 * noise])
    expected = {"white": ("white gaussian", "poisson-gaussian"), "row": ("row-correlated",)}
    assert found.kind in expected.get(kind, ("column-correlated",))


def test_a_blurred_scene_without_noise_is_clean() -> None:
    found = diagnose([gaussian_filter(scene((256, 256)), 1.5)])
    assert found.is_clean
    assert found.advice.method is None
    assert verdict(found).endswith("there is nothing to denoise")


def test_texture_without_noise_is_not_taken_for_correlated_noise() -> None:
    rng = np.random.default_rng(8)
    patches = gaussian_filter(np.repeat(np.repeat(rng.uniform(0.0, 1.0, (32, 32)), 8, 0), 8, 1), 2.0)
    texture = gaussian_filter(rng.standard_normal((256, 256)), 1.0) * patches**4
    assert diagnose([100.0 + 3000.0 * patches + 500.0 * texture]).kind in ("none", "not sure")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_any_data_type(clean: Plane, dtype: Any) -> None:
    noisy = np.clip(clean + 40.0 + 12.0 * along(clean.shape, 1, np.random.default_rng(1)), 0, 255).astype(dtype)
    assert diagnose(noisy).kind == "row-correlated"


def test_hot_pixels_are_found_and_do_not_disturb(clean: Plane) -> None:
    rng = np.random.default_rng(3)
    hot = rng.random(clean.shape) < 0.001
    frames = [clean + rng.normal(0.0, 10.0, clean.shape) + 400.0 * hot for _ in range(4)]
    found = diagnose(frames)
    assert found.kind == "white gaussian"
    assert found.defects.has_hot
    assert found.defects.hot == pytest.approx(hot.mean(), rel=0.2)
    assert found.defects.fixed is not None
    assert found.defects.fixed > 0.9
    assert any("hot pixels" in note for note in notes(found))


def test_single_photons_are_not_hot() -> None:
    rng = np.random.default_rng(3)
    photons = 100.0 * rng.poisson(0.3, (256, 256)) + rng.normal(100.0, 10.0, (256, 256))
    assert not diagnose([photons]).defects.has_hot


def test_saturation_is_reported(clean: Plane) -> None:
    noisy = clean + np.random.default_rng(3).normal(0.0, 15.0, clean.shape)
    found = diagnose([np.minimum(noisy, np.quantile(noisy, 0.98))])
    assert found.kind == "white gaussian"
    assert found.defects.saturated == pytest.approx(0.02, rel=0.2)
    assert any("saturated" in note for note in notes(found))


def pairs(count: int) -> Sequence[tuple[int, int]]:
    return [(number, number + 1) for number in range(count - 1)]


def test_repeated_frames_are_recognised_and_moving_ones_are_not(clean: Plane) -> None:
    rng = np.random.default_rng(9)
    still = [clean + 10.0 * along(clean.shape, 1, rng) for _ in range(4)]
    moving = [np.roll(clean, 9 * number, axis=0) + 10.0 * along(clean.shape, 1, rng) for number in range(4)]
    found, other = (diagnose(frames, successive={"t": pairs(4)}) for frames in (still, moving))
    assert (found.repeated, other.repeated) == (True, False)
    assert found.kind == other.kind == "row-correlated"
    assert found.t is not None
    assert found.t.verdict == "uncorrelated"


def test_noise_from_slice_to_slice(clean: Plane) -> None:
    noise = 15.0 * along((8, *clean.shape), 0, np.random.default_rng(5))
    found = diagnose(clean + noise, successive={"z": pairs(8)})
    assert found.kind == "correlated along z"
    assert found.advice.direction == "z"
    assert found.z is not None
    assert found.z.neighbours == pytest.approx(0.51, abs=0.07)


def test_unusable_images_are_refused() -> None:
    with pytest.raises(NoiseError, match="finite"):
        diagnose([np.full((64, 64), np.nan)])
    with pytest.raises(NoiseError, match="differ"):
        diagnose([np.full((64, 64), 7.0)])
    with pytest.raises(NoiseError, match="32 x 32"):
        diagnose([np.zeros((16, 16))])


def test_levels_cover_the_correlation_length() -> None:
    assert [deterministic_levels(length) for length in (1, 2, 3, 4, 5, 9)] == [
        (),
        (0,),
        (0, 1),
        (0, 1),
        (0, 1, 2),
        (0, 1, 2, 3),
    ]
    assert deterministic_levels(9, num_levels=3) == (0, 1)
    assert deterministic_levels(9, num_levels=1) == ()


def test_the_reason_is_worded_from_the_figures_of_the_advice() -> None:
    row = Advice(kind="row-correlated", method="dvlae", direction="x", neighbours_x=0.514, neighbours_y=-0.001)
    assert reason(row) == ("the noise is correlated along x alone (lag-1 correlation 0.51 along x, 0.00 along y)")
    doubts = (
        AxisDoubt(axis="x", neighbours=0.121, cause="between"),
        AxisDoubt(axis="y", neighbours=0.3, cause="structure"),
    )
    unsure = Advice(kind="not sure", method="hdn", doubts=doubts)
    assert not unsure.sure
    assert reason(unsure) == (
        "the correlation along x, 0.12, lies between independent and correlated; "
        "structure could feign the correlation along y, 0.30: no place is flat"
    )


def torch_of(value: float) -> Any:
    import torch

    return torch.tensor([value])
