"""Who names no method gets the one that suits the noise, unless something else speaks for one."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quietscope.pipeline.planning import plan_denoise, plan_train
from quietscope.presets import AUTO, with_usual_method

NOISY = np.random.default_rng(0).poisson(100.0, (64, 64)).astype(np.uint16)


@pytest.mark.parametrize(
    "values", [{}, {"budget": "4m"}, {"steps": 3, "seed": 1}, {"noise": "auto"}, {"network": {}}, {"normalize": "each"}]
)
def test_the_noise_decides(values: dict[str, Any]) -> None:
    assert with_usual_method(values) == {**values, "method": AUTO}


@pytest.mark.parametrize(
    "values",
    [
        {"method": "hdn"},
        {"method": None},  # refused later, and not replaced
        {"preset": "fast"},
        {"noise": "sigma=5"},
        {"psf": "sigma=1"},
        {"direct": "mean"},
        {"network": {"deterministic_levels": (0,)}},
        {"start": "model.safetensors"},
    ],
)
def test_what_speaks_for_a_method_is_left_as_it_is(values: dict[str, Any]) -> None:
    assert with_usual_method(values) == values


def test_plans_leave_the_method_open(tmp_path: Path) -> None:
    assert plan_denoise(NOISY, tmp_path / "a").training.configuration.method == AUTO
    assert plan_train(NOISY, tmp_path / "a", {"budget": "1m"}).training.configuration.method == AUTO
    assert plan_train(NOISY, tmp_path / "a", {"preset": "fast"}).training.configuration.method == "hdn"
