"""Training shows how it stands where nobody else does: lines in a log, one line in a notebook, nothing when told."""

import numpy as np
import pytest
from rich.console import Console

from quietscope import Denoiser
from quietscope.progress import meter
from tests.tiny import configuration


def noisy() -> np.ndarray:
    """Return a noisy plane of 64 x 64 pixels."""
    return np.random.default_rng(0).poisson(100.0, (64, 64)).astype(np.uint16)


def denoiser() -> Denoiser:
    """Return a tiny denoiser of two steps."""
    settings = configuration("noise2void").model_copy(update={"steps": 2, "budget": None})
    return Denoiser.from_configuration(settings, device="cpu")


def test_fit_shows_how_training_stands_unless_it_is_told_not_to(capsys: pytest.CaptureFixture[str]) -> None:
    denoiser().fit(noisy())
    assert "training 100%: step 2, loss" in capsys.readouterr().err
    denoiser().fit(noisy(), progress=False)
    assert capsys.readouterr().err == ""


def test_whoever_watches_is_not_disturbed_unless_both_are_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    steps: list[int] = []
    denoiser().fit(noisy(), watch=lambda state: steps.append(state.step))
    assert capsys.readouterr().err == ""
    denoiser().fit(noisy(), watch=lambda state: steps.append(state.step), progress=True)
    assert "step 2" in capsys.readouterr().err
    assert steps == [1, 2, 1, 2]


def test_a_notebook_has_one_line_that_is_written_over(capsys: pytest.CaptureFixture[str]) -> None:
    with meter(Console(force_jupyter=True), "training") as tell:
        for share in (0.0, 0.5, 1.0):
            tell(share, f"step {share:g}", None)
    assert capsys.readouterr().out == "\rtraining   0%: step 0\rtraining 100%: step 1\n"
