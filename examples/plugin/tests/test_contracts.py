"""QuietScope's own contract suites over what this package adds: `pip install .`, then `pytest`."""

from pathlib import Path

import numpy as np
import pytest
from quietscope_example.noise import Laplace
from quietscope_example.reader import FORMAT

from quietscope.io.format import WriteRequest
from quietscope.presets import Configuration
from quietscope.testing.method_contract import MethodCase, method_cases
from quietscope.testing.noise_contract import NoiseCase, noise_cases
from quietscope.testing.reader_contract import Case, reader_cases

SHALLOW = Configuration.of({"method": "shallow", "network": {"filters": 8}})
VOLUMES = Configuration.of({"method": "shallow", "network": {"filters": 8, "kernel": 3}, "dims": 3})


@pytest.mark.parametrize("case", method_cases("shallow", SHALLOW) + method_cases("shallow 3-D", VOLUMES), ids=str)
def test_method(case: MethodCase) -> None:
    """It learns, is saved and loaded, resumes, predicts."""
    case.run()


@pytest.mark.parametrize("case", noise_cases("laplace", make=lambda: Laplace(12.0)), ids=str)
def test_noise_model(case: NoiseCase) -> None:
    """It is a density, with the mean, the variance and the tails that it says."""
    case.run()


def can_hold(request: WriteRequest) -> bool:
    """Say which images a PGM file can hold: one grey plane of 8 or 16 bits."""
    return sorted(request.axes) == ["X", "Y"] and request.dtype in (np.uint8, np.uint16)


@pytest.mark.parametrize("case", reader_cases(FORMAT, holds=can_hold), ids=str)
def test_format(case: Case, tmp_path: Path) -> None:
    """It gives back what was written, and refuses what it cannot read."""
    case.run(tmp_path)
