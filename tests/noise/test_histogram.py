"""The histogram: unbiased, a density, moved along with the signal, usable where pixels are few; published tables."""

import numpy as np
import pytest
import torch

from quietscope.errors import NoiseError
from quietscope.noise import ClipLevels, Histogram, PoissonGaussian, fit_noise
from quietscope.noise.histogram_table import histogram_from_table, table_from_histogram

CAMERA = PoissonGaussian(gain=5.0, offset=0.0, read_noise=3.0)


def pairs(num: int = 100_000, low: float = 5.0, high: float = 200.0) -> tuple[torch.Tensor, torch.Tensor]:
    s = torch.rand(num, generator=torch.Generator().manual_seed(0)) * (high - low) + low
    return s, CAMERA.sample(s, torch.Generator().manual_seed(1))


def moments(model: Histogram, s: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Integral and bias of the density at every signal, by summation."""
    half = 40.0 * model.variance(s).sqrt()
    x = s + half * torch.linspace(-1.0, 1.0, 20_001)[:, None]
    density = model.log_prob(x, s).double().exp() * (2.0 * half / 20_000)
    return density.sum(dim=0), ((x - s) * density).sum(dim=0)


def published_table(bins: int = 64, low: float = 0.0, high: float = 128.0) -> np.ndarray:
    """Poisson-Gaussian pairs counted as the published code counts them; half of the signals never seen.

    It adds 1e-30 to every bin, normalises rows that hold more than 1e-20, and writes edge i into the whole of row i.
    """
    rng = np.random.default_rng(0)
    s = rng.uniform(20.0, 80.0, 200_000)
    x = CAMERA.sample(torch.from_numpy(s), torch.Generator().manual_seed(2)).numpy()
    counts, _, edges = np.histogram2d(s, x, bins=bins, range=[[low, high]] * 2)
    counts += 1e-30
    sums = counts.sum(axis=1, keepdims=True)
    rows = np.where(sums > 1e-20, counts / sums, counts)
    planes = [np.broadcast_to(side[:, None], rows.shape) for side in (edges[:-1], edges[1:])]
    return np.stack([rows, *planes])


def test_fit_has_the_noise_of_the_pairs() -> None:
    model = Histogram.fit(*pairs())
    at = torch.linspace(8.0, 190.0, 20)
    assert torch.allclose(model.variance(at).sqrt(), CAMERA.variance(at).sqrt(), rtol=0.06)
    s, x = pairs()
    gap = CAMERA.log_prob(x, s).mean() - model.log_prob(x, s).mean()
    assert abs(float(gap)) < 0.01


def test_unbiased_and_normalised_inside_and_outside_the_range() -> None:
    """Between knots and beyond them; a table read from its left edges would miss by half a bin."""
    s = torch.tensor([-300.0, 4.0, 17.3, 60.01, 199.0, 1e4])
    for model in (Histogram.fit(*pairs(20_000)), histogram_from_table(published_table())):
        total, bias = moments(model, s)
        assert torch.allclose(total, torch.ones_like(total), atol=2e-3)
        assert bool((bias.abs() < 5e-3 * model.variance(s).sqrt()).all()), bias


def test_outside_its_range_the_shape_of_a_table_without_gain_moves_along() -> None:
    fitted = Histogram.fit(*pairs(20_000))
    model = Histogram(fitted.knots, fitted.widths, fitted.masses, fitted.tail_share)
    low, high = model.signal_range
    residual = torch.linspace(-40.0, 40.0, 31)
    for end, outside in ((low, low - 200.0), (high, high + 200.0)):
        at_end, beyond = (model.log_prob(residual + s, torch.tensor(s)) for s in (end, outside))
        assert torch.allclose(at_end, beyond, atol=1e-2)


def test_rows_are_moved_not_mixed() -> None:
    """Two narrow rows far apart: half way there is one peak at the signal, not two at the knots."""
    masses = torch.tensor([[1.0, 2.0, 1.0], [1.0, 2.0, 1.0]])
    model = Histogram(torch.tensor([0.0, 100.0]), torch.ones(2), masses)
    s = torch.tensor(50.0)
    assert float(model.log_prob(s, s)) > -1.0
    assert float(model.log_prob(torch.tensor([0.0, 100.0]), s).max()) < -10.0


def test_signals_never_seen_take_the_noise_between_their_neighbours() -> None:
    dark, light = pairs(40_000, 5.0, 40.0), pairs(40_000, 150.0, 200.0)
    model = Histogram.fit(*(torch.cat(both) for both in zip(dark, light, strict=True)))
    at = torch.tensor([60.0, 95.0, 130.0])
    assert torch.allclose(model.variance(at).sqrt(), CAMERA.variance(at).sqrt(), rtol=0.1)


@pytest.mark.parametrize("num", [64, 500, 5000])
def test_few_pairs_still_predict_others(num: int) -> None:
    model = Histogram.fit(*pairs(num))
    s = pairs()[0]
    x = CAMERA.sample(s, torch.Generator().manual_seed(9))
    lost = CAMERA.log_prob(x, s).mean() - model.log_prob(x, s).mean()
    assert float(lost) < 20.0 / num + 0.02


def test_whole_numbers_make_no_comb() -> None:
    s, x = (values.round() for values in pairs())
    model = Histogram.fit(s, x, clip=ClipLevels(step=1.0))
    at = torch.tensor(60.0)
    height = model.log_prob(at + torch.linspace(-3.0, 3.0, 61), at)
    assert float(height.max() - height.min()) < 0.12


def test_clipping_makes_no_spike_and_no_narrow_rows() -> None:
    s, x = pairs(200_000, 5.0, 250.0)
    model = fit_noise("histogram", s, x.clamp(max=255.0).round())
    at = torch.tensor([200.0, 230.0, 248.0])
    assert torch.allclose(model.variance(at).sqrt(), CAMERA.variance(at).sqrt(), rtol=0.1)
    naive = Histogram.fit(s, x.clamp(max=255.0).round())
    assert float(naive.variance(at[-1:]).sqrt()) < 0.8 * float(CAMERA.variance(at[-1:]).sqrt())


def test_table_round_trip_is_exact_where_signals_were_seen() -> None:
    table = published_table()
    again = table_from_histogram(histogram_from_table(table))
    seen = table[0].sum(axis=1) > 0.5
    assert np.allclose(again[0, seen], table[0, seen], atol=1e-7)
    assert np.allclose(again[1:], table[1:], atol=1e-4)
    assert np.allclose(again[0].sum(axis=1), 1.0)
    twice = table_from_histogram(histogram_from_table(again))
    assert np.allclose(twice, again, atol=1e-4)


def test_table_has_the_noise_of_its_pairs() -> None:
    model = histogram_from_table(published_table())
    at = torch.tensor([25.0, 50.0, 75.0])
    assert torch.allclose(model.variance(at).sqrt(), CAMERA.variance(at).sqrt(), rtol=0.05)


def test_fitted_model_as_a_table_keeps_mean_and_noise() -> None:
    model = Histogram.fit(*pairs())
    table = table_from_histogram(model)
    centres = 0.5 * (table[1, :, 0] + table[2, :, 0])
    inside = (centres > 8.0) & (centres < 190.0)
    mean = table[0] @ centres
    assert np.abs(mean - centres)[inside].max() < 0.05
    at = torch.tensor([10.0, 60.0, 180.0])
    assert torch.allclose(histogram_from_table(table).variance(at), model.variance(at), rtol=0.05)


def broken(change: str) -> np.ndarray:
    table = published_table(16)
    if change == "finite":
        table[0, 3, 3] = np.nan
    elif change == "zero or more":
        table[0, 3, 3] = -1.0
    elif change == "not all zero":
        table[0] = 0.0
    elif change == "increase":
        table[1:] = table[1:, ::-1]
    elif change == "one for each row":
        table[1, 3, 5] += 1.0
    elif change == "one width":
        table[1, 3:] += 30.0
        table[2, 2:] += 30.0
    return table


@pytest.mark.parametrize(
    "change", ["finite", "zero or more", "not all zero", "increase", "one for each row", "one width"]
)
def test_tables_that_are_none(change: str) -> None:
    with pytest.raises(NoiseError, match=change):
        histogram_from_table(broken(change))


def test_tables_with_edges_along_columns_are_read_too() -> None:
    table = published_table()
    other = np.concatenate([table[:1], table[1:].swapaxes(1, 2)])
    at, x = torch.tensor([25.0, 50.0, 75.0]), torch.tensor([30.0, 45.0, 80.0])
    one, two = histogram_from_table(table), histogram_from_table(other)
    assert torch.equal(one.log_prob(x, at), two.log_prob(x, at))


@pytest.mark.parametrize("shape", [(3, 16), (2, 16, 16), (3, 16, 8), (3, 1, 1), (3, 0, 0)])
def test_tables_of_another_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(NoiseError, match="shape"):
        histogram_from_table(np.ones(shape))


def test_histograms_that_are_none() -> None:
    knots, widths, masses = torch.tensor([0.0, 1.0]), torch.ones(2), torch.ones(2, 5)
    with pytest.raises(NoiseError, match="increasing"):
        Histogram(knots.flip(0), widths, masses)
    with pytest.raises(NoiseError, match="empty row"):
        Histogram(knots, widths, masses * torch.tensor([[0.0], [1.0]]))
    with pytest.raises(NoiseError, match="shape"):
        Histogram(knots, widths[:1], masses)
    with pytest.raises(NoiseError, match="tail_share"):
        Histogram(knots, widths, masses, tail_share=0.0)
    with pytest.raises(NoiseError, match="num_bins"):
        Histogram.fit(*pairs(100), num_bins=2)
    with pytest.raises(NoiseError, match="more than one intensity"):
        Histogram.fit(torch.full((100,), 3.0), torch.randn(100))
