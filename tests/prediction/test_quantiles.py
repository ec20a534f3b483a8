"""Streaming quantiles against NumPy: exact while they fit, within the promised rank error beyond, in bounded memory."""

import gc

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from quietscope.prediction import StreamingQuantiles, predict_frame
from quietscope.prediction.quantiles import kept_values
from quietscope.tiling.request import Request
from quietscope.tiling.spec import TileSpec
from tests.prediction.methods import tiny_hdn

PROBABILITIES = (0.0, 0.05, 0.5, 0.77, 1.0)


def streamed(
    samples: np.ndarray, capacity: int, batch: int = 7, probabilities: tuple[float, ...] = PROBABILITIES
) -> StreamingQuantiles:
    found = StreamingQuantiles(probabilities, capacity)
    for start in range(0, len(samples), batch):
        found.update(torch.from_numpy(samples[start : start + batch]))
    return found


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 50), st.integers(0, 2**32 - 1))
def test_exact_up_to_the_capacity(count: int, batch: int, seed: int) -> None:
    samples = np.random.default_rng(seed).normal(100, 20, (count, 2, 3)).astype(np.float32)
    found = streamed(samples, 40, batch)
    expected = np.quantile(samples.astype(np.float64), PROBABILITIES, axis=0)
    assert found.rank_error == 0
    assert found.count == count
    np.testing.assert_allclose(found.quantiles(), expected, rtol=1e-6)


@settings(deadline=None)
@given(
    st.integers(1, 700),
    st.sampled_from([2, 8, 16]),
    st.sampled_from(["normal", "rising", "falling", "few values"]),
    st.integers(0, 2**32 - 1),
)
def test_beyond_it_the_rank_error_is_kept_whatever_the_order(count: int, capacity: int, order: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    samples = rng.normal(0, 1, (count, 3)).astype(np.float32)
    samples = {"rising": np.sort(samples, 0), "falling": -np.sort(samples, 0), "few values": samples.round()}.get(
        order, samples
    )
    found = streamed(samples, capacity, int(rng.integers(1, 50)))
    error, ordered = found.rank_error, np.sort(samples, 0)
    for probability, values in zip(PROBABILITIES, found.quantiles().numpy(), strict=True):
        rank = probability * (count - 1)
        low = ordered[max(int(np.floor(rank)) - error, 0)]
        high = ordered[min(int(np.ceil(rank)) + error, count - 1)]
        assert (low - 1e-6 <= values).all()
        assert (values <= high + 1e-6).all()


def test_the_promised_rank_errors_are_those_of_the_docstring() -> None:
    thousand, many = streamed(np.zeros((1000, 1), np.float32), 128), streamed(np.zeros((10_000, 1), np.float32), 128)
    assert thousand.rank_error == 4
    assert many.rank_error <= 0.013 * 10_000


def test_alternating_offsets_leave_no_bias() -> None:
    samples = np.random.default_rng(0).normal(0, 1, (2048, 400)).astype(np.float32)
    error = streamed(samples, 32, probabilities=(0.5,)).quantiles().numpy() - np.quantile(samples, 0.5, axis=0)
    assert (
        abs(error.mean()) < 0.03
    )  # beginning every merge with the first value gives -0.12; the last one has no partner


@pytest.mark.parametrize("count", [16, 500, 2000])
def test_memory_stays_below_what_is_documented(count: int) -> None:
    pixels, capacity = 1000, 16

    def held() -> int:
        storages = {}
        for each in gc.get_objects():
            if type(each) is torch.Tensor:
                storages[each.untyped_storage().data_ptr()] = each.untyped_storage().nbytes()
        return sum(storages.values())

    before, most = held(), 0
    found = StreamingQuantiles((0.5,), capacity)
    for _ in range(count):
        found.update(torch.zeros(1, pixels))
        if found.count % 97 == 0 or found.count == count:
            most = max(most, held() - before)
    assert found.count == count
    assert most <= 4 * pixels * kept_values(count, capacity) + 4096
    assert kept_values(2000, capacity) < 2000 / 10


def test_quantiles_of_a_frame_are_those_of_its_samples() -> None:
    frame = np.random.default_rng(0).normal(100, 20, (1, 37, 45)).astype(np.float32)
    samples = np.empty((9, *frame.shape), np.float32)

    def keep(box: tuple[slice, ...], k: int, block: np.ndarray) -> None:
        samples[k][(slice(None), *box)] = block

    request = Request(num_samples=9, probabilities=(0.1, 0.9), tile=TileSpec((16, 16), (48, 48)))
    found = predict_frame(tiny_hdn(), frame, kinds=("quantiles",), request=request, on_sample=keep)
    assert found.quantiles.shape == (2, *frame.shape)
    np.testing.assert_allclose(found.quantiles, np.quantile(samples, (0.1, 0.9), axis=0), rtol=1e-5)
