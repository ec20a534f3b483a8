"""Taught blind first: what is learnt when, from which pixels, and that a run may stop anywhere on the way."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from quietscope import Denoiser
from quietscope.data.hidden_pixels import BlindSpots
from quietscope.errors import SettingsError
from quietscope.methods import METHODS, blind_first
from quietscope.methods.abilities import latents_of
from quietscope.methods.base import BuiltMethod, PosteriorMethod
from quietscope.methods.blind_first import BlindFirstMethod
from quietscope.methods.hdn import HDN
from quietscope.model.starting import with_start
from quietscope.nn.seeding import seeded
from quietscope.presets import Configuration
from quietscope.testing.method_contract import toy_frames, toy_settings
from quietscope.training.budget import Budget
from quietscope.training.fit import FitReport, fit
from tests.tiny import TRAINING, Values, network, untrained

TAUGHT = ("hdn", "divnoising")
CPU = torch.device("cpu")


def build(name: str, *, dims: int = 2, share: float = 0.4) -> BlindFirstMethod:
    method = untrained(METHODS[name], dims=dims, blind_share=share)
    assert isinstance(method, BlindFirstMethod)
    return method


def patches(method: BlindFirstMethod) -> torch.Tensor:
    return torch.from_numpy(np.stack([*toy_frames(method, size=16)]))


def test_the_methods_that_can_be_taught_so() -> None:
    assert {name for name, kind in METHODS.items() if issubclass(kind, BlindFirstMethod)} == set(TAUGHT)
    assert {name for name, kind in METHODS.items() if kind.has_setting(blind_first.BLIND_SHARE)} == set(TAUGHT)


@pytest.mark.parametrize("name", TAUGHT)
def test_the_blind_part_then_a_rising_divergence_then_the_bound(name: str) -> None:
    method = build(name, share=0.2)
    x, found = patches(method), []
    for progress in (0.0, 0.19, 0.2, 0.25, 0.3, 1.0):
        method.advance(progress)
        with seeded(1), torch.no_grad():
            found.append(method.loss(x))
    assert [set(each.terms) for each in found] == 2 * [{"blind"}] + 4 * [{"nll", "kl"}]
    assert method.settled_share == pytest.approx(0.3)
    for loss, weight in zip(found[2:], (0.0, 0.5, 1.0, 1.0), strict=True):
        torch.testing.assert_close(loss.total, loss.terms["nll"] + weight * loss.terms["kl"])
    untaught = build(name, share=0.0)
    untaught.advance(0.0)
    with seeded(1), torch.no_grad():
        assert torch.equal(untaught.loss(x).total, found[-1].total)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("name", TAUGHT)
def test_the_blind_part_is_noise2void_through_the_mean_of_the_posterior(name: str, dims: int) -> None:
    method = build(name, dims=dims)
    assert isinstance(method, PosteriorMethod)
    x = patches(method)
    method.advance(0.0)
    spots = BlindSpots(spatial_dims=dims, share=blind_first.HIDDEN_SHARE, window=5, replacement="median")
    with torch.no_grad():
        with seeded(3):
            blinded = spots.apply(method.to_network(x))
        seen = method.to_intensity(blinded.pixels)
        zeros = [torch.zeros(spec.shape(len(x), x.shape[2:])) for spec in latents_of(method)]
        found = method.to_network(method.decode(method.encode(seen), zeros))
        wanted = blinded.mean_square(found, method.to_network(x))
        with seeded(3):
            torch.testing.assert_close(method.loss(x).total, wanted, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", TAUGHT)
def test_pixels_never_measured_weigh_nothing_in_the_blind_part(name: str) -> None:
    method = build(name)
    x = patches(method)
    x[0], x[1, ..., :8] = torch.nan, torch.nan
    method.advance(0.0)
    loss = method.loss(x).total
    torch.autograd.backward(loss)
    assert torch.isfinite(loss)
    assert all(p.grad is None or bool(torch.isfinite(p.grad).all()) for p in method.parameters())
    with torch.no_grad():
        assert float(method.loss(torch.full_like(x, torch.nan)).total) == 0.0


def trained(method: BuiltMethod, folder: Path | None, *, stop_at: int = 0, **changes: object) -> FitReport:
    import signal

    def watch(state: object) -> None:
        if getattr(state, "step", 0) == stop_at:
            signal.raise_signal(signal.SIGINT)

    return fit(
        method,
        toy_frames(method, num_frames=12, size=16),
        toy_settings(**{"validate_every": 2, "micro_batch": 1, **changes}),
        Budget(steps=10),
        device=CPU,
        folder=folder,
        resume=folder is not None and (folder / "resume.ckpt").exists(),
        watch=watch,
        notify=lambda _: None,
    )


@pytest.mark.parametrize("stop_at", [3, 5])
@pytest.mark.parametrize("name", TAUGHT)
def test_a_run_stopped_in_the_blind_part_or_after_it_goes_on_bit_for_bit(
    name: str, stop_at: int, tmp_path: Path
) -> None:
    """Of ten steps four are blind, and two more have a rising weight."""
    whole, halves = (untrained(METHODS[name], blind_share=0.4) for _ in range(2))
    one = trained(whole, tmp_path / "one")
    assert trained(halves, tmp_path / "two", stop_at=stop_at).steps == stop_at
    two = trained(untrained(METHODS[name], blind_share=0.4), tmp_path / "two")
    assert one.best_validation_loss == two.best_validation_loss
    assert all(torch.equal(value, two.last_state[key]) for key, value in one.last_state.items())
    metrics = (tmp_path / "two" / "logs" / "metrics.csv").read_text(encoding="utf-8")
    assert "train/nll" in metrics
    assert "nan" not in metrics


@pytest.mark.parametrize("name", TAUGHT)
def test_nothing_hangs_on_the_final_loss_before_it_is_learnt(name: str) -> None:
    """Ten validations in a blind part would else end the run, and cut the rate."""
    method = untrained(METHODS[name], blind_share=0.5)
    stops = {"schedule": "plateau", "plateau_patience": 1, "keep": "best", "early_stop": 1, "early_stop_delta": 1e9}
    report = trained(method, None, stop_at=6, **{**stops, "validate_every": 1})
    assert report.steps == 6
    assert math.isinf(report.best_validation_loss)
    assert all(torch.equal(value, report.last_state[key]) for key, value in report.best_state.items())


def test_hidden_pixels_do_not_go_with_correlated_noise() -> None:
    with pytest.raises(SettingsError, match="set blind_share to 0 with deterministic_levels"):
        Configuration.of({"method": "hdn", "network": {"deterministic_levels": (0,), "blind_share": 0.1}})


@pytest.mark.parametrize("name", TAUGHT)
def test_a_run_that_starts_from_a_model_is_not_taught_again(name: str, tmp_path: Path) -> None:
    settings: Values = {"method": name, "steps": 3, "training": TRAINING, "device": "cpu"}
    made = Denoiser(**settings, network=network(name, blind_share=0.5))
    scene = next(iter(toy_frames(untrained(METHODS[name]))))[0]
    made.fit([scene], axes="YX", progress=False, notify=lambda _: None)
    made.save(tmp_path / "model.safetensors")
    start = str(tmp_path / "model.safetensors")
    assert Configuration.of(with_start({"start": start})).method_settings().model_dump()["blind_share"] == 0.0
    named = Configuration.of(with_start({"start": start, "network": {"blind_share": 0.1}}))
    assert named.method_settings().model_dump()["blind_share"] == 0.1
    again = Denoiser.starting_from(start, device="cpu", steps=2)
    again.fit([scene], axes="YX", progress=False, notify=lambda _: None)
    assert again.fit_report is not None
    assert again.fit_report.steps == 2


def test_it_is_off_as_published() -> None:
    for key in ("hdn.paper", "hdn.bsd68", "divnoising.paper"):
        method, preset = key.split(".")
        settings = Configuration.of({"method": method, "preset": preset}).method_settings()
        assert settings.model_dump()["blind_share"] == 0.0
    assert not HDN.settings_type().model_dump()["blind_share"]
