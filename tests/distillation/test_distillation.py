"""Distilling: any model that samples is a teacher, in 2-D and 3-D, of any channels; what cannot be one is refused."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import pytest
import torch

from quietscope import Denoiser, distill
from quietscope.distillation.compare import compare
from quietscope.distillation.student import check_trainable
from quietscope.errors import AxesError, ChannelError, PixelError, SettingsError, SizeError
from quietscope.methods.direct import DirectDenoiser
from quietscope.presets import Configuration
from quietscope.tiling.orientations import FLIPS
from tests.tiny import TRAINING, Values, network

SMALL: Values = {"network": network("direct", 8), "training": TRAINING, "steps": 3}


def picture(*shape: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[: shape[-2], : shape[-1]]
    return rng.poisson(200 + 100 * np.sin(x / 5) * np.cos(y / 7), shape).astype(np.float32)


def trained(method: str, images: np.ndarray, axes: str, **changes: Any) -> Denoiser:
    chosen = network(method, 8, **changes.pop("network", {"direction": "x"} if method == "dvlae" else {}))
    denoiser = Denoiser(method=method, network=chosen, training=TRAINING, steps=2, device="cpu", **changes)
    return denoiser.fit(images, axes=axes)


@pytest.mark.parametrize(
    ("method", "shape", "axes", "dims", "loss"),
    [
        ("hdn", (2, 32, 32), "TYX", 2, "mean"),
        ("divnoising", (2, 2, 32, 32), "TCYX", 2, "median"),
        ("hdn", (6, 32, 32), "ZYX", 3, "mean"),
        ("dvlae", (2, 32, 32), "TYX", 2, "median"),
    ],
)
def test_any_model_that_samples_can_be_distilled(
    method: str, shape: tuple[int, ...], axes: str, dims: int, loss: Literal["mean", "median"], tmp_path: Path
) -> None:
    images = picture(*shape)
    teacher = trained(method, images, axes, dims=dims)
    before = {name: value.clone() for name, value in teacher.method.state_dict().items()}
    direct = distill(teacher, images, loss=loss, axes=axes, **SMALL)
    assert all(torch.equal(value, before[name]) for name, value in teacher.method.state_dict().items())
    assert isinstance(direct.method, DirectDenoiser)
    assert direct.method.settings.loss == loss
    assert direct.method.teacher is None
    found = compare(teacher, direct, images, images + 1, axes=axes, num_samples=3)
    assert (found.centre, found.num_samples, found.size) == (loss, 3, shape[-dims:])
    assert found.speed_up > 0
    assert len(found.lines()) == 3
    direct.save(tmp_path / "direct.safetensors")
    loaded = Denoiser.load(tmp_path / "direct.safetensors", device="cpu")
    assert loaded.card.training["psnr_to_samples"] == direct.card.training["psnr_to_samples"]
    result = loaded.denoise(images, axes=axes)
    assert result.std is None
    np.testing.assert_array_equal(result.mean, direct.denoise(images, axes=axes).mean)


def test_a_student_tells_how_far_it_is_from_the_samples(capsys: pytest.CaptureFixture[str]) -> None:
    """A teacher that cannot see (one step) draws nearly one image: its mean is learnt within its own spread."""
    images = picture(2, 32, 32)
    teacher = trained("divnoising", images, "TYX")
    capsys.readouterr()
    raw = distill(teacher, images, axes="TYX", progress=False, **{**SMALL, "steps": 1})
    assert capsys.readouterr().err == ""
    learnt = distill(teacher, images, axes="TYX", **{**SMALL, "steps": 120})
    assert "training 100%: step 120" in capsys.readouterr().err
    far, near = (compare(teacher, each, images, axes="TYX", num_samples=20) for each in (raw, learnt))
    assert near.psnr_to_samples > far.psnr_to_samples + 3
    assert far.psnr_of_samples == pytest.approx(near.psnr_of_samples)


def test_what_was_never_measured_is_not_compared() -> None:
    inner = picture(2, 32, 32)
    wide = np.pad(inner, ((0, 0), (0, 0), (32, 0)), constant_values=-9999)
    told: list[str] = []
    teacher = trained("divnoising", inner, "TYX")
    direct = distill(teacher, wide, axes="TYX", notify=told.append, **SMALL)
    assert any("-9999" in line for line in told)
    found = compare(teacher, direct, wide, np.pad(inner, ((0, 0), (0, 0), (32, 0))), axes="TYX", num_samples=3)
    plain = compare(teacher, direct, inner, inner, axes="TYX", num_samples=3)
    assert found.psnr_clean == pytest.approx(plain.psnr_clean, abs=1.0)
    assert found.psnr_of_samples == pytest.approx(plain.psnr_of_samples, abs=1.0)


def test_a_noise_direction_reaches_the_student() -> None:
    images = picture(2, 32, 32)
    teacher = trained("hdn", images, "TYX", network={"deterministic_levels": (0,)})
    assert distill(teacher, images, axes="TYX", **SMALL).method.orientations == FLIPS


def test_training_along_gives_two_models(tmp_path: Path) -> None:
    images = picture(2, 32, 32)
    both, alone = trained("hdn", images, "TYX", direct="median"), trained("hdn", images, "TYX")
    assert alone.direct is None
    assert both.direct is not None
    assert isinstance(both.direct.method, DirectDenoiser)
    assert both.direct.method.teacher is None
    assert both.direct.method.settings.loss == "median"
    mine, theirs = both.method.state_dict(), alone.method.state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in mine.items())
    both.direct.save(tmp_path / "direct.safetensors")
    assert Denoiser.load(tmp_path / "direct.safetensors").denoise(images, axes="TYX").mean.shape == images.shape


def test_a_run_resumes(tmp_path: Path) -> None:
    images = picture(2, 32, 32)
    teacher = trained("hdn", images, "TYX")
    whole = distill(teacher, images, axes="TYX", **SMALL, folder=tmp_path / "whole")
    cut = distill(teacher, images, axes="TYX", **SMALL, folder=tmp_path / "cut", watch=_stop_at(2))
    assert cut.fit_report is not None
    assert cut.fit_report.interrupted
    resumed = distill(teacher, images, axes="TYX", **SMALL, folder=tmp_path / "cut", resume=True)
    assert resumed.fit_report is not None
    assert whole.fit_report is not None
    assert resumed.fit_report.steps == whole.fit_report.steps == 3
    mine = resumed.method.state_dict()
    assert all(torch.equal(value, mine[name]) for name, value in whole.method.state_dict().items())


def _stop_at(step: int) -> Callable[[object], None]:
    def watch(state: object) -> None:
        if getattr(state, "step", 0) == step:
            signal.raise_signal(signal.SIGINT)

    return watch


def test_what_cannot_be_distilled_is_refused_in_one_line() -> None:
    images = picture(2, 32, 32)
    teacher, point = trained("hdn", images, "TYX"), trained("noise2void", images, "TYX")
    with pytest.raises(SettingsError, match='noise2void, which gives one image; pass `loss="mean"`'):
        distill(point, images, axes="TYX", loss="median", **SMALL)
    with pytest.raises(ChannelError, match=r"expected 1 channel, .* got 2"):
        distill(teacher, picture(2, 2, 32, 32), axes="TCYX", **SMALL)
    with pytest.raises(PixelError, match="NaN"):
        distill(teacher, images * np.nan, axes="TYX", **SMALL)
    with pytest.raises(SettingsError, match="loss = 'mode'"):
        distill(teacher, images, loss=cast(Any, "mode"), axes="TYX", **SMALL)
    direct = distill(teacher, images, axes="TYX", **SMALL)
    with pytest.raises(SettingsError, match="at least two samples"):
        compare(teacher, direct, images, axes="TYX", num_samples=1)
    with pytest.raises(SizeError, match="1 frames"):
        compare(teacher, direct, images, images[:1], axes="TYX")


@pytest.mark.parametrize("method", ["instant", "noise2void", "direct"])
def test_a_model_that_gives_one_image_teaches_a_quicker_one(method: str, tmp_path: Path) -> None:
    """Whatever it is: with its scale where that is not bent, and compared with its image as it is."""
    images = picture(3, 64, 64)
    teacher = trained("hdn" if method == "direct" else method, images, "TYX")
    if method == "direct":
        teacher = distill(teacher, images, axes="TYX", **SMALL)
    quick: Values = {"preset": "quick", "network": {"filters": 8}, "training": {"validation_patches": 2}}
    before = {name: value.clone() for name, value in teacher.method.state_dict().items()}
    direct = distill(teacher, images, axes="TYX", **quick, steps=60)
    assert all(torch.equal(value, before[name]) for name, value in teacher.method.state_dict().items())
    assert isinstance(direct.method, DirectDenoiser)
    assert direct.method.settings.stabilize == (method == "direct")
    found = compare(teacher, direct, images, axes="TYX")
    assert found.num_samples == 0
    assert "image of its teacher" in found.lines()[0]
    assert "perfect" not in found.lines()[0]
    assert "psnr_of_samples" not in found.numbers()
    if method == "instant":  # the noisy image is 21 dB from it
        assert found.psnr_to_samples > 24
    direct.save(tmp_path / "quick.safetensors")
    again = Denoiser.load(tmp_path / "quick.safetensors").denoise(images, axes="TYX").mean
    np.testing.assert_array_equal(again, direct.denoise(images, axes="TYX").mean)


def test_a_method_yet_to_be_chosen_may_have_a_companion() -> None:
    """Automatic choice looks at the noise first, and takes a method that samples."""
    check_trainable(Configuration.of({"method": "auto", "direct": "mean"}))


def test_a_volume_model_wants_volumes() -> None:
    teacher = trained("hdn", picture(6, 32, 32), "ZYX", dims=3)
    with pytest.raises(AxesError, match="Z axis"):
        distill(teacher, picture(2, 32, 32), axes="TYX", **SMALL)


def test_images_alone_teach_no_direct_denoiser() -> None:
    with pytest.raises(SettingsError, match="quietscope distill MODEL"):
        Denoiser(method="direct", steps=1).fit(picture(32, 32))
    with pytest.raises(SettingsError, match="noise2void, which gives its one image"):
        Denoiser(method="noise2void", direct="mean", steps=1).fit(picture(32, 32))
