"""Batch normalisation of one value per channel: refused before anything is measured or trained, wherever it comes."""

from pathlib import Path

import numpy as np
import pytest
import torch

from quietscope import Denoiser, plan_train
from quietscope.errors import SettingsError
from quietscope.methods import METHODS
from quietscope.methods.base import LearningMethod
from quietscope.methods.direct import DirectDenoiser
from quietscope.methods.divnoising import DivNoising
from quietscope.pipeline.plan_words import describe
from quietscope.setup import bootstrap
from quietscope.testing.method_contract import toy_frames, toy_settings
from quietscope.training.budget import Budget
from quietscope.training.fit import fit
from quietscope.training.patch_source import check_batch
from tests.tiny import TRAINING, Values, network, untrained

CPU = torch.device("cpu")
LADDER: Values = {"filters": (4,) * 3, "latent_channels": (4,) * 3, "batch_norm": True}
UNET: Values = {"depth": 3, "batch_norm": True}
DEEP: dict[str, Values] = {
    "hdn": LADDER,
    "dvlae": {**LADDER, "halves": (True,) * 3},
    "noise2void": {**UNET, "masked_share": 0.05},
    "pn2v": {**UNET, "masked_share": 0.05},
    "direct": UNET,
}
"""Networks with batch normalisation that reduce 8 pixels to one, by method."""


def build(name: str, dims: int = 2) -> LearningMethod:
    method = untrained(METHODS[name], dims=dims, **DEEP[name])
    if isinstance(method, DirectDenoiser):
        method.learn_from(untrained(DivNoising, dims=dims))
    return method


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("name", DEEP)
def test_one_patch_of_one_pixel_at_the_deepest_level_is_refused_for_every_method(name: str, dims: int) -> None:
    method = build(name, dims)
    settings = toy_settings(patch=8, patch_z=1, batch_size=1)
    with pytest.raises(SettingsError, match=r"batch_size = 1 and a patch of .*8 x 8.*set batch_size to 2"):
        fit(method, toy_frames(method), settings, Budget(steps=1), device=CPU)
    check_batch(method, toy_settings(patch=8, patch_z=1, batch_size=2))
    check_batch(method, toy_settings(patch=16, patch_z=1, batch_size=1))


def test_what_is_let_through_trains() -> None:
    """A mirrored ladder wants two pixels at its top level, which are enough; a method without batch norm, nothing."""
    mirrored = untrained(METHODS["hdn"], edges="reflect", **LADDER)
    assert mirrored.size_multiple == (16, 16)
    for method in (mirrored, untrained(DivNoising)):
        settings = toy_settings(patch=8, batch_size=1)
        assert fit(method, toy_frames(method), settings, Budget(steps=1), device=CPU).steps == 1


def test_asking_changes_nothing() -> None:
    method = build("hdn").train()
    before, state = {name: value.clone() for name, value in method.state_dict().items()}, torch.get_rng_state()
    with pytest.raises(SettingsError):
        check_batch(method, toy_settings(patch=8, batch_size=1))
    assert method.training
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(before[name], value) for name, value in method.state_dict().items())


def test_processes_that_share_a_batch_have_less_of_it() -> None:
    settings = toy_settings(patch=8, batch_size=2)
    check_batch(build("hdn"), settings)
    with pytest.raises(SettingsError, match=r"batch_size = 2 for 2 processes.*set batch_size to 4 or more"):
        check_batch(build("hdn"), settings, num_processes=2)


def test_a_dry_run_and_a_run_refuse_it_before_noise_is_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A noise model by bootstrap wants a first denoiser, which takes minutes."""
    monkeypatch.setattr(bootstrap, "fit", lambda *_, **__: pytest.fail("a first denoiser was trained"))
    noisy = next(iter(toy_frames(build("hdn"))))[0]
    settings: Values = {
        "method": "hdn",
        "steps": 1,
        "noise": "bootstrap",
        "network": network("hdn", **LADDER),
        "training": {**TRAINING, "patch": 8, "batch_size": 1},
    }
    with pytest.raises(SettingsError, match="for batch normalisation"):
        describe(plan_train(np.asarray(noisy), tmp_path / "run", settings, axes="YX", device="cpu"))
    with pytest.raises(SettingsError, match="for batch normalisation"):
        Denoiser(**settings, device="cpu").fit(noisy, axes="YX", progress=False, notify=lambda _: None)


def test_a_dry_run_times_patches_as_large_as_those_of_training(tmp_path: Path) -> None:
    """A PSF makes patches larger than the settings say; a smaller one would be one pixel at the deepest level."""
    frame = next(iter(toy_frames(build("noise2void"))))[0]
    settings: Values = {
        "method": "deconoising",
        "steps": 1,
        "network": network("deconoising", **UNET, psf_sigma=2.0),
        "training": {**TRAINING, "patch": 8, "batch_size": 1},
    }
    found = describe(plan_train(np.asarray(frame), tmp_path / "run", settings, axes="YX", device="cpu"))
    assert found.learning.patch == (24, 24)
