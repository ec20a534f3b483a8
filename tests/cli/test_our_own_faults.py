"""What is no mistake of the user: status 70, one line, and a file that can be sent to somebody."""

from collections.abc import Callable
from pathlib import Path

import pytest

import quietscope.cli as command_line
from quietscope.cli import run
from quietscope.cli.error_file import write_error_file


def raising(error: Exception) -> Callable[..., object]:
    def perform(arguments: list[str]) -> object:
        raise error

    return perform


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_fault_is_one_line_and_a_file(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command_line, "_perform", raising(RuntimeError("two\nlines")))
    (here / "quietscope-error.txt").write_text("of yesterday")
    assert run(["denoise", "a\x1b.tif"]) == 70
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "RuntimeError: two lines" in said
    assert "quietscope-error-2.txt" in said
    assert (here / "quietscope-error.txt").read_text() == "of yesterday"
    text = (here / "quietscope-error-2.txt").read_text()
    assert "Traceback" in text
    assert r"command line: quietscope denoise a\x1b.tif" in text
    assert "numpy 2" in text


def test_the_file_goes_where_it_can(tmp_path: Path) -> None:
    error = ValueError("\udcff")
    assert write_error_file(error, [], [tmp_path / "missing", tmp_path]) == tmp_path / "quietscope-error.txt"
    assert r"ValueError: \udcff" in (tmp_path / "quietscope-error.txt").read_text()
    assert write_error_file(error, [], [tmp_path / "missing"]) is None


def test_too_little_memory_is_no_fault(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = "DefaultCPUAllocator: can't allocate memory: you tried to allocate 115200000000 bytes"
    monkeypatch.setattr(command_line, "_perform", raising(RuntimeError(words)))
    assert run(["train"]) == 2
    assert "expected enough memory" in capsys.readouterr().err
    assert list(here.iterdir()) == []
