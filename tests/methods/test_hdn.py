"""HDN against what is published and against closed forms."""

import numpy as np
import pytest
import torch
from torch import Tensor

from quietscope.axes import Layout
from quietscope.data.frames import Frames
from quietscope.data.normalize import Statistics
from quietscope.errors import SettingsError
from quietscope.methods.hdn import HDN, HDNSettings
from quietscope.nn.seeding import seeded
from quietscope.noise import Gaussian
from quietscope.prediction import predict_frame
from quietscope.presets import Configuration, find_preset
from quietscope.testing.method_contract import toy_settings
from quietscope.tiling.orientations import ALL_TURNS, FLIPS
from quietscope.training.budget import Budget
from quietscope.training.fit import fit
from tests.methods.stated_ladder import HDN as STYLE
from tests.methods.stated_ladder import convolved, stated_ladder
from tests.tiny import enliven

TINY = {"filters": (8, 8), "latent_channels": (4, 4), "blocks": 1, "final_blocks": 1, "stem_filters": 8}


def build(channels: int = 1, **changes: object) -> HDN:
    settings = HDNSettings.model_validate({**TINY, **changes})
    statistics = Statistics(torch.zeros(channels), torch.ones(channels))
    torch.manual_seed(0)
    return HDN(settings, statistics, [Gaussian(1.0) for _ in range(channels)]).eval()


def noise_for(method: HDN, spatial: tuple[int, ...]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(3)
    return [
        torch.randn(1, *method.ladder.latent_shape(level, spatial), generator=generator)
        for level in range(method.ladder.shape.num_levels)
    ]


def test_paper_preset_has_the_published_number_of_parameters() -> None:
    settings = find_preset("hdn", "paper").network
    method = HDN.build(settings, Statistics(torch.zeros(1), torch.ones(1)), [Gaussian(1.0)])
    assert sum(p.numel() for p in method.parameters()) == 7_301_697
    assert method.ladder.levels[-1].prior_parameters.shape == (1, 64, 1, 1)


def test_the_answer_of_the_paper_preset_is_that_of_the_published_network() -> None:
    """With fewer filters and levels, and every latent at its mean, so that the smooth bound of widths plays no part."""
    settings = find_preset("hdn", "paper").network
    small = {"filters": (8,) * 3, "latent_channels": (4,) * 3, "stem_filters": 8}
    with seeded(0):
        chosen = HDNSettings.model_validate({**settings.model_dump(), **small})
        method = HDN(chosen, Statistics(torch.tensor([100.0]), torch.tensor([20.0])), [Gaussian(1.0)]).eval()
        enliven(method)
    w = method.state_dict()
    x = torch.randn(2, 1, 16, 24, generator=torch.Generator().manual_seed(1))
    noise = [torch.zeros(2, *method.ladder.latent_shape(level, (16, 24))) for level in range(3)]
    with torch.no_grad():
        found = (method.decode(method.encode(100 + 20 * x), noise) - 100) / 20
    expected = convolved(w, "ladder.head", stated_ladder(w, STYLE, x, (True,) * 3))
    assert torch.allclose(found, expected, rtol=1e-3, atol=1e-4 * float(expected.std()))


def test_bsd68_preset_is_trained_as_published() -> None:
    preset, microscopy = find_preset("hdn", "bsd68"), find_preset("hdn", "paper")
    assert preset.network == microscopy.network
    training = preset.training
    assert (training.patch, training.batch_size, training.at_once, preset.steps) == (128, 16, 8, 200_000)
    assert (training.validate_every, training.optimizer, training.learning_rate) == (500, "adamax", 3e-4)
    assert (microscopy.training.patch, microscopy.training.batch_size, microscopy.training.at_once) == (64, 64, 8)


def test_loss_is_the_free_bits_elbo() -> None:
    method = build(free_bits=5.0)
    x = torch.randn(3, 1, 16, 16)
    torch.manual_seed(7)
    with torch.no_grad():
        loss = method.loss(x)
        torch.manual_seed(7)
        noise = [torch.randn(3, *method.ladder.latent_shape(level, (16, 16))) for level in range(2)]
        out, kl = method.ladder.decode_with_kl(method.encode(x), noise)
    nll = (0.5 * (x - out) ** 2 + 0.5 * np.log(2 * np.pi)).mean()
    expected = nll + torch.maximum(kl, torch.tensor(5.0)).mean(0).sum() / 256
    assert float(loss.total) == pytest.approx(float(expected), rel=1e-5)
    assert float(loss.terms["nll"] + loss.terms["kl"]) == pytest.approx(float(loss.total), rel=1e-5)


def test_three_dimensions_of_depth_one_equal_two() -> None:
    flat, deep = build(), build(spatial_dims=3)
    weights = deep.state_dict()
    for name, value in flat.state_dict().items():
        if value.ndim == 4:
            kernel = torch.zeros_like(weights[name])
            kernel[:, :, kernel.shape[2] // 2] = value
            weights[name] = kernel
        else:
            weights[name] = value.reshape(weights[name].shape)
    deep.load_state_dict(weights)
    x = torch.randn(1, 1, 16, 24)
    noise = noise_for(flat, (16, 24))
    with torch.no_grad():
        plane = flat.decode(flat.encode(x), noise)
        volume = deep.decode(deep.encode(x[:, :, None]), [n[:, :, None] for n in noise])
    assert torch.allclose(plane, volume[:, :, 0], atol=1e-5)


def test_deterministic_levels_do_not_see_the_image() -> None:
    method = build(deterministic_levels=(0,))
    features = method.encode(torch.randn(1, 1, 16, 16))
    blinded = (torch.zeros_like(features[0]), *features[1:])
    noise = noise_for(method, (16, 16))
    with torch.no_grad():
        assert torch.equal(method.decode(features, noise), method.decode(blinded, noise))
        open_method = build()
        assert not torch.equal(open_method.decode(features, noise), open_method.decode(blinded, noise))
    assert [spec.is_random for spec in method.latents()] == [False, True]
    assert method.orientations == FLIPS
    assert open_method.orientations == ALL_TURNS


def test_top_prior_broadcasts_to_any_size() -> None:
    method = build()
    for size in ((8, 8), (16, 40)):
        out = method.decode(method.encode(torch.zeros(1, 1, *size)), noise_for(method, size))
        assert out.shape == (1, 1, *size)


def test_z_halvings_reduce_z() -> None:
    method = build(spatial_dims=3, z_halvings=1)
    assert method.size_multiple == (2, 4, 4)


def test_channels_keep_their_own_statistics_and_noise() -> None:
    method = HDN(
        HDNSettings.model_validate(TINY),
        Statistics(torch.tensor([100.0, 1000.0]), torch.tensor([10.0, 300.0])),
        [Gaussian(5.0), Gaussian(100.0)],
    ).eval()
    x = torch.stack((100 + 10 * torch.randn(16, 16), 1000 + 300 * torch.randn(16, 16)))[None]
    with torch.no_grad():
        out = method.decode(method.encode(x), noise_for(method, (16, 16)))
    assert 50 < float(out[0, 0].mean()) < 150
    assert 500 < float(out[0, 1].mean()) < 1500


@pytest.mark.parametrize(
    "network", [{"filters": (8,)}, {"deterministic_levels": [5]}, {"dropout": 2}, {"blocky": 3}, {"activation": "tanh"}]
)
def test_settings_that_do_not_fit_are_refused(network: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        Configuration.of({"network": network})


def test_posterior_of_a_conjugate_gaussian_matches_the_closed_form() -> None:
    """Pixels s ~ N(100, 20^2) seen as x ~ N(s, 10^2): E[s|x] = 100 + 0.8 (x - 100) and Std[s|x] = sqrt(80)."""
    rng = np.random.default_rng(0)
    s = rng.normal(100, 20, (16, 64, 64))
    x = (s + rng.normal(0, 10, s.shape)).astype(np.float32)
    frames = Frames(((x, Layout.of("QYX", x.shape)),))
    torch.manual_seed(0)
    network = {"filters": (32,), "latent_channels": (8,), "blocks": 1, "final_blocks": 0, "stem_filters": 16}
    plain = {"activation": "relu", "batch_norm": False, "dropout": 0, "gated": False, "free_bits": 0}
    settings = HDNSettings.model_validate({**network, **plain})
    method = HDN(settings, Statistics.of_frames(frames), [Gaussian(10.0)])
    training = toy_settings(batch_size=16, learning_rate=5e-3, validate_every=100, clip_norm=5.0)
    fit(method, frames, training, Budget(steps=250), device=torch.device("cpu"))
    posterior = predict_frame(method, x[:1], num_samples=100)
    closed_form = 100 + 0.8 * (x[0] - 100)
    assert float(np.sqrt(np.mean((posterior.mean[0] - closed_form) ** 2))) < 0.15 * float(closed_form.std())
    assert float(posterior.std.mean()) == pytest.approx(np.sqrt(80), rel=0.05)
    assert float(np.mean((posterior.mean[0] - s[0]) ** 2)) < 1.08 * 80
