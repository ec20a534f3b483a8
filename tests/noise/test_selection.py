"""The choice of a model: each kind is found again where it made the data, and the reason names the figures."""

import pytest
import torch

from quietscope.noise import Censored, Gaussian, GaussianMixture, NoiseModel, PoissonGaussian, choose_model, selection


@pytest.fixture(autouse=True)
def short_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mixtures up to two components, and few steps: the rule is tested, not the optimiser."""
    defaults = GaussianMixture.fit.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "num_iterations", 500)
    monkeypatch.setattr(selection, "CANDIDATES", selection.CANDIDATES[:4])
    monkeypatch.setattr(selection, "TRIAL_ITERATIONS", 250)


def draw(noise: NoiseModel, num: int = 60_000) -> tuple[torch.Tensor, torch.Tensor]:
    s = torch.rand(num, generator=torch.Generator().manual_seed(0)) * 180.0 + 20.0
    return s, noise.sample(s, torch.Generator().manual_seed(1))


def skewed_mixture() -> GaussianMixture:
    """Two components of different place and width, so that no single Gaussian comes near."""
    weight = torch.tensor([[-12.0, -6.0], [24.0, 12.0], [3.5, 4.0], [6.0, 6.0], [1.0, 1.0], [0.0, 0.0]])
    return GaussianMixture(weight, min_signal=20.0, max_signal=200.0, min_sigma=1.0)


def test_gaussian_data_choose_gaussian() -> None:
    choice = choose_model(*draw(Gaussian(12.0)))
    assert isinstance(choice.model, Gaussian)
    assert choice.reason.startswith("Gaussian: held-out log-likelihood -3.9")


def test_poisson_gaussian_data_choose_poisson_gaussian() -> None:
    choice = choose_model(*draw(PoissonGaussian(gain=4.0, offset=5.0, read_noise=3.0)))
    assert isinstance(choice.model, PoissonGaussian)
    assert "; Gaussian -" in choice.reason


def test_a_known_mixture_is_found_again() -> None:
    truth = skewed_mixture()
    choice = choose_model(*draw(truth))
    assert isinstance(choice.model, GaussianMixture)
    assert choice.reason.startswith("Gaussian mixture of 2: held-out log-likelihood")
    s = torch.linspace(22.0, 198.0, 200).expand(500, -1)
    x = truth.sample(s, torch.Generator().manual_seed(2))
    divergence = (truth.log_prob(x, s) - choice.model.log_prob(x, s)).mean()
    assert float(divergence) < 0.01
    names = [candidate.name for candidate in choice.table]
    assert names[0] == "Gaussian"
    scores = {candidate.name: candidate.log_likelihood for candidate in choice.table}
    assert scores["Gaussian mixture of 2"] > scores["Poisson-Gaussian"] + 0.05
    assert all(0.0 < candidate.standard_error < 0.02 for candidate in choice.table)


def test_clipped_pixels_are_censored() -> None:
    s, x = draw(Gaussian(12.0))
    choice = choose_model(s, x.clamp(max=190.0))
    assert isinstance(choice.model, Censored)
    assert isinstance(choice.model.base, Gaussian)
    assert choice.model.base.sigma == pytest.approx(12.0, rel=0.02)


@pytest.mark.usefixtures("brief_fits")
def test_one_seed_makes_one_choice() -> None:
    s, x = draw(PoissonGaussian(gain=4.0), 5000)
    assert choose_model(s, x, seed=3).table == choose_model(s, x, seed=3).table
    assert choose_model(s, x, seed=3).table != choose_model(s, x, seed=4).table
