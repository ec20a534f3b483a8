"""The most probable image: modes that are known, regions that know nothing of tiles."""

from math import prod
from typing import Any

import numpy as np
import pytest
import torch

from quietscope.errors import SettingsError
from quietscope.prediction import MeanShift, Site, predict_frame
from quietscope.prediction.engine import TorchEngine
from quietscope.prediction.mean_shift import climb
from quietscope.prediction.memory import bytes_per_pixel
from quietscope.tiling.orientations import Turn
from quietscope.tiling.request import Request
from quietscope.tiling.spec import TileSpec, automatic_tile
from tests.prediction.methods import Conjugate, tiny_hdn

RNG = np.random.default_rng(0)


def shifted(samples: np.ndarray, inner: tuple[slice, ...] | None = None, **options: Any) -> np.ndarray:
    size = samples.shape[2:]
    inner = inner or tuple(slice(0, n) for n in size)
    site = Site.of(inner, tuple(15 for _ in size), size)
    found = MeanShift(site, len(samples), **options)
    core = (slice(None), slice(None), *site.core)
    for part in torch.split(torch.from_numpy(samples[core]), 7):
        found.update(part)
    return found.result()["map"].numpy()


def test_it_goes_to_the_larger_of_two_groups_where_the_mean_lies_between() -> None:
    near, far = RNG.normal(0, 0.2, (70, 64)), RNG.normal(3, 0.2, (30, 64))
    samples = torch.from_numpy(np.concatenate([near, far])[None].astype(np.float32))
    assert float(samples.mean()) == pytest.approx(0.9, abs=0.1)
    assert climb(samples, 0.3).abs().max() < 0.2
    # Of bandwidths far beyond the distance of the groups the mean is the only mode.
    torch.testing.assert_close(climb(samples, 50.0), samples.mean(1), atol=0.02, rtol=0)


def test_it_stands_still_where_it_ends() -> None:
    samples = torch.from_numpy(RNG.exponential(1, (1, 200, 3)).astype(np.float32))
    mean, found = samples.mean(1), climb(samples, 0.5)
    spread = (samples - mean).square().sum(2).mean()
    weights = torch.softmax(-0.5 * (samples - found).square().sum(2) / (0.25 * spread), dim=1)
    again = (weights.unsqueeze(2) * samples).sum(1)
    assert (found - mean).norm() > 0.3 * spread.sqrt()
    assert (again - found).norm() < 0.1 * (found - mean).norm()


def test_the_smallest_bandwidth_gives_one_of_the_samples() -> None:
    samples = torch.from_numpy(RNG.normal(0, 1, (1, 20, 64)).astype(np.float32))
    found = climb(samples, 1e-3)
    assert float((samples[0] - found).square().mean(1).min()) < 1e-6


@pytest.mark.parametrize("shape", [(33, 50), (5, 3), (1, 1), (5, 20, 37)])
def test_equal_samples_come_back_as_they_are(shape: tuple[int, ...]) -> None:
    image = RNG.normal(100, 20, (2, *shape)).astype(np.float32)
    # The windows of overlapping regions add up to one, at borders too.
    np.testing.assert_allclose(shifted(np.stack([image] * 4)), image, rtol=1e-5)
    np.testing.assert_allclose(shifted(image[None]), image, rtol=1e-5)


@pytest.mark.parametrize(("shape", "inner"), [((70, 90), (20, 36, 44, 90)), ((9, 40, 50), (4, 8, 8, 33, 20, 50))])
def test_a_box_is_estimated_as_in_the_whole(shape: tuple[int, ...], inner: tuple[int, ...]) -> None:
    samples = RNG.normal(100, 20, (12, 2, *shape)).astype(np.float32)
    box = tuple(slice(a, b) for a, b in zip(inner[::2], inner[1::2], strict=True))
    part = shifted(samples, box)
    np.testing.assert_allclose(part, shifted(samples)[(slice(None), *box)], atol=1e-2)


@pytest.mark.parametrize("dims", [2, 3])
def test_tiled_equals_untiled(dims: int) -> None:
    method = tiny_hdn(channels=2) if dims == 2 else tiny_hdn(dims=3, width=4, latent_channels=(2, 2))
    shape = (2, 61, 83) if dims == 2 else (1, 5, 21, 37)
    frame = RNG.normal(100, 20, shape).astype(np.float32)
    halo = (48, 48) if dims == 2 else (32, 48, 48)
    cuts = [TileSpec((128,) * dims, (0,) * dims), TileSpec((3, 24, 20)[-dims:], halo)]
    whole, tiled = (
        predict_frame(method, frame, kinds=("mean", "map"), request=Request(num_samples=6, tile=tile)) for tile in cuts
    )
    np.testing.assert_allclose(tiled.map, whole.map, atol=0.02)
    assert np.abs(whole.map - whole.mean).max() > 0.2


def test_it_is_sharper_than_the_mean_and_no_sample() -> None:
    frame = RNG.normal(100, 20, (1, 64, 64)).astype(np.float32)
    samples = np.empty((50, *frame.shape), np.float32)

    def keep(box: tuple[slice, ...], k: int, block: np.ndarray) -> None:
        samples[k][(slice(None), *box)] = block

    found = predict_frame(tiny_hdn(), frame, kinds=("mean", "map"), on_sample=keep)
    gradient = [float(np.mean(np.diff(image, axis=-1) ** 2)) for image in (found.mean, found.map)]
    assert gradient[1] > 1.02 * gradient[0]
    nearest = np.sqrt(np.min(np.mean((samples - found.map) ** 2, axis=(1, 2, 3))))
    assert nearest > 0.3 * found_spread(samples)


def found_spread(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean((samples - samples.mean(0)) ** 2)))


def test_the_result_does_not_change_in_bfloat16_networks() -> None:
    frame = RNG.normal(100, 20, (1, 32, 32)).astype(np.float32)
    exact, rounded = (
        predict_frame(Conjugate(), frame, kinds=("map",), request=Request(precision=each)).map
        for each in ("float32", "bfloat16")
    )
    np.testing.assert_array_equal(exact, rounded)  # this network has nothing to round


def test_more_samples_make_smaller_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    method, cpu, bound = tiny_hdn().eval(), torch.device("cpu"), 2**27
    monkeypatch.setattr("quietscope.prediction.engine.free_memory", lambda device: 2 * bound)
    sizes, size = [], (1024, 1024)
    with torch.inference_mode():
        for num_samples in (10, 300, 1500):
            request = Request(num_samples=num_samples)
            margin, kept = MeanShift.margin(request, 2), MeanShift.bytes_per_value(request)
            engine = TorchEngine(model=method, request=request, device=cpu, kinds=())
            spec = automatic_tile(method, size, engine.most_pixels(kept), margin)
            cores = [Site.of(tile.inner, margin, size).core for tile in spec.grid(method, size)]
            widest = max(prod(Turn(0, size).tile(core, spec.halo, (4, 4)).outer_shape) for core in cores)
            assert widest * (bytes_per_pixel(method, cpu) + kept) <= bound
            sizes.append(spec.size)
    assert sizes[0] > sizes[1] > sizes[2]


def test_errors_say_what_to_type() -> None:
    frame = np.zeros((1, 8, 8), np.float32)
    for values in ({"bandwidth": 0.0}, {"bandwidth": float("nan")}, {"region": (15, 16)}, {"region": (0, 2)}):
        with pytest.raises(SettingsError, match="leave it out"):
            Request(**values)
    with pytest.raises(SettingsError, match=r"region=\(16, 16\)"):
        predict_frame(Conjugate(), frame, kinds=("map",), request=Request(region=(16,)))
    with pytest.raises(SettingsError, match="quantiles=") as caught:
        Request(probabilities=(0.5, 1.5))
    assert "1.5" in str(caught.value)
    with pytest.raises(SettingsError, match="'median'"):
        predict_frame(Conjugate(), frame, kinds=("median",))
