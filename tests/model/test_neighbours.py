"""Models that see the frames before and after a frame, and volumes whose depth is time."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from quietscope import Compression, Denoiser, Image, compress, distill
from quietscope.axes import Context
from quietscope.data.by_itself import for_model, in_context
from quietscope.data.frames import Frames
from quietscope.deploy import open_session
from quietscope.deploy.predict import LeanPredictor
from quietscope.errors import (
    AxesError,
    CompressionError,
    ExportError,
    ModelFileError,
    SettingsError,
    SizeError,
    Stop,
)
from quietscope.export import export_model
from quietscope.io import as_image
from quietscope.methods import METHODS
from quietscope.model.exported import Deployed
from quietscope.model.file import save_model
from quietscope.tiling.request import Request
from quietscope.training.patch_source import make_patches
from quietscope.training.watch import TrainingState
from tests.tiny import TRAINING, network

Pixels = npt.NDArray[np.float32]
ABLE = tuple(name for name, method in METHODS.items() if method.has_setting("neighbours"))


def scene(*shape: int, seed: int = 0) -> Pixels:
    draw = np.random.default_rng(seed)
    ramp = np.linspace(0.0, 60.0, shape[-1])
    return (100.0 + ramp + draw.normal(0.0, 8.0, shape)).round().astype(np.float32)


def made(method: str = "noise2void", **settings: Any) -> Denoiser:
    noise = {"noise": "sigma=8"} if METHODS[method].needs_noise else {}
    direction = {"direction": "x"} if method == "dvlae" else {}
    return Denoiser(
        method=method,
        network={**network(method), **direction},
        training=TRAINING,
        device="cpu",
        **{"steps": 3, **noise, **settings},
    )


def fitted(denoiser: Denoiser, *images: Any, axes: str = "TYX", **options: Any) -> Denoiser:
    return denoiser.fit(list(images), axes=axes, progress=False, notify=lambda _: None, **options)


@pytest.fixture(scope="module")
def point() -> Denoiser:
    return fitted(made(neighbours=1), scene(5, 24, 32))


@pytest.fixture(scope="module")
def sampler() -> Denoiser:
    return fitted(made("hdn", neighbours=1), scene(5, 24, 32))


def test_the_methods_that_can_are_those_that_say_so() -> None:
    assert set(ABLE) == set(METHODS) - {"direct", "gap", "gr2r", "instant"}


@pytest.mark.parametrize("method", ABLE)
def test_a_frame_is_made_of_itself_and_its_neighbours_and_of_no_other(method: str, tmp_path: Path) -> None:
    """And a model file gives the same."""
    noisy = scene(6, 24, 32)
    model = fitted(made(method, neighbours=1), noisy)
    model.save(tmp_path / "model.safetensors")
    again = Denoiser.load(tmp_path / "model.safetensors", device="cpu")
    assert again.configuration.neighbour_axis == "T"
    assert again.describe()["neighbours"] == "1 on each side along T"
    before = again.denoise(noisy, axes="TYX", num_samples=2).mean
    np.testing.assert_array_equal(before, model.denoise(noisy, axes="TYX", num_samples=2).mean)
    changed = noisy.copy()
    changed[4] += 20.0
    after = again.denoise(changed, axes="TYX", num_samples=2).mean
    assert [bool(np.any(after[n] != before[n])) for n in range(6)] == [False, False, False, True, True, True]


@pytest.mark.parametrize("axes", ["TZYX", "ZTYX", "TCZYX"])
def test_neighbours_lie_along_the_axis_that_was_chosen(axes: str, point: Denoiser) -> None:
    sizes = {"T": 3, "Z": 2, "C": 1, "Y": 24, "X": 32}
    noisy = scene(*(sizes[letter] for letter in axes))
    before = point.denoise(noisy, axes=axes).mean
    changed = noisy.copy()
    last = tuple({"T": 2, "Z": 1}.get(letter, slice(None)) for letter in axes)
    changed[last] += 20.0
    differs = point.denoise(changed, axes=axes).mean != before
    seen = differs.any(axis=tuple(n for n, letter in enumerate(axes) if letter not in "TZ"))
    seen = seen if axes.index("T") < axes.index("Z") else seen.T
    np.testing.assert_array_equal(seen, [[False, False], [False, True], [False, True]])


def test_time_goes_before_depth_and_depth_alone_will_do() -> None:
    assert fitted(made(neighbours=2), scene(2, 3, 24, 32), axes="ZTYX").configuration.neighbour_axis == "T"
    assert fitted(made(neighbours=2), scene(3, 24, 32), axes="ZYX").configuration.neighbour_axis == "Z"
    named = made(neighbours=1, neighbour_axis="Z")
    assert fitted(named, scene(2, 3, 24, 32), axes="ZTYX").configuration.neighbour_axis == "Z"
    volumes = made(neighbours=1, dims=3)
    assert fitted(volumes, scene(4, 2, 24, 32), axes="ZTYX").configuration.neighbour_axis == "T"


@pytest.mark.parametrize("model", ["point", "sampler"])
def test_tiles_change_nothing(model: str, request: pytest.FixtureRequest) -> None:
    denoiser: Denoiser = request.getfixturevalue(model)
    noisy = scene(3, 120, 40, seed=1)
    whole, tiled = (
        denoiser.denoise(noisy, axes="TYX", num_samples=2, tile=tile, augment=True).mean for tile in (120, 40)
    )
    np.testing.assert_allclose(tiled, whole, atol=1e-3)


def test_a_method_that_is_chosen_sees_neighbours_too() -> None:
    model = Denoiser(method="auto", neighbours=1, steps=1, training=TRAINING, device="cpu")
    found = model.settle(scene(4, 64, 64), axes="TYX", notify=lambda _: None)
    assert found.method != "auto"
    assert found.context == Context(neighbours=1, axis="T")


def test_two_channels_are_told_apart() -> None:
    noisy = scene(4, 2, 24, 32)
    model = fitted(made("hdn", neighbours=1), noisy, axes="TCYX")
    assert model.method.input_channels == 6
    assert model.denoise(noisy, axes="TCYX", num_samples=2).mean.shape == noisy.shape


@pytest.mark.parametrize("resident_bytes", [1 << 30, 0])
def test_patches_show_the_same_place_of_every_frame_they_see(resident_bytes: int, point: Denoiser) -> None:
    """Also of frames that no patch is cut from, such as those held out."""
    noisy = np.arange(5 * 24 * 32, dtype=np.float32).reshape(5, 24, 32)
    frames = Frames.of([for_model(Image(noisy, "TYX"), "together", point.configuration.context)], 2)
    settings = point.configuration.training_settings()
    patches = make_patches(point.method, frames, [1, 4], settings, 0, torch.device("cpu"), resident_bytes).batch(0, 16)
    assert patches.shape == (16, 3, 16, 16)
    before, here, after = patches[:, 0], patches[:, 1], patches[:, 2]
    first = here[:, 0, 0] < 4 * 24 * 32
    assert 0 < int(first.sum()) < 16
    assert torch.equal(before, here - 24 * 32)
    # The last frame has none behind it: the one before it stands in.
    assert torch.equal(after, torch.where(first[:, None, None], here + 24 * 32, before))


def test_pixels_that_were_never_measured_are_left_out_of_frame_and_neighbours() -> None:
    noisy = scene(5, 24, 32)
    noisy[2, 5:15, 5:15] = np.nan
    model = fitted(made("hdn", neighbours=1), noisy, mask="nan")
    found = model.denoise(noisy, axes="TYX", num_samples=2, mask="nan").mean
    np.testing.assert_array_equal(np.isnan(found), np.isnan(noisy))


def test_a_run_starts_from_a_model_that_sees_neighbours_and_goes_on_as_if_never_stopped(tmp_path: Path) -> None:
    noisy = scene(5, 24, 32)

    def stop(state: TrainingState) -> None:
        if state.step == 2:
            raise Stop

    stopped = fitted(made(neighbours=1, steps=5), noisy, folder=tmp_path, watch=stop).fit_report
    assert stopped is not None
    assert stopped.interrupted
    went_on = fitted(made(neighbours=1, steps=5), noisy, folder=tmp_path, resume=True)
    at_once = fitted(made(neighbours=1, steps=5), noisy)
    for one, other in zip(went_on.method.parameters(), at_once.method.parameters(), strict=True):
        assert torch.equal(one, other)
    at_once.save(tmp_path / "model.safetensors")
    started = fitted(Denoiser.starting_from(tmp_path / "model.safetensors", steps=1, device="cpu"), noisy)
    assert started.configuration.context == Context(neighbours=1, axis="T")


@pytest.mark.parametrize("ending", [".onnx", ".pt2"])
def test_an_exported_model_sees_neighbours_too(ending: str, point: Denoiser, tmp_path: Path) -> None:
    noisy, path = scene(4, 24, 32, seed=2), tmp_path / f"model{ending}"
    export_model(point, path)
    wanted = point.denoise(noisy, axes="TYX").mean
    session, found = open_session(path), np.empty_like(noisy)
    LeanPredictor(session=session).denoise_into(as_image(noisy, "TYX"), {"mean": found}, Request())
    np.testing.assert_allclose(found, wanted, atol=0.02)
    np.testing.assert_allclose(Deployed(session).denoise(noisy, axes="TYX").mean, wanted, atol=0.02)
    assert session.card.history.context == Context(neighbours=1, axis="T")
    with pytest.raises(AxesError, match="axis T"):
        LeanPredictor(session=session).denoise_into(as_image(noisy, "QYX"), {"mean": found}, Request())


def test_time_as_the_depth_is_what_depth_is() -> None:
    noisy = scene(2, 6, 24, 32)
    time = fitted(made("hdn", dims=3, depth_axis="T"), noisy, axes="QTYX")
    depth = fitted(made("hdn", dims=3), noisy, axes="QZYX")
    one, other = (
        each.denoise(noisy, axes=axes, num_samples=2).mean for each, axes in ((time, "QTYX"), (depth, "QZYX"))
    )
    np.testing.assert_array_equal(one, other)
    assert time.describe()["depth of volumes"] == "axis T"
    with pytest.raises(AxesError, match="a T axis for 3-D"):
        time.denoise(noisy, axes="QZYX")
    with pytest.raises(AxesError, match="depth_axis"):
        depth.denoise(noisy, axes="QTYX")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"method": "direct", "neighbours": 1}, "noise2void"),
        ({"method": "auto", "neighbour_axis": "T"}, "neighbours=1"),
        ({"method": "hdn", "neighbours": 1, "direct": "mean"}, "direct denoiser"),
        ({"method": "noise2void", "neighbour_axis": "T"}, "neighbours=1"),
        ({"method": "noise2void", "neighbours": 9}, "neighbours"),
        ({"method": "noise2void", "network": {"neighbours": 1}}, "in `network`"),
        ({"method": "noise2void", "training": {"mismatch": 0.2}}, "mismatch alone"),
        ({"method": "noise2void", "depth_axis": "T"}, "dims=3"),
        ({"method": "noise2void", "dims": 3, "neighbours": 1, "neighbour_axis": "Z"}, "both along Z"),
        ({"method": "deconoising", "dims": 3, "depth_axis": "T"}, "PSF"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError) as told:
        Denoiser(**settings)
    assert words in str(told.value)


def test_frames_in_no_order_have_no_neighbours(point: Denoiser) -> None:
    for axes in ("QYX", "PYX"):
        with pytest.raises(AxesError, match='axes="TYX"'):
            fitted(made(neighbours=1), scene(4, 24, 32), axes=axes)
        with pytest.raises(AxesError, match="an axis T"):
            point.denoise(scene(4, 24, 32), axes=axes)
    with pytest.raises(AxesError, match="leave out `neighbours`"):
        fitted(made(neighbours=1), scene(24, 32), axes="YX")
    for single in (scene(1, 24, 32), scene(1, 24, 32, seed=1)):
        with pytest.raises(SizeError, match="at least 2 along T"):
            fitted(made(neighbours=1), scene(4, 24, 32), single)
        with pytest.raises(SizeError, match="at least 2 along T"):
            point.denoise(single, axes="TYX")


def test_noise_that_frames_share_is_told() -> None:
    draw, told = np.random.default_rng(0), dict[str, list[str]]()
    own, shared = draw.normal(100.0, 8.0, (6, 128, 128)), draw.normal(0.0, 8.0, (1, 128, 128))
    for name, noisy in (("own", own), ("shared", own + shared)):
        told[name] = []
        made(neighbours=1, steps=1).fit(noisy, axes="TYX", progress=False, notify=told[name].append)
    assert [line for line in told["shared"] if "correlated along T" in line and "neighbours" in line]
    assert not [line for line in told["own"] if "correlated" in line]


def test_what_looks_at_one_frame_refuses_a_model_of_several(point: Denoiser, sampler: Denoiser, tmp_path: Path) -> None:
    noisy = scene(3, 24, 32)
    with pytest.raises(SettingsError, match="frames one by one"):
        sampler.levels(noisy, axes="TYX", num_samples=2)
    with pytest.raises(SettingsError, match="frames one by one"):
        sampler.renoise(noisy[0], axes="YX")
    with pytest.raises(SettingsError, match="frames one by one"):
        sampler.interpolate(noisy[0], noisy[1], 3, axes="YX")
    with pytest.raises(SettingsError, match="frames one by one"):
        distill(sampler, noisy, axes="TYX", steps=1)
    with pytest.raises(CompressionError, match="frames one by one"):
        compress(point, noisy, tmp_path / "small", Compression(backend="onnx"), axes="TYX")
    with pytest.raises(ExportError, match=r"\.onnx"):
        export_model(point, tmp_path / "model.zip")
    assert sampler.generate(1, size=(16, 16)).shape == (1, 16, 16)


def test_a_file_that_names_no_axis_for_its_neighbours_is_damaged(point: Denoiser, tmp_path: Path) -> None:
    card = replace(point.card, configuration=point.configuration.model_copy(update={"neighbour_axis": None}))
    save_model(tmp_path / "odd.safetensors", point.method, card)
    with pytest.raises(ModelFileError, match="neighbours along axis None"):
        Denoiser.load(tmp_path / "odd.safetensors")


def test_an_honest_interval_and_an_estimate_of_quality_take_neighbours(sampler: Denoiser) -> None:
    noisy = scene(4, 48, 48, seed=3)
    assert np.isfinite(sampler.estimated_psnr(noisy, axes="TYX")[0].psnr)
    clean = np.broadcast_to(scene(48, 48), noisy.shape)
    assert len(sampler.recalibrate(noisy, clean, axes="TYX", num_samples=20)) == 1
    assert sampler.spread != 1.0


def test_an_image_is_put_in_context_once() -> None:
    image = in_context(Image(scene(3, 8, 8), "TYX"), Context(neighbours=1, axis="T"))
    assert in_context(image, Context(neighbours=1, axis="T")) is image
    assert image.layout().context.width == 3
