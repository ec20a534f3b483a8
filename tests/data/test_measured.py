"""Images with gaps: NaN wherever they are read, harmless for networks, back in results, left out of all measures."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from quietscope import Denoiser
from quietscope.axes import Layout
from quietscope.data.frames import Frames
from quietscope.data.hidden_pixels import Blinded
from quietscope.data.measured import MeasuredArray, as_measured, for_network, gap_notes, restoring
from quietscope.data.normalize import Statistics
from quietscope.data.patches import PatchPlan
from quietscope.data.preparation import prepare
from quietscope.diagnosis.recording import diagnose_frames
from quietscope.errors import PixelError, SettingsError, SizeError
from quietscope.io import Image, write_image
from quietscope.methods.missing import mean_of_known, split_gaps
from quietscope.methods.noise2void import Noise2Void
from quietscope.setup.noise_choice import measure_channel
from quietscope.training.patch_source import make_patches
from quietscope.training.settings import TrainingSettings
from tests import tiny

CPU = torch.device("cpu")


def recording(*shape: int, seed: int = 0) -> npt.NDArray[np.float32]:
    """Return noise of deviation 10 on a slope from 100 to 200 along X."""
    signal = np.linspace(100, 200, shape[-1])
    return (signal + np.random.default_rng(seed).normal(0, 10, shape)).astype(np.float32)


def padded(*shape: int) -> Image:
    """Return an image (T, C, Y, X); its second channel is padded with -5 at the left, and has an absurd pixel."""
    data = recording(*shape)
    data[:, 1, :, :20] = -5
    data[0, 1, 40, 50] = 1e7
    return Image(data, "TCYX")


def test_every_block_has_the_gaps_of_the_whole() -> None:
    image = as_measured(padded(2, 2, 90, 120))
    whole = np.isnan(np.asarray(image))
    expected = np.zeros(image.shape, bool)
    expected[:, 1, :, :20] = True
    expected[0, 1, 40, 50] = True
    assert np.array_equal(whole, expected)
    for key in ((0, 1, slice(10, 20), slice(3, 60)), (1, slice(0, 2), slice(0, 5), slice(18, 22)), (0, 1, 40, 50)):
        assert np.array_equal(np.isnan(image.data[key]), whole[key])
    turned = as_measured(Image(np.moveaxis(np.asarray(padded(2, 2, 90, 120).data), (3, 2), (0, 1)), "XYTC"))
    assert np.array_equal(np.isnan(np.asarray(turned)), np.moveaxis(expected, (3, 2), (0, 1)))


def test_a_healthy_image_is_left_alone() -> None:
    image = Image(recording(2, 64, 64), "TYX")
    assert as_measured(image) is image
    assert for_network(image) is image
    sink = np.zeros(image.shape)
    assert restoring(image, {"mean": sink})["mean"] is sink


def test_networks_see_the_mean_in_areas_and_the_neighbours_at_an_absurd_pixel() -> None:
    image = padded(2, 2, 90, 120)
    shown = np.asarray(for_network(as_measured(image)).data[0, slice(0, 2), slice(0, 90), slice(0, 120)])
    data = np.asarray(image.data)
    mean = np.delete(data[:, 1, :, 20:].ravel(), 40 * 100 + 30).mean()
    assert shown[1, :, :20] == pytest.approx(mean, rel=0.01)
    around = data[0, 1, 39:42, 49:52]
    assert shown[1, 40, 50] == np.median(around)
    assert np.array_equal(shown[0], data[0, 0])


def test_results_keep_areas_and_replace_absurd_pixels() -> None:
    image = padded(1, 2, 90, 120)
    out = {"mean": np.zeros(image.shape), "std": np.zeros(image.shape), "samples": np.zeros((2, *image.shape))}
    sinks = restoring(as_measured(image), out)
    block = np.full((2, 90, 120), 7.0, np.float32)
    key = (0, slice(0, 2), slice(0, 90), slice(0, 120))
    sinks["mean"][key], sinks["std"][key], sinks["samples"][(1, *key)] = block, block, block
    for kind, value in (("mean", -5), ("std", 0)):
        assert (out[kind][0, 1, :, :20] == value).all()
        assert (out[kind][0, 1, :, 20:] == 7).all()
    assert (out["samples"][1, 0, 1, :, :20] == -5).all()
    assert (out["samples"][0] == 0).all()


def test_statistics_and_noise_are_those_of_measured_pixels() -> None:
    data = np.pad(recording(3, 128, 128), ((0, 0), (40, 40), (0, 0)))
    image = as_measured(Image(data, "TYX"))
    frames, inner = Frames.of([image], 2), Frames.of([Image(data[:, 40:-40], "TYX")], 2)
    assert frames.has_gaps
    found, true = prepare(frames), Statistics.of_frames(inner)
    for name in ("mean", "std"):
        assert getattr(found, name) == pytest.approx(getattr(true, name).numpy(), rel=1e-6)
    assert found.quantiles[0, [0, -1]].tolist() == true.quantiles[0, [0, -1]].tolist()
    assert found.darkest == pytest.approx(true.darkest.numpy(), rel=0.02)
    sigma = measure_channel(frames, 0).model.variance(torch.tensor([150.0])).sqrt()
    assert float(sigma) == pytest.approx(10, rel=0.05)
    assert diagnose_frames(frames)[0].kind == diagnose_frames(inner)[0].kind


def test_patches_lie_where_pixels_were_measured_and_blank_frames_are_left_out() -> None:
    data = recording(12, 64, 64)
    data[:, :, 24:] = 0
    data[3:9] = 0
    frames = Frames.of([as_measured(Image(data, "TYX"))], 2)
    assert [frames.is_measured(n) for n in (2, 3, 8, 9)] == [True, False, False, True]
    method = tiny.untrained(Noise2Void)
    settings = TrainingSettings(patch=16, batch_size=2)
    for resident in (1 << 30, 0):
        patches = make_patches(method, frames, [0, 1, 2, 5], settings, 0, CPU, resident).batch(0, 12)
        assert (~torch.isnan(patches)).float().mean(dim=(1, 2, 3)).min() >= 0.5


def test_a_plan_without_gaps_draws_as_it_always_did() -> None:
    plan = PatchPlan(sizes=((40, 50),), patch=(16, 16), seed=3, orientations=(0,))
    always = PatchPlan(sizes=((40, 50),), patch=(16, 16), seed=3, orientations=(0,), measured=lambda *_: 1.0)
    assert np.array_equal(plan.rows(5, 9), always.rows(5, 9))


def test_missing_pixels_weigh_nothing() -> None:
    x = torch.arange(12.0).reshape(1, 1, 3, 4)
    x[0, 0, 1] = torch.nan
    filled, known = split_gaps(x, torch.tensor([7.0]))
    assert known is not None
    assert filled[0, 0, 1].tolist() == [7.0] * 4
    assert float(mean_of_known(filled, known)) == pytest.approx((0 + 1 + 2 + 3 + 8 + 9 + 10 + 11) / 12)
    whole = torch.ones(1, 1, 2, 2)
    assert split_gaps(whole, 0.0)[0] is whole
    spots = Blinded(pixels=filled, index=torch.tensor([[0, 5]]), weight=torch.ones(1, 2))
    assert float(spots.mean_square(filled + 2, filled, known)) == 4.0 / 2


def test_nan_is_refused_where_nobody_said_that_it_stands_for_anything() -> None:
    data = recording(2, 64, 64)
    data[:, :, :20] = 0
    data[1, 30, 30] = np.nan
    with pytest.raises(PixelError, match="NaN"):
        prepare(Frames(((as_measured(Image(data, "TYX")).data, Layout.of("TYX", data.shape)),)))


def test_a_padded_image_is_denoised_inside_and_kept_outside(tmp_path: Path) -> None:
    data = np.pad(recording(2, 48, 48), ((0, 0), (16, 16), (16, 16)), constant_values=-9999)
    data[0, 40, 40] = 1e9
    write_image(tmp_path / "mosaic.tif", data, axes="TYX")
    told: list[str] = []
    denoiser = Denoiser(steps=3, network=tiny.network("hdn"), training=tiny.TRAINING, device="cpu")
    denoiser.fit(tmp_path / "mosaic.tif", notify=told.append)
    assert [line for line in told if line.startswith("mosaic.tif: 64.00%") and "absurd (1e+09)" in line]
    assert float(denoiser.method.statistics.mean) == pytest.approx(150, rel=0.02)
    result = denoiser.denoise(tmp_path / "mosaic.tif", num_samples=2, tile=32)
    inside = np.zeros(data.shape, bool)
    inside[:, 16:-16, 16:-16] = True
    assert (result.mean[~inside] == -9999).all()
    assert result.std is not None
    assert (result.std[~inside] == 0).all()
    assert (result.std[inside] > 0).all()
    assert np.abs(result.mean[inside]).max() < 1000


def test_notes_name_image_and_channel() -> None:
    image = as_measured(padded(1, 2, 90, 120))
    assert isinstance(image.data, MeasuredArray)
    (line,) = gap_notes([image])
    assert line.startswith("channel 1: 16.67% of the pixels are exactly -5")


def test_a_mask_and_nan_say_what_was_measured() -> None:
    data = recording(2, 60, 80)
    mask = np.ones((60, 80), np.uint8)
    mask[:, 60:] = 0
    image = as_measured(Image(data, "TYX", mask=mask))
    expected = np.broadcast_to(mask == 0, data.shape)
    assert np.array_equal(np.isnan(np.asarray(image)), expected)
    turned = as_measured(Image(np.moveaxis(data, 2, 0), "XTY", mask=mask))
    assert np.array_equal(np.isnan(np.asarray(turned)), np.moveaxis(expected, 2, 0))
    spoilt = np.where(expected, np.nan, data)
    marked = as_measured(Image(spoilt, "TYX", mask="nan"))
    assert np.array_equal(np.isnan(np.asarray(marked)), expected)
    assert np.isfinite(for_network(marked).data[...]).all()
    prepare(Frames.of([marked], 2))
    out = np.zeros(data.shape)
    restoring(marked, {"mean": out})["mean"][:, :, :] = data + 1
    assert np.array_equal(np.isnan(out), expected)
    assert "NaN" in next(gap_notes([marked]))


@pytest.mark.parametrize(
    ("mask", "error"),
    [
        (np.ones((60, 79)), SizeError),
        (np.zeros((60, 80)), PixelError),
        ("nothing", SettingsError),
        (np.ones(80), SizeError),
    ],
)
def test_a_mask_that_does_not_fit_is_refused(mask: object, error: type[Exception]) -> None:
    with pytest.raises(error, match="mask"):
        as_measured(Image(recording(2, 60, 80), "TYX", mask=mask))


def test_a_mask_is_given_in_python_by_array_and_path(tmp_path: Path) -> None:
    data = recording(1, 48, 64)
    data[0, :, 40:] = 5000 + np.random.default_rng(0).normal(0, 500, (48, 24))
    mask = np.ones((48, 64), np.uint8)
    mask[:, 40:] = 0
    write_image(tmp_path / "mask.tif", mask, axes="YX")
    denoiser = Denoiser(steps=2, network=tiny.network("hdn"), training=tiny.TRAINING, device="cpu")
    denoiser.fit(Image(data, "TYX"), mask=tmp_path / "mask.tif", notify=lambda _: None)
    assert float(denoiser.method.statistics.mean) == pytest.approx(data[:, :, :40].mean(), rel=0.01)
    result = denoiser.denoise(Image(data, "TYX"), num_samples=2, mask=mask)
    assert np.array_equal(result.mean[:, :, 40:], data[:, :, 40:])
    assert not np.array_equal(result.mean[:, :, :40], data[:, :, :40])


def test_what_a_mask_leaves_is_asked_of_every_channel() -> None:
    pixels = np.random.default_rng(0).normal(100, 10, (2, 32, 32))
    pixels[1] = np.nan
    with pytest.raises(PixelError, match="channel 1 of the image that were measured; got none"):
        as_measured(Image(pixels, "CYX", mask="nan"))


def test_nan_in_a_mask_is_no_measurement() -> None:
    pixels = np.random.default_rng(0).normal(100, 10, (32, 32))
    mask = np.where(np.arange(32) > 20, 1.0, np.nan) * np.ones((32, 1))
    found = as_measured(Image(pixels, "YX", mask=mask))
    assert np.array_equal(np.isnan(np.asarray(found.data)), np.isnan(mask))
