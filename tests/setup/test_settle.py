"""A run is settled once, in order, before anything is trained; a preview settles it without training or writing."""

import functools
from pathlib import Path

import numpy as np
import pytest
import torch

from quietscope import Denoiser
from quietscope.data.frames import Frames
from quietscope.errors import PixelError
from quietscope.io import Image, as_images
from quietscope.noise import Gaussian, PoissonGaussian
from quietscope.presets import Configuration
from quietscope.setup import bootstrap
from quietscope.setup.settle import Settled, preview, settle

TINY = {"filters": (8,) * 3, "latent_channels": (4,) * 3, "blocks": 1, "final_blocks": 0, "stem_filters": 8}
TINY_UNET = {"depth": 1, "filters": 8}


@pytest.fixture
def images() -> list[Image]:
    y, x = np.mgrid[:64, :64] / 64.0
    clean = np.stack([130 + 100 * np.sin(5 * x + n) * np.cos(4 * y - n) for n in range(3)])
    noisy = clean + np.random.default_rng(0).normal(0.0, 8.0, clean.shape)
    return list(as_images(noisy.astype(np.float32), "TYX"))


def previewed(values: dict[str, object], images: list[Image]) -> Settled:
    configuration = Configuration.of(values)
    return preview(configuration, images, Frames.of(images, configuration.dims))


def test_everything_is_settled_and_every_choice_is_noted(images: list[Image]) -> None:
    told: list[str] = []
    configuration = Configuration.of({"method": "auto", "budget": "2h"})
    settled = preview(configuration, images, Frames.of(images, 2), notify=told.append)
    assert not settled.configuration.unsettled
    assert settled.configuration.method == "hdn"
    assert float(settled.statistics.std) == pytest.approx(float(np.std(np.asarray(images[0].data))), rel=1e-4)
    assert len(settled.noise_models) == 1
    assert settled.psf is None
    assert list(settled.notes) == told
    assert told[0].startswith("method: hdn")
    assert settled.build().settings == settled.configuration.method_settings()


def test_a_method_without_a_noise_model_gets_none(images: list[Image]) -> None:
    assert previewed({"method": "noise2void"}, images).noise_models == ()


def test_a_psf_is_shown_to_the_method(images: list[Image]) -> None:
    settled = previewed({"method": "deconoising", "psf": "sigma=1.5", "network": TINY_UNET}, images)
    assert settled.psf is not None
    method = settled.build()
    assert torch.equal(method.get_buffer("psf").sum(dim=(1, 2)), settled.psf.sum(dim=(1, 2)))
    assert settled.configuration.network["psf_size"] == tuple(settled.psf.shape[1:])


def test_the_seed_draws_the_weights_and_no_global_number_is_drawn(images: list[Image]) -> None:
    settled = previewed({"network": TINY, "noise": "sigma=8", "seed": 3}, images)
    before = torch.get_rng_state()
    one, two = settled.build().state_dict(), settled.build().state_dict()
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(value, two[name]) for name, value in one.items())


def test_a_preview_trains_nothing_and_keeps_nothing(
    images: list[Image], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trained(*_: object, **__: object) -> None:
        pytest.fail("a first denoiser was trained")

    monkeypatch.setattr(bootstrap, "fit", trained)
    monkeypatch.chdir(tmp_path)
    settled = previewed({"noise": "bootstrap"}, images)
    assert isinstance(settled.noise_models[0], PoissonGaussian)
    assert "stands in" in settled.notes[0]
    assert list(tmp_path.iterdir()) == []


def test_a_resumed_run_takes_the_noise_models_that_its_folder_has_kept(
    images: list[Image], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = functools.partial(bootstrap.bootstrap_noise, kind="gaussian", steps=2)
    monkeypatch.setattr(bootstrap, "bootstrap_noise", short)
    configuration = Configuration.of({"noise": "bootstrap"})
    frames = Frames.of(images, 2)
    first = settle(configuration, images, frames, folder=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["bootstrap_c0.safetensors"]
    monkeypatch.setattr(bootstrap, "bootstrap_noise", lambda *_, **__: pytest.fail("it was bootstrapped again"))
    again = settle(configuration, images, frames, folder=tmp_path, resume=True)
    at = torch.linspace(30.0, 230.0, 20)
    assert torch.equal(first.noise_models[0].variance(at), again.noise_models[0].variance(at))
    assert first.notes[0].startswith("bootstrap: ")
    assert not any(note.startswith("bootstrap: ") for note in again.notes)


def test_a_denoiser_is_fitted_to_what_was_settled(images: list[Image]) -> None:
    values = {"network": TINY, "noise": "sigma=8", "seed": 3, "steps": 1, "training": {"learning_rate": 1e-12}}
    settled = previewed(values, images)
    denoiser = Denoiser.from_configuration(Configuration.of(values), device="cpu").fit(images)
    assert denoiser.configuration == settled.configuration
    assert isinstance(denoiser.noise_models[0], Gaussian)
    fitted = dict(denoiser.method.named_parameters())
    for name, value in settled.build().named_parameters():
        assert torch.allclose(value, fitted[name], atol=1e-6), name


def test_images_that_cannot_be_used_are_refused(images: list[Image]) -> None:
    broken = np.array(images[0].data)
    broken[0, 0, 0] = np.nan
    with pytest.raises(PixelError):
        previewed({"noise": "sigma=8"}, list(as_images(broken, "TYX")))
