"""Notes of the command line."""

import warnings

import pytest

from quietscope import cli
from quietscope.errors import LeftOutWarning


def test_a_note_is_told_once(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def warn_twice(arguments: list[str]) -> int:
        for _ in range(2):
            with warnings.catch_warnings(action="always"):
                warnings.warn("no place for overlays", LeftOutWarning, stacklevel=2)
        return 0

    monkeypatch.setattr(cli, "run", warn_twice)
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    with warnings.catch_warnings(), pytest.raises(SystemExit):
        cli.main([])
    assert capsys.readouterr().err.count("quietscope: note: no place for overlays") == 1
