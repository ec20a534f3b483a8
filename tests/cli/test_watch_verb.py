"""`quietscope watch`: how it is ended, and what it says."""

import json
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quietscope.io import write_image
from quietscope.methods import METHODS
from quietscope.pipeline import predicting
from quietscope.pipeline.denoise_step import predict
from tests import tiny
from tests.cli.command_line import Quietscope, refused

WATCH = ("watch", "in", "m.safetensors", "-o", "in/out", "--device", "cpu", "--settle", "0.05s")
RESULT = Path("in", "out", "a_denoised.ome.tif")


@pytest.fixture(autouse=True)
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with m.safetensors and in/a.tif."""
    tiny.denoiser(METHODS["noise2void"]).save(tmp_path / "m.safetensors")
    (tmp_path / "in").mkdir()
    pixels = np.random.default_rng(0).poisson(150, (24, 24)).astype(np.uint16)
    write_image(tmp_path / "in" / "a.tif", pixels, "YX")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def while_waiting(number: int, after: int = 6) -> Callable[[float], None]:
    """Return a nap in which a signal comes, after so many without."""
    naps: list[float] = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == after:
            signal.raise_signal(number)

    return nap


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_it_waits_ends_it_well(
    quietscope: Quietscope, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    (Path("in") / "bad.tif").write_bytes(b"nonsense")
    sleep, nap = time.sleep, while_waiting(number)
    monkeypatch.setattr(time, "sleep", lambda seconds: (nap(seconds), sleep(seconds)))
    status, out, err = quietscope(*WATCH)
    assert status == 0, err
    assert "watching in; Ctrl-C ends it" in err
    assert "1 of 2" in out
    assert RESULT.is_file()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_after_the_image_at_hand(
    quietscope: Quietscope, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    write_image("in/b.tif", np.full((24, 24), 150, np.uint16), "YX")

    def interrupted(*arguments: Any) -> Any:
        signal.raise_signal(number)
        return predict(*arguments)

    monkeypatch.setattr(predicting, "predict", interrupted)
    status, out, err = quietscope(*WATCH)
    assert status == 0, err
    assert "ends after this image; Ctrl-C once more ends it at once" in err
    assert "1 of 1" in out
    assert [path.name for path in Path("in/out").glob("*.tif")] == [RESULT.name]


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_second_one_ends_it_at_once(
    quietscope: Quietscope, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, expected: int
) -> None:
    def interrupted(*arguments: Any) -> Any:
        signal.raise_signal(number)
        signal.raise_signal(number)
        return predict(*arguments)

    monkeypatch.setattr(predicting, "predict", interrupted)
    status, _, err = quietscope(*WATCH)
    assert status == expected
    assert "stopped; nothing half-written is left" in err
    assert sorted(path.name for path in Path("in/out").iterdir()) == ["predicted.csv", "predicted.jsonl"]


def test_without_a_new_file_the_status_tells_what_came_of_them(quietscope: Quietscope) -> None:
    ends = ("--stop-after", "0.3s", "--pattern", "a.*", "bad*")
    status, out, err = quietscope(*WATCH, *ends, "--json")
    assert status == 0, err
    [record] = json.loads(out)
    assert record["files"] == {"denoised": RESULT.as_posix()}
    (Path("in") / "bad.tif").write_bytes(b"nonsense")
    status, out, err = quietscope(*WATCH, *ends)
    assert status == 2
    assert "1 of 2, 1 of them earlier" in out
    assert [line for line in err.splitlines() if "not denoised" in line and "bad.tif" in line]


def test_mistakes_are_one_line(quietscope: Quietscope) -> None:
    refused(quietscope(*WATCH[:-1], "soon"), "a duration such as", "'soon'", "`--settle 5s`")
    refused(quietscope(*WATCH, "--stop-after", "never"), "`--stop-after 60m`")
    refused(quietscope(*WATCH, "--stop-after", "0.01s"), "`--stop-after 60m`")
    refused(quietscope(*WATCH, "--pattern", "/in/*.tif"), '`--pattern "*.tif"`')
    refused(quietscope("watch", "none", *WATCH[2:]), "a folder to be watched at none", "no such folder")
    refused(quietscope("watch", "in", "none.safetensors", *WATCH[3:]), "none.safetensors")
    refused(quietscope(*WATCH[:4], "clean.ome.tif"), "a folder for the results", "`--output clean/`")


@pytest.mark.parametrize(("verb", "pattern"), [("watch", '"*.tif", "day*/*.czi"'), ("predict", '"day*/*.tif"')])
def test_help_shows_patterns_as_they_are_typed(quietscope: Quietscope, verb: str, pattern: str) -> None:
    status, out, _ = quietscope(verb, "--help")
    assert status == 0
    assert pattern.replace(" ", "") in out.replace("\u2502", "").replace("\n", "").replace(" ", "")


def test_a_file_that_stays_empty_to_the_end_has_failed(quietscope: Quietscope) -> None:
    (Path("in") / "empty.tif").touch()
    status, out, err = quietscope(*WATCH, "--stop-after", "0.3s")
    assert status == 2
    assert "1 of 2" in out
    assert "not denoised: expected an image in in/empty.tif; got an empty file (0 bytes)" in err


def test_what_is_left_when_it_is_stopped_is_told(quietscope: Quietscope, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "bcd":
        shutil.copy("in/a.tif", f"in/{name}.tif")

    def denoised(*arguments: Any, **options: Any) -> Any:
        signal.raise_signal(signal.SIGINT)
        return predict(*arguments, **options)

    monkeypatch.setattr(predicting, "predict", denoised)
    status, out, err = quietscope(*WATCH)
    assert status == 0
    assert "1 of 1" in out
    assert "3 images more had come by then" in err


def test_a_pattern_that_fits_nothing_is_told(quietscope: Quietscope) -> None:
    status, _, err = quietscope(*WATCH, "--stop-after", "0.3s", "--pattern", ".tif")
    assert status == 0
    assert 'no image has come that fits .tif; `--pattern "*.tif"` fits all TIFFs' in err
