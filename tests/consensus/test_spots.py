"""Spots of samples with known places."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from quietscope.consensus.spot_detection import Maxima, find_spots, same_spots, usual_threshold
from quietscope.errors import SettingsError
from quietscope.methods.hdn import HDN
from tests import tiny

Pixels = npt.NDArray[np.float32]


def with_spots(places: list[tuple[float, ...]], shape: tuple[int, ...] = (40, 40), sigma: float = 1.5) -> Pixels:
    image = np.zeros(shape, np.float32)
    for place in places:
        squares = sum(np.square(grid - at) for grid, at in zip(np.indices(shape), place, strict=True))
        image += 50.0 * np.exp(-squares / (2 * sigma**2)).astype(np.float32)
    return image


@pytest.mark.parametrize("place", [(10.0, 20.0), (10.3, 19.6), (12.0, 8.0, 9.4)])
def test_a_spot_is_found_between_pixels(place: tuple[float, ...]) -> None:
    shape = (40, 40) if len(place) == 2 else (20, 20, 20)
    found = Maxima(2.0)(with_spots([place], shape))
    np.testing.assert_allclose(found[0, 1:], place, atol=0.15)
    assert found[0, 0] > 5 * (found[1, 0] if len(found) > 1 else 0)


def test_the_same_spot_of_several_samples_is_one() -> None:
    random = np.random.default_rng(0)
    places = np.array([[10.0, 10.0], [10.0, 18.0], [30.0, 20.0]])
    parts = [
        np.concatenate([np.full((3, 1), 9.0), places + random.uniform(-0.8, 0.8, places.shape)], axis=1)
        for _ in range(6)
    ]
    parts[0] = parts[0][:2]
    groups = same_spots(parts, 2.5)
    assert sorted(len(group) for group in groups) == [5, 6, 6]
    assert same_spots([np.zeros((0, 3))], 2.0) == []


def test_no_sample_has_one_spot_twice() -> None:
    one = np.array([[9.0, 10.0, 10.0], [8.0, 11.0, 10.0]])
    assert sorted(len(group) for group in same_spots([one, one], 2.0)) == [2, 2]


def test_spots_of_a_model_have_probabilities_and_places() -> None:
    image = np.random.default_rng(0).normal(150, 30, (2, 24, 24)).astype(np.float32)
    found = find_spots(tiny.denoiser(HDN), image, axes="TYX", num_samples=4, threshold=0.0, least_probability=0.5)
    assert found.spots
    assert {spot.at["T"] for spot in found.spots} == {0, 1}
    assert all(0.5 <= spot.probability <= 1 for spot in found.spots)
    lines = found.to_csv().splitlines()
    assert lines[0].startswith("T,spot,probability,brightness,brightness_low,brightness_high,y,")
    assert len(lines) == 1 + len(found.spots)


@pytest.mark.parametrize("radius", [0.0, -1.0, float("nan")])
def test_a_radius_that_is_none_is_refused(radius: float) -> None:
    with pytest.raises(SettingsError, match="a radius"):
        find_spots(tiny.denoiser(HDN), np.ones((16, 16), np.float32), radius=radius)


def test_an_image_without_spots_has_none() -> None:
    image = np.random.default_rng(0).normal(150, 30, (16, 16)).astype(np.float32)
    found = find_spots(tiny.denoiser(HDN), image, num_samples=2, threshold=1e9)
    assert found.spots == ()
    assert found.counts[0].tolist() == [0, 0]
    assert "no spot in any of 2 samples" in found.note
    assert len(found.to_csv().splitlines()) == 1


@pytest.mark.parametrize("wrong", [{"threshold": float("nan")}, {"least_probability": 2.0}])
def test_numbers_that_are_none_are_refused_before_a_sample_is_drawn(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=r"threshold|least probability"):
        find_spots(tiny.denoiser(HDN), np.full((4, 4, 4), np.nan, np.float32), axes="QQQ", **wrong)


def test_no_spot_is_where_nothing_was_measured() -> None:
    sample = np.ones((24, 24), np.float32)
    sample[6, 6] = sample[18, 18] = 9.0
    sample[15:, 15:] = np.nan
    found = Maxima(2.0)(sample)
    np.testing.assert_allclose(found[0, 1:], [6, 6], atol=0.5)
    assert np.isfinite(found).all()
    assert (found[1:, 0] < 0.1 * found[0, 0]).all()
    assert not (found[:, 1:] > 15.5).all(axis=1).any()


@pytest.mark.parametrize("hot", [0, 3])
def test_maxima_of_noise_are_parted_from_spots_even_beside_a_few_that_are_far_brighter(hot: int) -> None:
    random = np.random.default_rng(0)
    noise, spots = random.exponential(4.0, 150), random.lognormal(np.log(30.0), 0.3, 40)
    heights = np.concatenate([noise, spots, np.full(hot, 2000.0)])
    threshold = usual_threshold([np.stack([heights, heights], axis=1)])
    assert (noise > threshold).mean() < 0.05
    assert (spots > threshold).mean() > 0.9


@pytest.mark.parametrize("heights", [[], [3.0], [3.0, 3.0, 3.0]])
def test_nothing_to_part_has_no_threshold(heights: list[float]) -> None:
    assert usual_threshold([np.array(heights).reshape(-1, 1)]) == 0.0
