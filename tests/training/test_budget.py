"""Durations as people write them, and budgets of time and steps."""

import pytest

from quietscope.errors import BudgetError
from quietscope.training.budget import Budget, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("45s", 45), ("10m", 600), ("1.5h", 5400), ("1h30m", 5400), (" 2 M ", 120), ("1d", 86400), (30, 30)],
)
def test_durations(text: str | float, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5m", "0", "10 parsecs", "nan", "1e9", "m", "5m!", "inf"])
def test_nonsense_durations(text: str) -> None:
    with pytest.raises(BudgetError, match='budget="10m"'):
        parse_duration(text)


def test_budget_ends_at_the_nearer_limit() -> None:
    budget = Budget(seconds=100, steps=10)
    assert budget.progress(50, 1) == 0.5
    assert budget.progress(1, 9) == 0.9
    assert budget.progress(1e9, 0) == 1.0
    for wrong in ({}, {"steps": 0}, {"seconds": -1.0}):
        with pytest.raises(BudgetError):
            Budget(**wrong)
