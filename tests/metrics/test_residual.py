"""Pixels that were never measured say nothing of a residual."""

from dataclasses import asdict

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from quietscope.metrics.residual import ResidualSums


def test_a_result_is_judged_by_what_was_measured() -> None:
    rng = np.random.default_rng(0)
    signal = 100 + 200 * gaussian_filter(rng.normal(size=(128, 192)), 12) * 40
    noisy, denoised = signal + rng.normal(0, 5, signal.shape), gaussian_filter(signal, 2)
    padded, result = (np.pad(part, ((0, 64), (0, 64))) for part in (noisy, denoised))
    padded[128:], padded[:, 192:] = np.nan, np.nan
    part, whole = ResidualSums(), ResidualSums()
    part.add(noisy, denoised)
    whole.add(padded, result)
    expected, found = asdict(part.figures()), asdict(whole.figures())
    for name in expected:
        assert found[name] == pytest.approx(expected[name], rel=1e-9, nan_ok=True), name
    assert whole.sums["squares"] == part.sums["squares"]
