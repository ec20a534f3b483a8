"""What each level holds, against what the ladder itself says; any size, no seams, nothing that is not drawn."""

from typing import Any

import numpy as np
import pytest
import torch

from quietscope import Denoiser
from quietscope.errors import AxesError, ChannelError, SettingsError, SizeError
from quietscope.explore import levels
from quietscope.methods.hdn import HDN
from quietscope.methods.noise2void import Noise2Void
from quietscope.prediction import predict_frame
from quietscope.prediction.latent_noise import tile_noise
from quietscope.tiling.grid import Tile
from quietscope.tiling.request import Request
from quietscope.tiling.spec import TileSpec
from tests.explore.methods import tiny_dvlae, tiny_hdn
from tests.tiny import untrained

RNG = np.random.default_rng(0)
THREE = {"filters": (8,) * 3, "latent_channels": (4,) * 3}
VOLUME = {"dims": 3, "width": 4, "latent_channels": (2, 2), "z_halvings": 1}


def noisy(*shape: int) -> np.ndarray:
    return RNG.normal(1000, 200, shape).astype(np.float32)


def drawn(
    method: HDN, frame: np.ndarray, samples: range, **changes: Any
) -> tuple[tuple[torch.Tensor, ...], tuple[torch.Tensor, ...]]:
    """Encode a frame that needs no padding, and make the noise of some samples."""
    box = tuple(slice(0, length) for length in frame.shape[1:])
    options = {"seed": 0, "frame": 0} | changes
    noise = tile_noise(method.latents(), Tile(box, box), samples=samples, **options)
    encoding = method.encode(torch.from_numpy(frame)[None])
    return tuple(part.expand(len(samples), *part.shape[1:]) for part in encoding), noise


@pytest.mark.parametrize("changes", [THREE, {**VOLUME}, {**THREE, "channels": 2}], ids=["plane", "volume", "channels"])
def test_with_every_level_informed_it_is_the_denoised_image(changes: dict[str, Any]) -> None:
    method = tiny_hdn(**changes)
    frame = noisy(changes.get("channels", 1), *((6, 14, 19) if "dims" in changes else (27, 41)))
    found = levels(method, frame, num_samples=3, seed=4, frame_index=2)
    expected = predict_frame(method, frame, kinds=("mean",), request=Request(num_samples=3, pairs=0), frame_index=2)
    assert np.abs(found.reconstructions[0] - expected.mean).max() > 0.1  # another seed, another image
    again = levels(method, frame, num_samples=3, frame_index=2)
    np.testing.assert_allclose(again.reconstructions[0], expected.mean, rtol=1e-5)
    assert found.size == frame.shape[1:]
    assert found.spread.shape == found.reconstructions.shape == (found.num_levels, *frame.shape)


def test_a_hierarchy_that_learns_its_noise_has_levels_too() -> None:
    method = tiny_dvlae(**THREE, halves=(False, True, True), components=2)
    frame = noisy(1, 27, 33)
    found = levels(method, frame, num_samples=3)
    expected = predict_frame(method, frame, kinds=("mean",), request=Request(num_samples=3, pairs=0))
    np.testing.assert_allclose(found.reconstructions[0], expected.mean, rtol=1e-5)
    assert [each.shape for each in found.kl] == [(27, 33), (14, 17), (7, 9)]
    assert (found.kl_per_pixel > 0).all()


def test_levels_below_are_the_priors_means_and_levels_above_the_posteriors_draws() -> None:
    method, frame = tiny_hdn(**THREE).eval(), noisy(1, 16, 24)
    found = levels(method, frame, num_samples=4)
    with torch.inference_mode():
        encoding, noise = drawn(method, frame, range(4))
        latents = method.infer(encoding, noise)
        still = [torch.zeros_like(each) for each in noise]
        for level in range(1, 3):
            given = [None if n < level else z for n, z in enumerate(latents)]
            expected = method.emit(method.complete(given, still)).mean(0)
            np.testing.assert_allclose(found.reconstructions[level], expected, rtol=1e-5)
            assert np.abs(found.reconstructions[level] - found.reconstructions[level - 1]).max() > 1
        for level in range(3):
            alone = [draw if n == level else zero for n, (draw, zero) in enumerate(zip(noise, still, strict=True))]
            expected = method.decode(encoding, alone).std(0)
            np.testing.assert_allclose(found.spread[level], expected, rtol=1e-3, atol=1e-3)
            assert found.spread[level].mean() > 0.1
    np.testing.assert_allclose(found.prior + sum(map(found.added, range(3))), found.reconstructions[0], rtol=1e-4)


def test_without_any_informed_level_the_image_does_not_matter() -> None:
    one, other = (levels(tiny_hdn(**THREE), noisy(1, 20, 30), num_samples=2) for _ in range(2))
    np.testing.assert_array_equal(one.prior, other.prior)
    assert np.abs(one.reconstructions[-1] - other.reconstructions[-1]).max() > 0.01


def test_the_kl_is_the_ladders() -> None:
    method, frame = tiny_hdn(**THREE, deterministic_levels=(0,)).eval(), noisy(1, 16, 24)
    found = levels(method, frame, num_samples=5)
    with torch.inference_mode():
        encoding, noise = drawn(method, frame, range(5))
        _, totals = method.ladder.decode_with_kl(encoding, noise)
    expected = totals.mean(0).numpy() / (16 * 24)
    np.testing.assert_allclose(found.kl_per_pixel, expected, rtol=1e-4)
    assert found.kl_share.sum() == pytest.approx(1)
    assert [each.shape for each in found.kl] == [(8, 12), (4, 6), (2, 3)]
    for level in range(3):
        assert found.kl_map(level).shape == (16, 24)
        assert found.kl_map(level).mean() == pytest.approx(expected[level], rel=1e-4)
        assert found.kl[level].min() >= 0


def test_a_deterministic_level_adds_no_spread() -> None:
    found = levels(tiny_hdn(**THREE, deterministic_levels=(0, 1)), noisy(1, 17, 9), num_samples=3)
    assert not found.spread[:2].any()
    assert (found.spread[2] > 0).all()
    assert [spec.is_random for spec in found.latents] == [False, False, True]


@pytest.mark.parametrize("size", [(1, 1), (7, 30), (33, 65)])
def test_any_size_of_a_plane(size: tuple[int, ...]) -> None:
    found = levels(tiny_hdn(**THREE, channels=2), noisy(2, *size), num_samples=2)
    assert all(np.isfinite(each).all() for each in (found.reconstructions, found.spread, found.prior, *found.kl))
    for level, reduction in enumerate((2, 4, 8)):
        assert found.kl[level].shape == tuple(-(-length // reduction) for length in size)
        assert found.kl_map(level).shape == size


@pytest.mark.parametrize("dims", [2, 3])
def test_tiles_fit_together_without_a_seam(dims: int) -> None:
    method = tiny_hdn(**({} if dims == 2 else VOLUME))
    frame = noisy(1, *((72, 201) if dims == 2 else (9, 8, 130)))
    halo = (8, 64, 64)[-dims:]
    cuts = [TileSpec((512,) * dims, (0,) * dims), TileSpec(halo, halo)]
    counts = []
    whole, tiled = (
        levels(method, frame, num_samples=2, tile=cut, progress=lambda *each: counts.append(each)) for cut in cuts
    )
    assert counts[:2] == [(1, 2), (2, 2)]
    assert counts[-1][0] == counts[-1][1] > 8
    for name in ("reconstructions", "prior", "spread"):
        np.testing.assert_allclose(getattr(tiled, name), getattr(whole, name), atol=0.05)
    for one, other in zip(tiled.kl, whole.kl, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)


def test_global_state_is_left_alone() -> None:
    method, state = tiny_hdn().train(), torch.get_rng_state()
    levels(method, noisy(1, 8, 8), num_samples=2)
    assert method.training
    assert torch.equal(torch.get_rng_state(), state)


def test_nothing_learnt_is_no_division_by_zero() -> None:
    method = tiny_hdn()
    for name, parameter in method.ladder.named_parameters():
        if ".prior_" in name or ".posterior_" in name:
            torch.nn.init.zeros_(parameter)
    found = levels(method, noisy(1, 8, 8), num_samples=2)
    np.testing.assert_array_equal(found.kl_share, [0, 0])


def test_mistakes_say_what_to_type() -> None:
    with pytest.raises(SettingsError, match=r'hierarchy.*noise2void.*method="hdn"'):
        levels(untrained(Noise2Void), noisy(1, 8, 8))
    with pytest.raises(SettingsError, match="num_samples=20"):
        levels(tiny_hdn(), noisy(1, 8, 8), num_samples=1)
    with pytest.raises(ChannelError, match="1 channel"):
        levels(tiny_hdn(), noisy(2, 8, 8))
    with pytest.raises(AxesError, match="2-D"):
        levels(tiny_hdn(), noisy(1, 2, 8, 8))


def test_the_denoiser_takes_one_frame_of_an_image() -> None:
    made = Denoiser(device="cpu", training={"precision": "float32"})
    made._method = tiny_hdn(channels=2)
    stack = noisy(3, 12, 2, 20)
    found = made.levels(stack, frame=1, num_samples=2, axes="TYCX")
    direct = levels(made.method, stack[1].transpose(1, 0, 2), num_samples=2, frame_index=1)
    np.testing.assert_array_equal(found.reconstructions, direct.reconstructions)
    with pytest.raises(SizeError, match="frame=2"):
        made.levels(stack, frame=3, axes="TYCX")
    stack[1, 3, 0, 4] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        made.levels(stack, frame=1, axes="TYCX")
