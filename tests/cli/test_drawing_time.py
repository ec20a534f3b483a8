"""How long drawing will take is said once, and only where it is worth a word."""

from pathlib import Path

import pytest

from quietscope.cli import drawing_time
from quietscope.cli.drawing_time import DrawingTime, in_words
from quietscope.cli.screen import Screen
from quietscope.wording import for_the_command_line
from tests.cli.command_line import Quietscope


def drawn(monkeypatch: pytest.MonkeyPatch, num_samples: int, seconds: float, share: float = 1.0) -> None:
    """Draw samples of two images, each in so many seconds, by a clock of our own."""
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    drawing = DrawingTime(Screen(), num_samples, share)
    for _ in range(2):
        with drawing.shown("drawing samples") as tell:
            for done in range(num_samples + 1):
                tell(done, round(num_samples / share))
                now += seconds


@pytest.mark.parametrize(
    ("num_samples", "seconds", "share", "said"),
    [
        (30, 20.0, 1.0, "to draw 30 samples of this image will take about 10 minutes; fewer are drawn sooner"),
        (30, 20.0, 0.5, "about 10 minutes"),
        (10, 3600.0, 1.0, "to draw 10 samples of this image will take about 10 hours"),
    ],
)
def test_it_is_said_after_the_first_sample_and_once(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    num_samples: int,
    seconds: float,
    share: float,
    said: str,
) -> None:
    with for_the_command_line():
        drawn(monkeypatch, num_samples, seconds, share)
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert ("`--samples 10`" in line) == (num_samples > 10)


def test_what_is_quick_is_not_worth_a_word(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    drawn(monkeypatch, 30, 1.0)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("seconds", "words"), [(20.0, "1 minute"), (61.0, "2 minutes"), (5399.0, "90 minutes"), (9000.0, "2.5 hours")]
)
def test_durations_are_said_as_a_person_would(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


@pytest.mark.parametrize("verb", ["segment", "measure", "spots"])
def test_verbs_say_it(
    quietscope: Quietscope, images: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    monkeypatch.setattr(drawing_time, "WORTH_A_WORD", 0.0)
    target = tmp_path / ("out" if verb == "segment" else "out.csv")
    words = ["--with", "numpy:mean"] if verb == "measure" else []
    status, _, err = quietscope(verb, model, images / "cells.tif", "-o", target, "--samples", 2, *words)
    assert status == 0, err
    assert err.count("to draw 2 samples of this image will take about 1 minute") == 1
