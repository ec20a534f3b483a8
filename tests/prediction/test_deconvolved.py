"""The deconvolved image: tiled like the denoised one, in every turn, and only where there is one."""

import numpy as np
import pytest
import torch

from quietscope.axes import Layout
from quietscope.data.normalize import Statistics
from quietscope.errors import SettingsError
from quietscope.methods.deconoising import DecoNoising, DecoNoisingSettings
from quietscope.nn.convolve import convolve
from quietscope.nn.seeding import seeded
from quietscope.prediction import predict_frame, predict_image
from quietscope.tiling.request import Request
from quietscope.tiling.spec import TileSpec
from tests.prediction.methods import tiny_hdn

RNG = np.random.default_rng(0)


def method_with(psf: torch.Tensor, dims: int = 2) -> DecoNoising:
    settings = DecoNoisingSettings(spatial_dims=dims, depth=1, filters=4, psf_size=tuple(psf.shape[1:]))
    with seeded(0):
        method = DecoNoising(settings, Statistics(torch.tensor([100.0]), torch.tensor([20.0])))
    method.show_psf(psf / psf.sum())
    return method.eval()


@pytest.mark.parametrize("dims", [2, 3])
def test_tiled_equals_untiled_with_a_wide_psf(dims: int) -> None:
    side = (41, 41) if dims == 2 else (5, 21, 21)
    method = method_with(torch.rand(1, *side), dims)
    frame = RNG.normal(100, 20, (1, 90, 75) if dims == 2 else (1, 9, 40, 33)).astype(np.float32)
    kinds = ("mean", "deconvolved")
    small = TileSpec.of(method, 16 if dims == 2 else 8)
    whole, tiled = (
        predict_frame(method, frame, kinds=kinds, request=Request(tile=tile, precision="float32"))
        for tile in (TileSpec.of(method, 96), small)
    )
    assert tiled.deconvolved is not None
    assert whole.deconvolved is not None
    np.testing.assert_allclose(tiled.deconvolved, whole.deconvolved, atol=1e-3)
    np.testing.assert_allclose(tiled.mean, whole.mean, atol=1e-3)
    blurred = convolve(torch.from_numpy(whole.deconvolved)[None], method.psf)[0]
    inner = (slice(None), *[slice(n // 2 - 2, n // 2 + 2) for n in frame.shape[1:]])
    np.testing.assert_allclose(whole.mean[inner], blurred.numpy()[inner], atol=1e-2)


def test_looking_from_all_sides_averages_both() -> None:
    method = method_with(torch.ones(1, 3, 3))
    frame = RNG.normal(100, 20, (1, 20, 24)).astype(np.float32)
    request = Request(augment=True, precision="float32")
    found = predict_frame(method, frame, kinds=("mean", "deconvolved"), request=request)
    turns = [np.rot90(frame, k, (1, 2)) for k in range(4)]
    turns += [turn[:, :, ::-1] for turn in turns]
    with torch.inference_mode():
        each = [method.deconvolve(torch.from_numpy(turn.copy())[None])[0].numpy() for turn in turns]
    back = [np.rot90(d[:, :, ::-1] if k >= 4 else d, -(k % 4), (1, 2)) for k, d in enumerate(each)]
    np.testing.assert_allclose(found.deconvolved, np.mean(back, axis=0), atol=1e-3)


def test_a_slanted_psf_is_looked_through_from_one_side_only() -> None:
    psf = torch.tensor([[[0.1, 0.3, 0.0], [0.0, 0.4, 0.0], [0.0, 0.2, 0.0]]])
    method, frame = method_with(psf), RNG.normal(100, 20, (1, 16, 16)).astype(np.float32)
    plain, turned = (
        predict_frame(method, frame, request=Request(augment=augment), kinds=("deconvolved",))
        for augment in (False, True)
    )
    np.testing.assert_array_equal(plain.deconvolved, turned.deconvolved)


def test_it_goes_into_its_own_sink() -> None:
    method = method_with(torch.ones(1, 5, 5))
    stack = RNG.normal(100, 20, (3, 16, 20)).astype(np.float32)
    mean, deconvolved = np.empty_like(stack), np.empty_like(stack)
    layout = Layout.of("TYX", stack.shape)
    predict_image(method, layout, stack, sinks={"mean": mean, "deconvolved": deconvolved})
    for n, frame in enumerate(stack):
        found = predict_frame(method, frame[None], kinds=("mean", "deconvolved"), frame_index=n)
        np.testing.assert_array_equal(found.mean[0], mean[n])
        np.testing.assert_array_equal(found.deconvolved[0], deconvolved[n])
    assert np.std(deconvolved) > np.std(mean)


@pytest.mark.parametrize("kind", ["std", "map", "quantiles"])
def test_it_draws_no_samples(kind: str) -> None:
    with pytest.raises(SettingsError, match="samples"):
        predict_frame(method_with(torch.ones(1, 3, 3)), np.zeros((1, 8, 8), np.float32), kinds=(kind,))


def test_others_do_not_deconvolve() -> None:
    with pytest.raises(SettingsError, match="deconoising"):
        predict_frame(tiny_hdn(), np.zeros((1, 16, 16), np.float32), kinds=("deconvolved",))
