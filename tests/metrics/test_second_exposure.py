"""The error of any result is what a second exposure says it is, within its standard error; or it is said why not."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift

from quietscope.errors import SizeError
from quietscope.metrics.second_exposure import PairedError, PairedSums

RNG = np.random.default_rng(0)
CLEAN = 100.0 + 150.0 * gaussian_filter(RNG.normal(size=(3, 256, 256)), (0, 3, 3))
SIGMA = 10.0


def exposure(scene: np.ndarray = CLEAN, smear: float = 0.0) -> np.ndarray:
    """Expose a scene; `smear` gives next neighbours in X noise in common."""
    noise = RNG.normal(0.0, SIGMA, scene.shape)
    return scene + noise + smear * np.roll(noise, 1, axis=-1)


def told(result: np.ndarray, noisy: np.ndarray, second: np.ndarray) -> PairedError:
    sums = PairedSums()
    for planes in zip(result, noisy, second, strict=True):
        sums.add(*planes)
    return sums.result()


@pytest.mark.parametrize("smear", [0.0, 0.4])
@pytest.mark.parametrize("width", [0.0, 0.7, 1.5])
def test_the_error_is_found_whatever_made_the_result(width: float, smear: float) -> None:
    """A result of width 0 is the noisy image itself, whose error is all noise."""
    noisy = exposure(smear=smear)
    result = gaussian_filter(noisy, (0, width, width)) if width else noisy
    found = told(result, noisy, exposure(smear=smear))
    assert found.doubt == ""
    true = float(np.mean((result - CLEAN) ** 2))
    assert found.mse == pytest.approx(true, abs=3.5 * found.standard_error)
    assert found.standard_error < 0.1 * true
    psnr = 10.0 * np.log10(150.0**2 / found.mse)
    assert found.words(150.0).startswith(f"{psnr:.2f} ± 0.")


def test_the_standard_error_is_that_of_chance() -> None:
    found = []
    for _ in range(20):
        noisy = exposure(CLEAN[:1])
        result = gaussian_filter(noisy, (0, 1.0, 1.0))
        each = told(result, noisy, exposure(CLEAN[:1]))
        found.append((each.mse - float(np.mean((result - CLEAN[:1]) ** 2))) / each.standard_error)
    assert 0.5 < float(np.std(found)) < 1.6


@pytest.mark.parametrize("scene", [shift(CLEAN, (0, 4, 4), mode="nearest"), 0.9 * CLEAN], ids=["moved", "bleached"])
def test_a_scene_that_has_changed_is_no_measure(scene: np.ndarray) -> None:
    noisy = exposure()
    found = told(gaussian_filter(noisy, (0, 1.0, 1.0)), noisy, exposure(scene))
    assert found.words().startswith("not told: the exposures differ by more than noise")


def test_a_result_without_an_error_is_beyond_it() -> None:
    small = CLEAN[:, :64, :64]
    found = told(small, exposure(small), exposure(small))
    assert found.words() == "not told: the error is too faint beside the noise, on so few pixels"


def test_pixels_that_were_never_measured_do_not_count() -> None:
    noisy, second = exposure(), exposure()
    holed = noisy.copy()
    holed[:, :64] = np.nan
    result = gaussian_filter(noisy, (0, 1.0, 1.0))
    whole, part = told(result[:, 64:], noisy[:, 64:], second[:, 64:]), told(result, holed, second)
    assert part.mse == pytest.approx(whole.mse)
    with pytest.raises(SizeError, match="squares of 16 x 16"):
        told(result, np.full_like(noisy, np.nan), second)
