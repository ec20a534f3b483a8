"""What the tests of verbs share: the type of the fixture that runs a command line, and how a mistake is told."""

from collections.abc import Callable

Quietscope = Callable[..., tuple[int, str, str]]
"""Runs the words of a command line; returns the status, standard output and standard error."""


def refused(outcome: tuple[int, str, str], *words: str) -> None:
    """Check that a command line ended in status 2 and one line that holds all the words."""
    status, _, err = outcome
    assert status == 2, err
    assert len(err.strip().splitlines()) == 1, err
    assert err.startswith("quietscope: "), err
    assert [word for word in words if word not in err] == [], err
