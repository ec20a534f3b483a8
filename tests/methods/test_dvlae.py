"""DVLAE: published sizes, what its parts share, and noise of which it knows only that it runs along rows."""

import numpy as np
import pytest
import torch

from quietscope.axes import Layout
from quietscope.data.frames import Frames
from quietscope.data.normalize import Statistics
from quietscope.errors import SettingsError
from quietscope.methods.dvlae import DVLAE, DVLAESettings
from quietscope.nn.seeding import seeded
from quietscope.noise import Gaussian
from quietscope.presets import Configuration, find_preset
from quietscope.testing.method_contract import toy_settings
from quietscope.tiling.orientations import ALL_TURNS, FLIP_X, FLIP_Y
from quietscope.training.budget import Budget
from quietscope.training.fit import fit
from quietscope.training.patch_source import make_patches

TINY = {
    "filters": (8, 8),
    "latent_channels": (4, 4),
    "halves": (True, True),
    "stem_filters": 8,
    "code_channels": 8,
    "noise_filters": 8,
    "signal_filters": 8,
    "dilations": (1,),
    "components": 2,
}


def build(channels: int = 1, **changes: object) -> DVLAE:
    settings = DVLAESettings.model_validate({**TINY, **changes})
    statistics = Statistics(torch.full((channels,), 100.0), torch.full((channels,), 20.0))
    with seeded(0):
        return DVLAE(settings, statistics, [Gaussian(10.0) for _ in range(channels)])


def noise_for(method: DVLAE, spatial: tuple[int, ...]) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    shapes = (method.ladder.latent_shape(level, spatial) for level in range(method.ladder.shape.num_levels))
    return [torch.randn(1, *shape, generator=generator) for shape in shapes]


def test_presets_have_the_published_sizes() -> None:
    paper, tutorial = (find_preset("dvlae", name).network for name in ("paper", "tutorial"))
    assert isinstance(paper, DVLAESettings)
    assert isinstance(tutorial, DVLAESettings)
    assert (paper.code_channels, len(paper.filters), set(paper.latent_channels)) == (128, 14, {64})
    assert sum(paper.halves) == 7
    assert (tutorial.code_channels, len(tutorial.filters)) == (32, 6)
    for settings in (paper, tutorial):
        assert settings.causal(1).receptive_field == 40
        assert settings.noise_filters == 64
        assert settings.components == 5
        assert (settings.activation, settings.latent_width, settings.batch_norm) == ("mish", "softplus", True)
        assert settings.ladder(1).gate == "tanh"
        assert settings.signal_filters == settings.code_channels
        assert settings.causal(1).activation == "relu"
    assert build(**paper.model_dump(include={"filters", "latent_channels", "halves"})).size_multiple == (128, 128)


def test_signal_and_noise_decoder_share_no_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    method = build()
    x = 100 + 20 * torch.randn(2, 1, 16, 16)
    autoencoder, signal = method.parts()
    assert len(autoencoder) + len(signal) == len(list(method.parameters()))
    torch.manual_seed(0)
    torch.autograd.backward(method.loss(x).total)
    together = [p.grad.clone() for p in autoencoder if p.grad is not None]
    method.zero_grad()
    for p in signal:
        p.requires_grad_(False)
    monkeypatch.setattr(method.signal_decoder, "forward", lambda code: torch.zeros_like(x))
    torch.manual_seed(0)
    torch.autograd.backward(method.loss(x).total)
    assert all(p.grad is None for p in signal)
    alone = [p.grad for p in autoencoder if p.grad is not None]
    assert all(torch.equal(a, b) for a, b in zip(together, alone, strict=True))


def test_the_losses_of_its_parts_add_up() -> None:
    method = build()
    loss = method.loss(100 + 20 * torch.randn(2, 1, 16, 16))
    assert len(loss.parts) == len(method.parts()) == 2
    assert not any(part.requires_grad for part in loss.parts)
    assert float(sum(loss.parts)) == pytest.approx(float(loss.total.detach()), rel=1e-6)
    assert torch.equal(loss.parts[1], loss.terms["signal"])


@pytest.mark.parametrize(
    ("direction", "turns"), [("x", (0, FLIP_Y)), ("y", (0, FLIP_X)), ("none", ALL_TURNS), ("z", ALL_TURNS)]
)
def test_augmentation_turns_neither_axis_nor_sense_of_the_direction(direction: str, turns: tuple[int, ...]) -> None:
    dims = 3 if direction == "z" else 2
    method = build(direction=direction, spatial_dims=dims)
    assert method.orientations == turns
    ramp = np.arange(32.0) if direction != "y" else np.arange(32.0)[:, None]
    array = np.broadcast_to(ramp, (3, *[8] * (dims - 2), 32, 32)).astype(np.float32)
    frames = Frames(((array, Layout.of("QYX" if dims == 2 else "QZYX", array.shape, dims)),))
    patches = make_patches(method, frames, range(3), toy_settings(patch_z=8), 0, torch.device("cpu")).batch(0, 32)
    axis = {"x": -1, "y": -2}.get(direction)
    if axis is not None:
        assert bool((torch.diff(patches, dim=axis) == 1).all())


def test_none_learns_noise_that_is_independent_of_its_neighbours() -> None:
    method = build(direction="none").eval()
    x = 100 + 20 * torch.randn(1, 1, 16, 16)
    other = x.clone()
    other[..., :8] += 50
    code = torch.randn(1, 8, 16, 16)
    assert torch.equal(method.noise_decoder(x, code), method.noise_decoder(other, code))


def test_observed_noise_uses_its_arguments_and_nothing_else() -> None:
    method = build(channels=2).eval()
    with torch.no_grad():
        latents = method.imagine(noise_for(method, (16, 16)))
        choice, noise = torch.rand(1, 2, 16, 16), torch.randn(1, 2, 16, 16)
        first, second = method.observe(latents, choice, noise), method.observe(latents, choice, noise)
        other = method.observe(latents, choice, -noise)
    assert torch.equal(first, second)
    assert first.shape == (1, 2, 16, 16)
    assert float((first - other).abs().max()) > 1


def test_a_density_on_single_numbers_is_bounded_by_their_grain() -> None:
    rng = np.random.default_rng(0)
    counts = rng.poisson(40.0, (1, 1, 70, 83))
    assert Statistics.of_frames(counts).grain.tolist() == [1.0]
    assert Statistics.of_frames(7.0 * counts + 3.0).grain.tolist() == [7.0]
    assert float(Statistics.of_frames(rng.uniform(0, 60000, (1, 1, 64, 64))).grain) < 10
    method = build()
    assert "statistics.grain" not in method.state_dict()
    assert "grain" in method.state_dict()


def test_context_fades_in_and_training_ends_with_all_of_it() -> None:
    method = build(context_fade=(0.2, 0.6))
    shares = []
    for progress in (0.0, 0.2, 0.4, 0.6, 1.0):
        method.advance(progress)
        shares.append(float(method.context_share))
    assert shares == pytest.approx([0, 0, 0.5, 1, 1])
    build(context_fade=(0.5, 0.5)).advance(0.4)
    method = build(context_fade=(0.0, 0.0))
    method.advance(0.0)
    assert float(method.context_share) == 1.0


def test_kl_that_is_reported_is_not_propped_up_by_free_bits() -> None:
    x = 100 + 20 * torch.randn(2, 1, 16, 16)
    torch.manual_seed(0)
    bare = build().loss(x)
    torch.manual_seed(0)
    propped = build(free_bits=1e4).loss(x)
    assert torch.equal(bare.terms["kl"], propped.terms["kl"])
    assert float(propped.total.detach()) > float(bare.total.detach()) + 1


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"network": {"direction": "z"}}, "planes have no direction z"),
        ({"network": {"halves": (True,)}}, "one entry per level"),
        ({"preset": "paper", "network": {"code_channels": 64}}, "without final_conv"),
        ({"network": {"dilations": (0,)}}, "dilations"),
        ({"network": {"context_fade": (0.5, 0.2)}}, "context_fade"),
    ],
)
def test_settings_that_cannot_be_are_refused_in_one_line(values: dict[str, object], match: str) -> None:
    with pytest.raises(SettingsError, match=match) as caught:
        Configuration.of({"method": "dvlae", **values})
    assert "\n" not in str(caught.value)


def test_a_row_shorter_than_the_receptive_field_is_refused() -> None:
    method = build(dilations=(1, 2, 2))
    assert method.noise_decoder.shape.receptive_field == 20
    method.check_size((8, 21))
    with pytest.raises(SettingsError, match=r"longer along x than the 20 pixels.*got 20.*direction"):
        method.check_size((64, 20))
    array = np.random.default_rng(0).normal(100, 20, (3, 64, 16)).astype(np.float32)
    frames = Frames(((array, Layout.of("QYX", array.shape, 2)),))
    with pytest.raises(SettingsError, match="longer along x"):
        make_patches(method, frames, range(3), toy_settings(patch=32), 0, torch.device("cpu"))


def striped(clean: np.ndarray, seed: int) -> np.ndarray:
    """Add noise of deviation 20 whose neighbours along x are averages of the same numbers: lag-1 correlation 0.5."""
    white = np.random.default_rng(seed).normal(0, 20, (*clean.shape[:-1], clean.shape[-1] + 1))
    return (clean + (white[..., :-1] + white[..., 1:]) / np.sqrt(2)).astype(np.float32)


def lag_one(residual: np.ndarray, axis: int) -> float:
    ahead, behind = (np.take(residual, range(start, residual.shape[axis] - 1 + start), axis=axis) for start in (0, 1))
    return float((ahead * behind).mean() / (residual**2).mean())


def test_learns_stripes_as_noise_and_draws_new_ones() -> None:
    y, x = np.mgrid[:48, :48] / 16
    clean = np.stack([200 + 60 * np.sin(2 * y + n) * np.cos(1.5 * x - n) for n in range(8)])
    noisy = striped(clean, 0)
    frames = Frames(((noisy, Layout.of("QYX", noisy.shape, 2)),))
    settings = DVLAESettings.model_validate(
        {
            **TINY,
            "activation": "relu",
            "batch_norm": False,
            "gated": False,
            "latent_width": "exponential",
            "stabilize": True,
            "context_fade": (0.3, 0.7),
        }
    )
    with seeded(0):
        method = DVLAE(settings, Statistics.of_frames(frames), [Gaussian(20.0)])
    report = fit(
        method,
        frames,
        toy_settings(patch=32, batch_size=3, validate_every=75),
        Budget(steps=280),
        device=torch.device("cpu"),
    )
    assert report.restarts == 0
    with torch.no_grad():
        encoding = method.encode(torch.from_numpy(noisy[:, None]))
        samples = []
        for _ in range(20):
            noise = [torch.randn(8, *method.ladder.latent_shape(level, (48, 48))) for level in range(2)]
            samples.append(method.decode(encoding, noise))
        mean = torch.stack(samples).mean(0)[:, 0].numpy()
        latents = method.infer(encoding, [torch.zeros_like(level) for level in noise])
        again = method.observe(latents, torch.rand(8, 1, 48, 48), torch.randn(8, 1, 48, 48))[:, 0].numpy()
    before, after = (np.sqrt(np.mean((image - clean) ** 2)) for image in (noisy, mean))
    assert after < 0.5 * before, (before, after)
    new = again - method.finish(method.ladder.emit(latents))[:, 0].detach().numpy()
    assert lag_one(noisy - clean, -1) == pytest.approx(0.5, abs=0.05)
    assert lag_one(new, -1) == pytest.approx(0.5, abs=0.2)
    assert abs(lag_one(new, -2)) < 0.15
    assert float(new.std()) == pytest.approx(20, rel=0.25)
