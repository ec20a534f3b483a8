"""Training shows how it stands where nobody else does: lines in a log, a bar in a notebook, nothing when told."""

import sys
from contextlib import suppress
from types import ModuleType

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


class Cell:
    """What IPython gives back for something that is shown below a cell."""

    def __init__(self) -> None:
        self.shown: list[dict[str, str]] = []

    def display(self, bundle: dict[str, str], *, raw: bool, display_id: bool) -> "Cell":
        """Show something that may be changed later."""
        assert raw
        assert display_id
        self.shown.append(bundle)
        return self

    def update(self, bundle: dict[str, str], *, raw: bool) -> None:
        """Change what is shown."""
        assert raw
        assert self.shown
        self.shown.append(bundle)


@pytest.fixture
def cell(monkeypatch: pytest.MonkeyPatch) -> Cell:
    """Return the cell of a notebook in which IPython is at work."""
    found, display = Cell(), ModuleType("IPython.display")
    display.__dict__["display"] = found.display
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return found


def test_a_notebook_has_a_bar_that_is_drawn_anew(
    cell: Cell, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quietscope.progress.NOTEBOOK_SECONDS", 0.0)
    with meter(Console(force_jupyter=True), "training") as tell:
        for share in (0.0, 0.5, 1.0):
            tell(share, f"step {share:g} <b>\x1b[2J", 60.0 * (1.0 - share))
    texts = [each["text/plain"] for each in cell.shown]
    assert len(texts) == 4  # one for each, and where it has come to
    for text, percent in zip(texts, ("0%", "50%", "100%", "100%"), strict=True):
        assert len(text.splitlines()) == 1
        assert "training" in text
        assert percent in text
        assert "\x1b" not in text
    assert "0:30 left" in texts[1]
    assert "step 0.5 &lt;b&gt;" in cell.shown[1]["text/html"]
    assert "<b>" not in cell.shown[1]["text/html"]
    assert capsys.readouterr() == ("", "")


def test_a_bar_in_a_notebook_is_not_drawn_for_every_step_and_ends_where_it_has_come_to(cell: Cell) -> None:
    with suppress(KeyboardInterrupt), meter(Console(force_jupyter=True), "training") as tell:
        for step in range(100):
            tell(step / 100, f"step {step}", None)
        raise KeyboardInterrupt
    assert [each["text/plain"].split("%")[0].split()[-1] for each in cell.shown] == ["0", "99"]


def test_a_notebook_without_ipython_has_one_line_that_is_written_over(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "IPython.display", None)
    with meter(Console(force_jupyter=True), "training") as tell:
        for share in (0.0, 0.5, 1.0):
            tell(share, f"step {share:g}", None)
    assert capsys.readouterr().out == "\rtraining   0%: step 0\rtraining 100%: step 1\n"
