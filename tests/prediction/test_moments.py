"""Streaming moments agree with NumPy in float64, however the samples are grouped."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from quietscope.prediction import StreamingMoments


def streamed(samples: np.ndarray, cuts: Sequence[int] = ()) -> StreamingMoments:
    moments = StreamingMoments()
    for batch in np.split(samples, cuts):
        moments.update(torch.from_numpy(batch))
    return moments


@settings(deadline=None)
@given(
    st.integers(1, 40),
    st.lists(st.integers(1, 39), unique=True),
    st.floats(-1e4, 1e4),
    st.floats(0.1, 1e3),
    st.integers(0, 2**32 - 1),
)
def test_any_grouping_agrees_with_numpy(
    count: int, cuts: Sequence[int], offset: float, spread: float, seed: int
) -> None:
    samples = np.random.default_rng(seed).normal(offset, spread, (count, 2, 3)).astype(np.float32)
    found = streamed(samples, sorted(cut for cut in cuts if cut < count))
    exact = samples.astype(np.float64)
    tolerance = 1e-6 * (abs(offset) + spread)
    assert found.count == count
    np.testing.assert_allclose(found.mean(), exact.mean(0), atol=tolerance)
    np.testing.assert_allclose(found.std(), exact.std(0, ddof=1) if count > 1 else 0, rtol=1e-4, atol=tolerance)


def test_a_large_offset_and_many_single_samples_lose_nothing() -> None:
    samples = np.random.default_rng(0).normal(1e4, 1, (20_000, 4)).astype(np.float32)
    found = streamed(samples, range(1, len(samples)))
    exact = samples.astype(np.float64)
    # Half a unit in the last place of a float32 near 10,000 is 5e-4: no float32 answer can be closer.
    np.testing.assert_allclose(found.mean().double(), exact.mean(0), atol=6e-4)
    np.testing.assert_allclose(found.std().double(), exact.std(0, ddof=1), rtol=1e-5)


def test_one_sample_has_no_spread() -> None:
    found = streamed(np.full((1, 2), 7, np.float32))
    assert found.mean().tolist() == [7, 7]
    assert found.std().tolist() == [0, 0]


def test_low_precision_samples_are_summed_in_float32() -> None:
    moments = StreamingMoments()
    for _ in range(100):
        moments.update(torch.tensor([[1.0], [3.0]], dtype=torch.bfloat16))
    assert moments.mean().dtype == moments.std().dtype == torch.float32
    assert moments.std().item() == pytest.approx(np.sqrt(200 / 199), rel=1e-6)


def test_the_samples_are_not_kept_alive_or_changed() -> None:
    samples = torch.ones(2, 3)
    moments = StreamingMoments()
    moments.update(samples)
    samples.fill_(9)
    assert moments.mean().tolist() == [1, 1, 1]
