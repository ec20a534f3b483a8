"""Noise of signals outside the fitted range: a known camera, fitted to its dark pixels, is right at its bright ones."""

import math
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from quietscope.errors import NoiseError
from quietscope.noise import (
    Censored,
    Gaussian,
    GaussianMixture,
    Histogram,
    NoiseModel,
    PoissonGaussian,
    fit_noise,
    noise_model_from_record,
)
from quietscope.noise.beyond import LEAST_BELOW
from quietscope.noise.noise_file import load_noise_model, save_noise_model
from quietscope.noise.signal_range import observed_range, range_note
from quietscope.testing.noise_contract import NoiseCase, noise_cases

TRUTH = PoissonGaussian(gain=12.0, offset=100.0, read_noise=15.0)
DARK, BRIGHT = (130.0, 600.0), (700.0, 1000.0, 2000.0, 5000.0)


def pairs(low: float, high: float, num: int = 200_000) -> tuple[torch.Tensor, torch.Tensor]:
    s = torch.linspace(low, high, num)
    return s, TRUTH.sample(s, torch.Generator().manual_seed(0))


@cache
def fitted(kind: str) -> NoiseModel:
    steps = 400 if kind == GaussianMixture.kind else None
    return fit_noise(kind, *pairs(*DARK), num_iterations=steps)


@pytest.fixture(scope="module", params=["gaussian-mixture", "histogram"])
def model(request: pytest.FixtureRequest) -> NoiseModel:
    return fitted(request.param)


def with_gain(model: NoiseModel, gain: float) -> NoiseModel:
    """Return the same fit with another gain, as a file of an older version has it for a gain of 0."""
    record = model.to_record()
    settings = {name: value for name, value in record.settings.items() if name != "gain"}
    return noise_model_from_record(replace(record, settings=settings | ({"gain": gain} if gain else {})))


def test_sigma_above_the_range_is_that_of_the_camera(model: NoiseModel) -> None:
    at = torch.tensor(BRIGHT)
    ratio = model.variance(at).sqrt() / TRUTH.variance(at).sqrt()
    assert float((ratio - 1.0).abs().max()) < 0.03, ratio.tolist()
    clamped = with_gain(model, 0.0).variance(at).sqrt() / TRUTH.variance(at).sqrt()
    assert float(clamped[-1]) < 0.4  # what it was before, and what this is about


def test_the_line_goes_on_with_the_slope_that_was_fitted(model: NoiseModel) -> None:
    last = model.signal_range[1]
    at = last + torch.tensor([0.0, 100.0, 1000.0, 10_000.0])
    grown = model.variance(at) - model.variance(torch.tensor(last))
    gain = float(model.to_record().settings["gain"])
    assert gain == pytest.approx(12.0, rel=0.03)
    assert torch.allclose(grown, gain * (at - last), rtol=5e-3, atol=1e-2 * gain)


def test_density_keeps_its_shape_and_mean_and_is_continuous_at_the_border(model: NoiseModel) -> None:
    last = torch.tensor(model.signal_range[1])
    ends = torch.stack((torch.nextafter(last, torch.tensor(-math.inf)), torch.nextafter(last, torch.tensor(math.inf))))
    residual = torch.linspace(-200.0, 200.0, 9)[:, None]
    inner, outer = model.log_prob(ends + residual, ends).T
    assert torch.allclose(inner, outer, atol=1e-4)
    s = torch.tensor(3000.0)
    stretch = (model.variance(s) / model.variance(last)).sqrt()
    z = residual[:, 0] / 100.0
    near, far = model.log_prob(last + 100.0 * z, last), model.log_prob(s + 100.0 * stretch * z, s)
    assert torch.allclose(far, near - stretch.log(), atol=1e-3)


def test_below_the_range_the_variance_falls_along_the_line_and_never_to_zero(model: NoiseModel) -> None:
    first = model.signal_range[0]
    variance = float(model.variance(torch.tensor(first)))
    gain = float(model.to_record().settings["gain"])
    near = first - 0.02 * variance / gain
    assert float(model.variance(torch.tensor(near))) == pytest.approx(0.98 * variance, rel=2e-3)
    assert float(model.variance(torch.tensor(-1e6))) == pytest.approx(LEAST_BELOW * variance, rel=1e-3)


def outside(name: str) -> list[NoiseCase]:
    """The whole contract, at signals below and above the range of the fit, with a limit inside and outside."""
    return noise_cases(f"{name} outside its range", lambda: fitted(name), (605.0, 90.0, 125.0, 900.0, 4000.0))


@pytest.mark.parametrize(
    "case", [case for kind in ("gaussian-mixture", "histogram") for case in outside(kind)], ids=str
)
def test_contract_outside_the_range(case: NoiseCase) -> None:
    case.run()


def test_noise_that_does_not_grow_stays_as_it_is() -> None:
    s, _ = pairs(*DARK)
    x = Gaussian(25.0).sample(s, torch.Generator().manual_seed(1))
    for kind in ("gaussian-mixture", "histogram"):
        sigma = fit_noise(kind, s, x).variance(torch.tensor([300.0, 2000.0])).sqrt()
        assert torch.allclose(sigma, torch.full((2,), 25.0), rtol=0.1), kind


def test_files_without_a_gain_give_what_they_gave(model: NoiseModel, tmp_path: Path) -> None:
    old = with_gain(model, 0.0)
    assert "gain" not in old.to_record().settings
    inside = torch.linspace(*model.signal_range, 50)
    assert torch.allclose(old.log_prob(inside + 30.0, inside), model.log_prob(inside + 30.0, inside), atol=1e-6)
    low, at_low, at_high, high = old.variance(torch.tensor([-1000.0, *model.signal_range, 5000.0]))
    assert (low, at_high) == (at_low, high)
    save_noise_model(tmp_path / "old.safetensors", old)
    again = load_noise_model(tmp_path / "old.safetensors")
    far = torch.tensor([10.0, 5000.0])
    assert torch.equal(again.log_prob(far, far), old.log_prob(far, far))


def test_the_gain_travels_in_files(model: NoiseModel, tmp_path: Path) -> None:
    far = torch.tensor([10.0, 5000.0])
    for noise in (model, Censored(model, high=65535.0)):
        save_noise_model(tmp_path / "n.safetensors", noise, overwrite=True)
        assert torch.equal(load_noise_model(tmp_path / "n.safetensors").variance(far), model.variance(far))
    if isinstance(model, GaussianMixture):
        save_noise_model(tmp_path / "n.npz", Censored(model, high=65535.0))
        assert torch.equal(load_noise_model(tmp_path / "n.npz").variance(far), model.variance(far))


@pytest.mark.parametrize("gain", [-1.0, math.nan, math.inf])
def test_a_gain_that_is_none_is_refused(gain: float) -> None:
    with pytest.raises(NoiseError, match="gain of zero or more"):
        GaussianMixture(torch.zeros(9, 2), 0.0, 1.0, gain=gain)
    with pytest.raises(NoiseError, match="gain of zero or more"):
        Histogram(torch.tensor([0.0, 1.0]), torch.ones(2), torch.ones(2, 8), gain=gain)


def spotted() -> np.ndarray:
    """Draw a dim frame in which one spot, of a thousandth of the pixels, is far brighter, and one hot pixel."""
    y, x = np.mgrid[:240, :240]
    clean = np.where((y - 100) ** 2 + (x - 90) ** 2 < 25, 2500.0, 300.0 + 100.0 * np.sin(x / 20))
    noisy = TRUTH.sample(torch.from_numpy(clean).float(), torch.Generator().manual_seed(2)).numpy()
    noisy[7, 11] = 60_000.0
    return noisy


def test_the_note_on_ranges_sees_rare_bright_structure_and_what_the_model_does_there(model: NoiseModel) -> None:
    seen = observed_range([spotted()])
    note = range_note(model, *seen)
    assert note is not None
    assert "of brighter ones its sigma goes on with the photon-transfer line" in note
    told = float(note.split("to ")[1].split(" ")[0])
    assert 2200 < told < 2700
    clamped = range_note(with_gain(model, 0.0), *seen)
    assert clamped is not None
    assert "its sigma stays at" in clamped
    assert range_note(model, *observed_range([spotted()[150:]])) is None


def test_pixels_in_a_row_are_ranged_as_images_are(model: NoiseModel) -> None:
    frame = spotted()[150:]
    assert range_note(model, *observed_range([frame.ravel()])) is None
    low, high = observed_range([np.full(4, 300.0)])
    assert (low, high) == (300.0, 300.0)


def test_rare_bright_pixels_tell_the_line_where_all_others_have_one_signal() -> None:
    """A flat ground, whose pseudo-signal differs by a little of its own noise alone, and one bright pixel in 500."""
    generator = torch.Generator().manual_seed(3)
    clean = torch.full((200_000,), 200.0)
    clean[:400] = torch.linspace(300.0, 3000.0, 400)
    x = TRUTH.sample(clean, generator)
    # As Noise2Void gives it on a flat ground: correlated by 0.2 with the pixel's own noise, at a fiftieth of its width.
    other = torch.randn(clean.shape, generator=generator) * TRUTH.variance(clean).sqrt()
    s = clean + 0.0044 * (x - clean) + 0.022 * other
    at = torch.tensor([200.0, 1000.0, 3000.0])
    for kind in ("poisson-gaussian", "gaussian-mixture", "histogram"):
        steps = 200 if kind == GaussianMixture.kind else None
        model = fit_noise(kind, s, x, num_iterations=steps, percentiles=(0.5, 99.5))
        ratio = model.variance(at).sqrt() / TRUTH.variance(at).sqrt()
        assert float((ratio - 1.0).abs().max()) < 0.1, (kind, ratio.tolist())
