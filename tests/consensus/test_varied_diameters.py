"""Segmenters that samples take turns with, and diameters that differ between samples."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from quietscope.consensus import segment
from quietscope.consensus.segmenters import Chosen, varied
from quietscope.consensus.thresholding import watershed
from quietscope.errors import SettingsError
from quietscope.methods.hdn import HDN
from tests import tiny
from tests.consensus.known_samples import bright

Pixels = npt.NDArray[np.float32]
MODEL = tiny.denoiser(HDN)
IMAGE = np.random.default_rng(0).normal(150, 30, (3, 16, 24)).astype(np.float32)


def whole(image: Pixels) -> npt.NDArray[np.int64]:
    return np.ones(image.shape, np.int64)


def diameters(segmenters: Any) -> list[float]:
    return [each.keywords["diameter"] for each in segmenters]


def test_a_diameter_is_varied_around_itself() -> None:
    found = diameters(varied(watershed, 40.0, 0.25))
    assert found[0] == 40.0
    np.testing.assert_allclose(sorted(found), [32.0, 40.0 / np.sqrt(1.25), 40.0, 40.0 * np.sqrt(1.25), 50.0])
    assert diameters(varied(watershed, 40.0, 0.0)) == [40.0]


@pytest.mark.parametrize("by", [-0.1, 1.5, float("nan")])
def test_what_is_no_share_is_refused(by: float) -> None:
    with pytest.raises(SettingsError, match="a variation of the diameter from 0 to 1"):
        varied(watershed, 40.0, by)


def test_what_was_asked_for_is_varied_and_nothing_else_is() -> None:
    assert diameters(Chosen(diameter=20.0).segmenters()) == [20.0]
    assert sorted(diameters(Chosen(name="threshold", diameter=20.0, vary_diameter=1.0).segmenters()))[::4] == [10, 40]
    assert Chosen(name="os:getcwd").segmenters() == (__import__("os").getcwd,)
    with pytest.raises(SettingsError, match=r"a diameter to vary, of threshold, watershed, cellpose; got os:getcwd"):
        Chosen(name="os:getcwd", vary_diameter=0.2).segmenters()
    with pytest.raises(SettingsError, match="a diameter above 0"):
        Chosen(diameter=-1.0, vary_diameter=0.2).segmenters()


@pytest.mark.parametrize("processes", [1, 2])
def test_segmenters_take_turns_with_the_samples(processes: int) -> None:
    found = segment(MODEL, IMAGE[0], [bright, whole], axes="YX", num_samples=5, processes=processes)
    assert found.frames[0].counts.tolist() == [2, 1, 2, 1, 2]


def test_volumes_and_series_take_turns_too() -> None:
    volume = segment(MODEL, IMAGE, (bright, whole), axes="ZYX", dims=3, num_samples=3)
    assert [frame.counts.tolist() for frame in volume.frames] == [[2, 1, 2]]
    series = segment(MODEL, IMAGE, (bright, whole), axes="TYX", num_samples=3, tile=16)
    assert [frame.counts.tolist() for frame in series.frames] == [[2, 1, 2]] * 3


def test_varied_diameters_find_the_same_every_time() -> None:
    several = Chosen(diameter=6.0, vary_diameter=0.25).segmenters()
    first, again = (segment(MODEL, IMAGE[0], several, axes="YX", num_samples=5, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.labels, again.labels)
    assert first.frames[0].counts.tolist() == again.frames[0].counts.tolist()


def test_no_segmenter_at_all_is_refused_before_a_sample_is_drawn() -> None:
    with pytest.raises(SettingsError, match="at least one segmenter"):
        segment(MODEL, IMAGE[0], (), axes="YX", num_samples=3, progress=lambda *_: pytest.fail("drawn"))


def test_the_first_segmenter_alone_proposes_objects_of_the_mean() -> None:
    seen: list[int] = []

    def first(image: Pixels) -> npt.NDArray[np.int64]:
        seen.append(1)
        return bright(image)

    def second(image: Pixels) -> npt.NDArray[np.int64]:
        seen.append(2)
        return bright(image)

    segment(MODEL, IMAGE[0], (first, second), axes="YX", num_samples=4)
    assert seen == [1, 2, 1, 2, 1]
