"""Images normalised each by itself: results do not depend on an image's unit, and come back in it, in every way."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from quietscope import Compression, Denoiser, Image, compress, distill
from quietscope.data.by_itself import for_model, units_of
from quietscope.data.frames import Frames
from quietscope.data.likeness import differences
from quietscope.data.measured import as_measured, in_intensities
from quietscope.deploy import open_session
from quietscope.deploy.predict import LeanPredictor
from quietscope.distillation.compare import compare
from quietscope.errors import ExportError, NoiseError, PixelError, SettingsError
from quietscope.export import export_model
from quietscope.io import as_image
from quietscope.tiling.request import Request
from tests.tiny import TRAINING, network

Pixels = npt.NDArray[np.float32]
FAR = np.float32(2.0**-14)
"""A power of two, so that what is divided by it loses nothing."""


def scene(*shape: int, seed: int = 0) -> Pixels:
    draw = np.random.default_rng(seed)
    ramp = np.linspace(0.0, 60.0, shape[-1])
    return (100.0 + ramp + draw.normal(0.0, 8.0, shape)).round().astype(np.float32)


def trained(method: str, *images: Any, axes: str = "TYX", **settings: Any) -> Denoiser:
    made = Denoiser(
        method=method,
        steps=3,
        normalize="each",
        network={**network(method), **({"direction": "x"} if method == "dvlae" else {})},
        training=TRAINING,
        device="cpu",
        **settings,
    )
    return made.fit(list(images), axes=axes, progress=False, notify=lambda _: None)


@pytest.fixture(scope="module")
def point() -> Denoiser:
    return trained("noise2void", scene(3, 24, 32), scene(2, 24, 32, seed=1) * FAR)


@pytest.fixture(scope="module")
def sampler() -> Denoiser:
    return trained("dvlae", scene(3, 24, 32), scene(2, 24, 32, seed=1) * FAR, direct="mean")


def test_every_channel_of_every_image_has_a_mean_of_zero_and_a_deviation_of_one() -> None:
    """Whatever the order of its axes, C before S."""
    pixels = np.stack([scene(5, 24, 32), 0.01 * scene(5, 24, 32, seed=1)])
    for axes, order in (("CTYX", (0, 1, 2, 3)), ("TYXC", (1, 2, 3, 0)), ("TCYX", (1, 0, 2, 3))):
        image = for_model(Image(pixels.transpose(order), axes), "each")
        frames = Frames.of([image], 2)
        values = np.stack([frames[n] for n in range(len(frames))])
        np.testing.assert_allclose(values.mean((0, 2, 3)), 0.0, atol=1e-4)
        np.testing.assert_allclose(values.std((0, 2, 3)), 1.0, rtol=1e-4)
        assert for_model(image, "each") is image
    both = np.arange(1.0, 7.0).reshape(3, 1, 1, 2) * scene(3, 24, 32)[:1, ..., None]
    frames = Frames.of([for_model(Image(both, "SYXC"), "each")], 2)
    np.testing.assert_allclose(frames[0].std((1, 2)), 1.0, rtol=1e-4)


def test_a_part_is_read_in_the_units_of_the_whole_and_only_measured_pixels_count() -> None:
    pixels = scene(2, 96, 96)
    pixels[:, :, :30] = 0.0
    found = for_model(Image(pixels, "TYX"), "each")
    units, inside = units_of(as_measured(Image(pixels, "TYX"))), pixels[:, :, 30:]
    assert units.mean == pytest.approx(inside.mean(), rel=1e-5)
    assert units.std == pytest.approx(inside.std(), rel=1e-5)
    part = np.asarray(found.data[1, 10:20, 25:40])
    assert np.isnan(part[:, :5]).all()
    np.testing.assert_allclose(part[:, 5:], (pixels[1, 10:20, 30:40] - units.mean) / units.std, rtol=1e-5)
    assert Frames.of([found], 2).has_gaps


def test_a_blank_channel_and_a_blank_image_stay_finite() -> None:
    for pixels in (np.full((1, 24, 32), 7.0, np.float32), np.zeros((3, 64, 64), np.uint16)):
        values = np.asarray(for_model(Image(pixels, "TYX"), "each").data[...])
        assert not np.isinf(values).any()
    with pytest.raises(PixelError, match="finite"):
        for_model(Image(np.array([[1.0, np.nan], [2.0, 3.0]], np.float32), "YX"), "each")


def test_a_result_is_the_same_in_any_unit_and_comes_in_that_of_its_image(point: Denoiser) -> None:
    pixels = scene(2, 24, 32, seed=2)
    plain, far = point.denoise(pixels, axes="TYX"), point.denoise(pixels * FAR, axes="TYX")
    np.testing.assert_allclose(far.mean / FAR, plain.mean, rtol=1e-5)
    assert 90.0 < plain.mean.mean() < 170.0
    np.testing.assert_allclose(point.denoise(pixels * 4 + 1024, axes="TYX").mean, plain.mean * 4 + 1024, rtol=1e-4)


def test_intensities_mean_nothing_to_such_a_model_and_noise_still_does(point: Denoiser) -> None:
    def strange(pixels: Pixels) -> list[str]:
        from quietscope.data.look import look_at

        seen = look_at([for_model(Image(pixels, "TYX"), "each")], 2)
        return [each.words for each in differences(point.history.seen[0], seen[0])]

    assert strange(scene(2, 24, 32, seed=3) * 1000.0) == []
    quiet = 0.5 * np.random.default_rng(0).normal(size=(2, 24, 32)) + np.linspace(0.0, 60.0, 32)
    assert any("noise" in words for words in strange(quiet.astype(np.float32)))


def test_all_kinds_of_results_come_back(sampler: Denoiser) -> None:
    pixels = scene(24, 32, seed=2)
    options: dict[str, Any] = {"num_samples": 4, "quantiles": (0.1, 0.9), "estimate": "map", "also": ["samples"]}
    plain, far = sampler.denoise(pixels, **options), sampler.denoise(pixels * FAR, **options)
    for kind, values in plain.estimates.items():
        np.testing.assert_allclose(far.estimates[kind] / FAR, values, rtol=2e-4, err_msg=kind)
    assert plain.std is not None
    assert 0.0 < plain.std.mean() < 40.0
    assert plain.quantiles is not None
    assert np.all(np.abs(plain.quantiles - plain.mean) < 100.0)


def test_pixels_that_were_never_measured_keep_their_value(point: Denoiser) -> None:
    pixels = scene(1, 96, 96, seed=2)
    pixels[:, :, :30] = 0.0
    result = point.denoise(pixels, axes="TYX").mean
    assert np.all(result[:, :, :30] == 0.0)
    assert result[:, :, 30:].min() > 50.0


def test_the_choice_stays_in_the_model_file_and_in_an_exported_one(sampler: Denoiser, tmp_path: Path) -> None:
    pixels = scene(24, 32, seed=2)
    sampler.save(tmp_path / "m.safetensors")
    again = Denoiser.load(tmp_path / "m.safetensors", device="cpu")
    assert again.history.normalize == "each"
    assert "each image by itself" in again.describe()["normalisation"]
    wanted = sampler.denoise(pixels, num_samples=3)
    np.testing.assert_array_equal(again.denoise(pixels, num_samples=3).mean, wanted.mean)
    export_model(sampler, tmp_path / "m.onnx")
    lean = LeanPredictor(session=open_session(tmp_path / "m.onnx"))
    out = {kind: np.empty((24, 32), np.float32) for kind in ("mean", "std")}
    lean.denoise_into(as_image(pixels * FAR, "YX"), out, Request(num_samples=3))
    np.testing.assert_allclose(out["mean"] / FAR, wanted.mean, rtol=1e-4)
    assert wanted.std is not None
    np.testing.assert_allclose(out["std"] / FAR, wanted.std, rtol=1e-2, atol=1e-2)


def test_the_zoo_has_no_words_for_such_a_model(point: Denoiser, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"by itself.*\.onnx"):
        export_model(point, tmp_path / "m.zip")


def test_a_direct_denoiser_is_as_its_teacher(sampler: Denoiser) -> None:
    along = sampler.direct
    assert along is not None
    after = distill(sampler, [scene(3, 24, 32)], axes="TYX", steps=2, network=network("direct"), training=TRAINING)
    pixels = scene(24, 32, seed=2)
    for direct in (along, after):
        assert direct.history.normalize == "each"
        np.testing.assert_allclose(direct.denoise(pixels * FAR).mean / FAR, direct.denoise(pixels).mean, rtol=1e-4)
    noisy, clean = scene(3, 24, 32), np.full((3, 24, 32), 130.0, np.float32) + scene(3, 24, 32) / 10
    settings: dict[str, Any] = {"axes": "TYX", "num_samples": 4}
    found = [compare(sampler, after, [noisy * unit], [clean * unit], **settings) for unit in (np.float32(1), FAR)]
    assert found[0].psnr_clean == pytest.approx(found[1].psnr_clean, abs=0.01)
    assert found[0].psnr_to_samples == pytest.approx(found[1].psnr_to_samples, abs=0.05)


def test_levels_and_new_noise_come_back_and_what_has_no_unit_is_refused(sampler: Denoiser) -> None:
    pixels = scene(24, 32, seed=2)
    plain, far = (sampler.levels(each, num_samples=2) for each in (pixels, pixels * FAR))
    for name in ("reconstructions", "prior", "spread"):
        np.testing.assert_allclose(getattr(far, name) / FAR, getattr(plain, name), rtol=1e-3, atol=1e-2)
    assert 50.0 < plain.prior.mean() < 200.0
    noisy = sampler.renoise(pixels * FAR, num=2) / FAR
    np.testing.assert_allclose(noisy, sampler.renoise(pixels, num=2), rtol=1e-3)
    with pytest.raises(SettingsError, match="a model that knows intensities"):
        sampler.generate(num=1, size=16)
    with pytest.raises(SettingsError, match="a model that knows intensities"):
        sampler.interpolate(pixels, pixels, num=3)


def test_its_noise_is_not_taken_for_that_of_an_image(sampler: Denoiser) -> None:
    """What it knows of noise is in the units of no image: neither a second exposure nor none can be judged by it."""
    pixels = scene(24, 32, seed=2)
    assert sampler.noise_models
    with pytest.raises(NoiseError, match="a method with a noise model"):
        sampler.recalibrate(pixels, scene(24, 32, seed=3), num_exposures=1, num_samples=10)
    with pytest.raises(NoiseError, match="a noise model for each"):
        sampler.recalibrate(pixels, num_samples=10)


def test_compression_judges_in_the_units_of_each_image(point: Denoiser, tmp_path: Path) -> None:
    noisy = scene(2, 64, 64)
    clean = [np.full((2, 64, 64), 100.0, np.float32) + np.linspace(0, 60, 64, dtype=np.float32)]
    losses = []
    for unit in (np.float32(1), FAR):
        found = compress(
            point,
            [Image(noisy * unit, "TYX")],
            tmp_path / f"{unit:g}",
            Compression(backend="onnx", max_loss_db=100.0),
            clean=[Image(clean[0] * unit, "TYX")],
            progress=False,
        )
        losses.append([row.psnr for row in found.rows])
    np.testing.assert_allclose(losses[0], losses[1], atol=0.02)


def test_saturation_is_looked_for_in_each_image_up_to_its_own_top() -> None:
    bright, far = scene(2, 24, 32), scene(2, 24, 32, seed=1) * FAR
    bright[:, ::5, ::5] = 255.0
    told: list[str] = []
    made = Denoiser(method="noise2void", steps=1, normalize="each", network=network("noise2void"), training=TRAINING)
    made.fit([bright.astype(np.uint8), far], axes="TYX", notify=told.append, progress=False)
    assert any("saturated" in line for line in told)


@pytest.mark.parametrize("method", ["hdn", "divnoising"])
def test_a_noise_model_wants_one_unit(method: str) -> None:
    with pytest.raises(SettingsError, match=r"without a noise model.*noise2void"):
        Denoiser(method=method, normalize="each")


def test_auto_takes_a_method_without_a_noise_model() -> None:
    with pytest.raises(SettingsError, match="leave the noise out"):
        Denoiser(method="auto", noise="sigma=3", normalize="each")
    plain = scene(6, 64, 64)
    made = Denoiser(method="auto", normalize="each")
    assert made.settle([plain, plain * FAR], axes="TYX", notify=lambda _: None).method == "noise2void"
    draw = np.random.default_rng(0).normal(0.0, 10.0, (6, 64, 65))
    rows = plain + (draw[..., 1:] + draw[..., :-1]).astype(np.float32)
    made = Denoiser(method="auto", normalize="each")
    assert made.settle([rows, rows * FAR], axes="TYX", notify=lambda _: None).method == "dvlae"


def test_units_are_left_alone_where_all_images_share_one() -> None:
    image = Image(scene(2, 24, 32), "TYX")
    assert for_model(image, "together") is image
    assert in_intensities(image.data) is image.data
