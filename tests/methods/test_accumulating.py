"""Samples of measurements that are added up: exact where the posterior is known, and in the engine beside moments."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor

from quietscope.methods.accumulating import ENOUGH, Accumulation
from quietscope.methods.gap import GAP
from quietscope.methods.instant import Instant
from quietscope.nn.row_noise import correlated, row_filter
from quietscope.nn.seeding import seeded
from quietscope.prediction import predict_frame
from quietscope.tiling.request import Request
from tests.tiny import untrained

NUMBER = 20_000


def posterior_mean(y: Tensor, information: float, *, prior: float) -> Tensor:
    """Return E[u | y(t)] for u ~ N(0, prior): what is exact where all is normal."""
    return information / (information + 1.0 / prior) * y


def normals(number: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(NUMBER, 1, 1, 1, generator=generator) for _ in range(number)]


@pytest.mark.parametrize(("prior", "tolerance"), [(100.0, 0.03), (1.0, 0.06), (0.1, 0.06)])
def test_a_normal_posterior_is_sampled(prior: float, tolerance: float) -> None:
    """Less what is left open at the end, and within a few per cent in five steps."""
    path = Accumulation(start=1.0, steps=5)
    expect = partial(posterior_mean, prior=prior)
    y = torch.full((NUMBER, 1, 1, 1), 2.0)
    drawn = path.run(y, expect(y, 1.0), normals(5), expect)
    variance = 1.0 / (1.0 + 1.0 / prior) - 1.0 / (ENOUGH + 1.0 / prior)
    assert float(drawn.mean()) == pytest.approx(float(expect(y, 1.0)[0]), abs=4 * (variance / NUMBER) ** 0.5)
    assert float(drawn.std()) == pytest.approx(variance**0.5, rel=tolerance)


def test_from_nothing_on_the_prior_is_sampled() -> None:
    path = Accumulation(start=1e-3, steps=20)
    expect = partial(posterior_mean, prior=4.0)
    *noise, empty = normals(21)
    y = empty / path.start**0.5
    drawn = path.run(y, expect(y, path.start), noise, expect)
    assert float(drawn.mean()) == pytest.approx(0.0, abs=0.06)
    assert float(drawn.std()) == pytest.approx(2.0, rel=0.03)


def test_more_steps_change_little() -> None:
    expect = partial(posterior_mean, prior=1.0)
    y = torch.zeros(NUMBER, 1, 1, 1)
    few, many = (
        float(Accumulation(start=1.0, steps=steps).run(y, expect(y, 1.0), normals(steps), expect).std())
        for steps in (5, 50)
    )
    assert few == pytest.approx(many, rel=0.05)


def test_noise_is_correlated_along_rows_alone() -> None:
    wanted = torch.tensor([0.48, 0.1, 0.0, 0.0])
    generator = torch.Generator().manual_seed(0)
    noise = correlated(torch.randn(4, 1, 200, 400, generator=generator), wanted)
    assert float(noise.std()) == pytest.approx(1.0, abs=0.02)
    assert float(noise[..., :3].std()) == pytest.approx(1.0, abs=0.06), "the ends of rows are as wide"
    for lag, value in ((1, 0.48), (2, 0.1), (4, 0.0), (8, 0.0)):
        assert float((noise[..., lag:] * noise[..., :-lag]).mean()) == pytest.approx(value, abs=0.03)
    assert float((noise[..., 1:, :] * noise[..., :-1, :]).mean()) == pytest.approx(0.0, abs=0.02)


def test_white_noise_stays_white() -> None:
    taps = row_filter(torch.zeros(4))
    assert float(taps.max()) == pytest.approx(1.0, abs=1e-3)
    assert float(taps.square().sum()) == pytest.approx(1.0)


@pytest.mark.parametrize("direction", ["x", "y"])
def test_instant_adds_up_noise_as_the_image_has_it(direction: str) -> None:
    method = untrained(Instant, direction=direction, correlation=(0.48, 0.1, 0.0, 0.0), learns="curve")
    white = torch.randn(1, 1, 300, 300, generator=torch.Generator().manual_seed(0))
    noise = method.as_noise(white)
    rows, columns = (float((noise * noise.roll(1, axis)).mean()) for axis in (-1, -2))
    along, across = (rows, columns) if direction == "x" else (columns, rows)
    assert along == pytest.approx(0.48, abs=0.03)
    assert across == pytest.approx(0.0, abs=0.03)


@pytest.mark.parametrize("kind", [Instant, GAP])
@pytest.mark.parametrize("augment", [False, True])
def test_samples_leave_mean_and_deviation_as_they_are(kind: type[Instant | GAP], augment: bool) -> None:
    """They are those of one pass, whatever is drawn beside them."""
    method = untrained(kind)
    frame = np.random.default_rng(0).normal(100, 20, (1, 24, 40)).astype(np.float32)
    request = Request(num_samples=10, augment=augment, tile=16)
    alone = predict_frame(method, frame, kinds=("mean", "std"), request=request)
    beside = predict_frame(method, frame, kinds=("mean", "std", "quantiles", "samples"), request=request)
    assert np.allclose(alone.mean, beside.mean, rtol=1e-5)
    assert np.allclose(alone.std, beside.std, rtol=1e-4)
    samples = beside.arrays["samples"]
    assert len(samples) == 10
    assert np.all(samples.std(axis=0) > 0.0)


def test_without_samples_nothing_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    method = untrained(Instant)
    monkeypatch.setattr(Instant, "decode", None)
    images = []
    frame = np.full((1, 16, 16), 100.0, np.float32)
    predict_frame(method, frame, kinds=("mean", "std"), num_samples=50, progress=lambda *at: images.append(at))
    assert images == [(1, 1)]


def test_samples_fit_together_across_tiles() -> None:
    method = untrained(GAP)
    frame = np.random.default_rng(0).normal(100, 20, (1, 96, 96)).astype(np.float32)
    whole, tiled = (
        predict_frame(method, frame, kinds=("samples",), request=Request(num_samples=2, tile=tile)).arrays["samples"]
        for tile in (96, 32)
    )
    assert np.abs(whole - tiled).max() < 0.02 * whole.std(axis=0).mean()


def test_gap_learns_at_every_information() -> None:
    """A patch may be drowned, split, or a sample of the network itself: what is seen has noise of width 1."""
    method = untrained(GAP).train()
    x = torch.full((256, 1, 16, 16), 100.0) + 10.0 * torch.randn(
        256, 1, 16, 16, generator=torch.Generator().manual_seed(0)
    )
    with seeded(1):
        lessons = method._lessons(x)
    information = lessons.information.flatten()
    own = lessons.noise.flatten() == 0.0
    assert bool((information[own] >= 1.0).all())
    assert bool((information[~own] < 1.0).all())
    assert 0.15 < float(own.float().mean()) < 0.35
    assert 0.15 < float((information < 0.5).float().mean()) < 0.35
    drowned = lessons.seen[information < 0.1]
    beside_its_signal = drowned - drowned.mean(dim=(1, 2, 3), keepdim=True)
    assert float(beside_its_signal.std()) == pytest.approx(1.0, abs=0.1)
