"""Squares that noise does not explain are found, and nothing is where noise explains all."""

import numpy as np
import numpy.typing as npt
import pytest
from scipy.ndimage import gaussian_filter

from quietscope.io import Image
from quietscope.metrics.coverage import Exposure
from quietscope.metrics.squares import variance_line
from quietscope.metrics.unexplained import NOT_TESTED, Unexplained
from quietscope.tiling.judged import unexplained_regions

SIDE = 128
Array = npt.NDArray[np.float64]


def signal_of(rng: np.random.Generator) -> Array:
    """Structure of several sizes, from 50 to some 400."""
    rough = sum(gaussian_filter(rng.normal(size=(SIDE, SIDE)), width) * width for width in (2.0, 5.0, 12.0))
    return np.asarray(50.0 + 60.0 * np.maximum(rough, 0.0) / rough.std())


def noise_of(kind: str, signal: Array, rng: np.random.Generator) -> Array:
    if kind == "shot":
        return rng.poisson(signal) - signal
    if kind == "skewed":
        return signal * (rng.gamma(4.0, 0.25, signal.shape) - 1.0)
    white = rng.normal(size=signal.shape)
    if kind == "rows":
        white += 0.5 * np.roll(white, 1, axis=1) + 0.2 * np.roll(white, 2, axis=1)
    if kind == "blurred":
        white = gaussian_filter(white, 1.0, mode="wrap")
    if kind == "hot pixels":
        white[rng.random(signal.shape) < 0.0005] += 30.0
    return 20.0 * white / white.std()


def find(noisy: Array, denoised: Array, noise: tuple[Exposure, ...] = ()) -> Unexplained:
    return unexplained_regions(Image(noisy, "YX"), Image(denoised, "YX"), noise)


def disc(height: float, radius: float, place: tuple[int, int] = (70, 43)) -> Array:
    y, x = np.indices((SIDE, SIDE))
    return np.where((y - place[0]) ** 2 + (x - place[1]) ** 2 <= radius**2, height, 0.0)


@pytest.mark.parametrize("kind", ["white", "shot", "skewed", "rows", "blurred", "hot pixels"])
def test_nothing_is_found_in_noise_around_the_very_signal(kind: str) -> None:
    rng = np.random.default_rng(0)
    found = [find(signal + noise_of(kind, signal, rng), signal).count for signal in (signal_of(rng) for _ in range(12))]
    assert found == [0] * 12


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize(("height", "kind"), [(-60.0, "too dark"), (60.0, "too bright")])
def test_what_was_removed_or_made_up_is_found_in_its_place(height: float, kind: str, known: bool) -> None:
    rng = np.random.default_rng(1)
    signal = signal_of(rng)
    noisy = signal + 20.0 * rng.normal(size=signal.shape)
    told = Exposure(mean=lambda s: s, variance=lambda s: np.full_like(s, 400.0), draw=lambda s: s)
    found = find(noisy, signal + disc(height, 4.0), (told,) if known else ())
    assert 1 <= found.count <= 4
    assert found.regions[0].kind == kind
    assert found.regions[0].size > 0.5
    for each in found.regions:
        assert each.y <= 75
        assert each.y + each.side >= 65
        assert each.x <= 48
        assert each.x + each.side >= 38
    assert sum(found.kinds.values()) == found.count
    assert found.share == pytest.approx(sum(each.side**2 for each in found.regions) / SIDE**2)


def test_what_is_as_faint_as_noise_is_not_found() -> None:
    rng = np.random.default_rng(2)
    signal = signal_of(rng)
    noisy = signal + 20.0 * rng.normal(size=signal.shape)
    assert find(noisy, signal + disc(20.0, 1.5)).count == 0  # about 2.6 deviations in all


def test_fine_contrast_that_is_lost_or_made_up() -> None:
    rng = np.random.default_rng(3)
    signal = 200.0 + 100.0 * np.sin(np.arange(SIDE) / 1.5)[None] * np.ones((SIDE, 1))
    noisy = signal + 20.0 * rng.normal(size=signal.shape)
    part = np.s_[32:64, 64:96]
    for factor, kind in ((0.5, "blurred"), (1.7, "made up")):
        result = signal.copy()
        result[part] = 200.0 + factor * (signal[part] - 200.0)
        found = find(noisy, result)
        assert kind in found.kinds
        assert all(20 <= each.y <= 68 and 52 <= each.x <= 100 for each in found.regions)


def test_a_residual_that_is_correlated_or_varies_elsewise_in_one_place() -> None:
    rng = np.random.default_rng(4)
    signal = signal_of(rng)
    noise = 20.0 * rng.normal(size=signal.shape)
    stripes = np.where(np.arange(SIDE) % 6 < 3, 15.0, -15.0)[None] * disc(1.0, 16.0)
    assert set(find(signal + noise, signal + stripes).kinds) & {"correlated", "made up"}
    more = np.where(disc(1.0, 16.0) > 0, 1.7, 1.0)
    assert "scattered" in find(signal + more * noise, signal).kinds
    kept = 0.7 * disc(1.0, 20.0) * noise
    assert set(find(signal + noise, signal + kept).kinds) == {"noise left"}


@pytest.mark.parametrize("kind", ["white", "rows"])
def test_correlation_along_rows_is_a_finding_unless_the_noise_has_it_everywhere(kind: str) -> None:
    rng = np.random.default_rng(5)
    smears = gaussian_filter(rng.normal(size=(SIDE, SIDE)), (0.0, 1.5))
    part = disc(1.0, 24.0) > 0
    noise = np.where(part, 20.0 * smears / smears.std(), noise_of(kind, np.zeros((SIDE, SIDE)), rng))
    found = find(100.0 + noise, np.full_like(noise, 100.0))
    assert ("correlated" in found.kinds) == (kind == "white")


def test_the_line_of_variances_is_that_of_shot_noise_whatever_was_removed() -> None:
    rng = np.random.default_rng(6)
    signal = signal_of(rng)
    noisy = 3.0 * rng.poisson(signal / 3.0).astype(np.float64)
    for result in (signal, gaussian_filter(signal, 1.0), signal - disc(200.0, 6.0)):
        line = variance_line(result, noisy - result)
        assert line.at(np.array([100.0, 300.0])) == pytest.approx([300.0, 900.0], rel=0.12)


def test_gaps_say_nothing_and_little_is_too_little() -> None:
    rng = np.random.default_rng(7)
    signal = signal_of(rng)
    noisy = signal + 20.0 * rng.normal(size=signal.shape)
    result = signal + disc(500.0, 10.0)
    noisy[disc(1.0, 13.0) > 0] = np.nan
    assert find(noisy, result).count == 0
    noisy[:] = np.nan
    assert find(noisy, result).count == 0
    assert find(np.ones((3, 2)), np.zeros((3, 2))).count == 0
    assert find(np.full((64, 64), 7.0), np.full((64, 64), 7.0)).count == 0


def test_words_and_values_say_what_was_found() -> None:
    rng = np.random.default_rng(8)
    signal = signal_of(rng)
    noisy = signal + 20.0 * rng.normal(size=signal.shape)
    found, none = find(noisy, signal - disc(100.0, 5.0)), find(noisy, signal)
    assert found.words.startswith(f"{found.count}, ")
    assert "% of the image (" in found.words
    assert "too dark" in found.words
    assert none.words == "none"
    assert "not looked for" in NOT_TESTED.words
    for each in (found, none, NOT_TESTED):
        again = Unexplained.of_values(each.values())
        assert again.words == each.words
        assert again.values() == each.values()
