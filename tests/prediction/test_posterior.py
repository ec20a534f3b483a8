"""The posterior against a closed form, and everything that prediction must leave alone."""

import gc
import tracemalloc
from typing import Any, NoReturn, cast

import numpy as np
import pytest
import torch

from quietscope.axes import Layout
from quietscope.errors import AxesError, ChannelError, SettingsError
from quietscope.prediction import predict_frame, predict_image
from quietscope.tiling.request import Request
from quietscope.tiling.spec import TileSpec
from tests.prediction.methods import Conjugate, tiny_hdn

RNG = np.random.default_rng(0)


def numpy_state() -> np.ndarray:
    state = np.random.get_state(legacy=False)
    assert isinstance(state, dict)
    return np.array(state["state"]["key"])


def frame_of(*shape: int) -> np.ndarray:
    return RNG.normal(100, 22, shape).astype(np.float32)


@pytest.mark.parametrize("tile", [None, TileSpec((12, 12), (4, 4))])
def test_mean_and_std_match_the_conjugate_posterior(tile: TileSpec | None) -> None:
    method, frame, count = Conjugate(), frame_of(1, 61, 45), 400
    found = predict_frame(method, frame, request=Request(num_samples=count, tile=tile))
    error = found.mean - method.mean(frame)
    assert np.abs(error).max() < 5 * method.std / count**0.5
    assert abs(error.mean()) < 5 * method.std / (count * error.size) ** 0.5
    assert found.std.mean() == pytest.approx(method.std, rel=5 / (2 * count * error.size) ** 0.5 + 1 / count)
    assert np.abs(found.std / method.std - 1).max() < 6 / (2 * count) ** 0.5


def test_each_channel_has_noise_of_its_own() -> None:
    found = []
    predict_frame(
        Conjugate(channels=2),
        np.full((2, 64, 64), 100, np.float32),
        num_samples=1,
        on_sample=lambda box, k, block: found.append(block - 100),
    )
    a, b = found[0]
    assert abs(np.mean(a * b)) / a.std() / b.std() < 5 / 64


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 5), (37, 513), (64, 64), (65, 3)])
@pytest.mark.parametrize("tile", [None, TileSpec((16, 100), (8, 8))])
def test_any_size_comes_back_whole(shape: tuple[int, ...], tile: TileSpec | None) -> None:
    frame = frame_of(1, *shape)
    found = predict_frame(tiny_hdn(), frame, request=Request(num_samples=2, tile=tile))
    assert found.mean.shape == found.std.shape == frame.shape
    assert found.mean.dtype == found.std.dtype == np.float32
    assert np.isfinite(found.mean).all()
    assert (found.std > 0).all()


def test_integers_and_read_only_views_are_taken_as_they_are() -> None:
    frame = frame_of(1, 20, 20).astype(np.uint16)
    expected = predict_frame(Conjugate(), frame.astype(np.float32), num_samples=2).mean
    frame.setflags(write=False)
    np.testing.assert_array_equal(predict_frame(Conjugate(), frame, num_samples=2).mean, expected)
    flipped = np.ascontiguousarray(frame[:, ::-1])[:, ::-1]
    np.testing.assert_array_equal(predict_frame(Conjugate(), flipped, num_samples=2).mean, expected)
    line = frame[:, :1].astype(np.float32)
    expected = predict_frame(Conjugate(), line.copy(), num_samples=2).mean
    line.setflags(write=False)
    np.testing.assert_array_equal(predict_frame(Conjugate(), line[:, ::-1], num_samples=2).mean, expected)


def test_mean_and_std_are_those_of_the_samples_handed_out() -> None:
    samples = np.full((5, 1, 50, 40), np.nan, np.float32)

    def keep(box: tuple[slice, ...], k: int, block: np.ndarray) -> None:
        samples[k][(slice(None), *box)] = block

    request = Request(num_samples=5, tile=TileSpec((16, 16), (16, 16)))
    found = predict_frame(tiny_hdn(), frame_of(1, 50, 40), request=request, on_sample=keep)
    np.testing.assert_allclose(found.mean, samples.mean(0), rtol=1e-5)
    np.testing.assert_allclose(found.std, samples.std(0, ddof=1), rtol=1e-3, atol=1e-4)


def test_samples_follow_from_the_seed_and_their_number_alone() -> None:
    method, frame = tiny_hdn(), frame_of(1, 32, 32)

    def draw(num_samples: int, seed: int, **options: Any) -> np.ndarray:
        found: list[np.ndarray] = []
        request = Request(num_samples=num_samples, seed=seed)

        def keep(box: tuple[slice, ...], k: int, block: np.ndarray) -> None:
            found.append(block)

        predict_frame(method, frame, request=request, kinds=(), on_sample=keep, **options)
        return np.stack(found)

    many = draw(20, seed=1)
    np.testing.assert_array_equal(many, draw(20, seed=1))
    # Samples decoded together may be rounded otherwise.
    np.testing.assert_allclose(draw(3, seed=1), many[:3], atol=1e-3)
    assert np.abs(draw(3, seed=2) - many[:3]).max() > 0.1
    assert np.abs(draw(3, seed=1, frame_index=1) - many[:3]).max() > 0.1


def test_the_image_is_encoded_once_per_tile() -> None:
    method = Conjugate()
    predict_frame(method, frame_of(1, 16, 16), request=Request(num_samples=50, tile=TileSpec((8, 16), (0, 0))))
    # Eight more rows and columns could come from a probe of the memory; a given tile needs none.
    assert method.calls == [(1, 1, 8, 16)] * 2


@pytest.mark.parametrize("training", [True, False])
def test_prediction_changes_nothing(training: bool) -> None:
    method = tiny_hdn().train(training)
    next(iter(method.ladder.children())).train(not training)
    flags = [module.training for module in method.modules()]
    state = {name: value.clone() for name, value in method.state_dict().items()}
    torch_state, numbers = torch.random.get_rng_state(), numpy_state()
    frame = frame_of(1, 20, 20)
    kept = frame.copy()
    predict_frame(method, frame, request=Request(num_samples=2, precision="bfloat16"), device="cpu")
    assert [module.training for module in method.modules()] == flags
    assert all(torch.equal(value, state[name]) for name, value in method.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), torch_state)
    assert (numpy_state() == numbers).all()
    np.testing.assert_array_equal(frame, kept)
    assert torch.is_grad_enabled()
    assert all(p.requires_grad and not p.is_inference() for p in method.parameters())


def test_the_training_flag_comes_back_after_an_interruption() -> None:
    method = tiny_hdn().train()

    def interrupt(done: int, total: int) -> NoReturn:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_frame(method, frame_of(1, 8, 8), num_samples=2, progress=interrupt)
    assert all(module.training for module in method.modules())
    assert not torch.is_inference_mode_enabled()


def test_memory_does_not_grow_with_the_number_of_samples() -> None:
    frame = frame_of(1, 256, 256)  # as large as a decoded batch: one sample at a time
    live: list[int] = []

    def measure(done: int, total: int) -> None:
        tensors = [x for x in gc.get_objects() if type(x) is torch.Tensor]
        # One entry per storage: views share it. What NumPy holds, only tracemalloc knows.
        storages = {x.untyped_storage().data_ptr(): x.untyped_storage().nbytes() for x in tensors}
        live.append(sum(storages.values()) + tracemalloc.get_traced_memory()[0])

    def most(num_samples: int) -> int:
        live.clear()
        tracemalloc.start()
        try:
            predict_frame(Conjugate(), frame, num_samples=num_samples, progress=measure)
        finally:
            tracemalloc.stop()
        assert len(live) == num_samples
        return max(live)

    # Twelve samples hold three pairs, which the mean keeps sums of its own for.
    assert abs(most(30) - most(12)) < frame.nbytes


def test_progress_counts_every_sample_of_every_tile_and_frame() -> None:
    seen: list[tuple[int, int]] = []
    layout = Layout.of("TYX", (3, 16, 16))
    predict_image(
        Conjugate(),
        layout,
        frame_of(3, 16, 16),
        sinks={},
        request=Request(num_samples=4, tile=TileSpec((8, 16), (0, 0))),
        progress=lambda done, total: seen.append((done, total)),
    )
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (24, 24)
    assert {total for _, total in seen} == {24}


@pytest.mark.parametrize(
    ("axes", "shape", "dims"),
    [("YX", (21, 30), 2), ("YXS", (21, 30, 3), 2), ("TCYX", (2, 3, 21, 30), 2), ("XTYZ", (30, 2, 9, 5), 3)],
)
def test_an_image_is_written_in_its_own_order_of_axes(axes: str, shape: tuple[int, ...], dims: int) -> None:
    layout = Layout.of(axes, shape, dims)
    method = Conjugate(spatial_dims=dims, channels=layout.num_channels)
    array = frame_of(*shape)
    mean, std = np.full(shape, np.nan, np.float32), np.full(shape, np.nan, np.float32)
    samples = np.full((3, *shape), np.nan, np.float32)
    request = Request(num_samples=3, seed=4, tile=TileSpec((8,) * dims, (4,) * dims))
    predict_image(method, layout, array, sinks={"mean": mean, "std": std, "samples": samples}, request=request)
    for n in range(layout.num_frames):
        expected = predict_frame(method, layout.take(array, n), request=Request(num_samples=3, seed=4), frame_index=n)
        np.testing.assert_allclose(layout.take(mean, n), expected.mean, rtol=1e-5)
        np.testing.assert_allclose(layout.take(std, n), expected.std, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(samples.mean(0), mean, rtol=1e-5)
    for k in range(3):
        assert np.abs(samples[k] - mean).max() > 1


def test_an_image_is_read_and_written_piece_by_piece() -> None:
    class Watched:
        def __init__(self, array: np.ndarray) -> None:
            self.array, self.largest = array, 0

        def __getitem__(self, index: Any) -> np.ndarray:
            block = self.array[index]
            self.largest = max(self.largest, block.size)
            return block

        def __setitem__(self, index: Any, block: np.ndarray) -> None:
            self.largest = max(self.largest, block.size)
            self.array[index] = block

    shape = (2, 96, 80)
    source, mean, samples = Watched(frame_of(*shape)), Watched(np.zeros(shape)), Watched(np.zeros((2, *shape)))
    predict_image(
        Conjugate(),
        Layout.of("TYX", shape),
        source,
        sinks={"mean": mean, "samples": samples},
        request=Request(num_samples=2, tile=TileSpec((16, 16), (8, 8))),
    )
    assert source.largest <= 32 * 32
    assert mean.largest == samples.largest == 16 * 16
    assert (samples.array != 0).all()


def test_bfloat16_stays_close_to_float32() -> None:
    method, frame = tiny_hdn(), frame_of(1, 40, 40)
    exact = predict_frame(method, frame, num_samples=2)
    rounded = predict_frame(method, frame, request=Request(num_samples=2, precision="bfloat16"))
    error = np.abs(rounded.mean - exact.mean).max()
    assert 0 < error < 2


def test_errors_say_what_to_type() -> None:
    method, frame = Conjugate(), frame_of(1, 8, 8)
    with pytest.raises(SettingsError, match="num_samples="):
        predict_frame(method, frame, num_samples=0)
    with pytest.raises(SettingsError, match="precision='auto'"):
        Request(precision=cast(Any, "half"))
    with pytest.raises(SettingsError, match='device="cpu"'):
        predict_frame(method, frame, device="cuda:99")
    with pytest.raises(ChannelError, match="1 channel, as in training; got 2"):
        predict_frame(method, frame_of(2, 8, 8))
    with pytest.raises(AxesError, match="2-D"):
        predict_frame(method, frame_of(1, 3, 8, 8))
