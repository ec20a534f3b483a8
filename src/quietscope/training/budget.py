"""How long to train: a wall-clock time, a number of steps, or whichever ends first."""

import re
from dataclasses import dataclass

from quietscope.errors import BudgetError
from quietscope.wording import typed

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhd]?)")


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Limits of one training run; at least one is set.

    Attributes:
        seconds: Wall-clock training time, summed over resumed runs; None for no limit.
        steps: Optimiser steps, summed over resumed runs; None for no limit.
    """

    seconds: float | None = None
    steps: int | None = None

    def __post_init__(self) -> None:
        """Refuse a budget without any limit, and limits that are not above zero."""
        if self.seconds is None and self.steps is None:
            raise BudgetError(
                "a time or a number of steps", "neither", f"pass e.g. `{typed(budget='10m')}` or `{typed(steps=2000)}`"
            )
        if self.steps is not None and self.steps < 1:
            raise BudgetError("at least one step", f"{self.steps}", f"pass e.g. `{typed(steps=2000)}`")
        if self.seconds is not None and not 0 < self.seconds < float("inf"):
            raise BudgetError("a time above zero", f"{self.seconds} s", f"pass e.g. `{typed(budget='10m')}`")

    def progress(self, seconds: float, steps: int) -> float:
        """Return the share of the budget used up, 0 to 1; with two limits, the larger of the two shares."""
        shares = [0.0]
        if self.seconds is not None:
            shares.append(seconds / self.seconds)
        if self.steps is not None:
            shares.append(steps / self.steps)
        return min(1.0, max(shares))


def parse_duration(text: str | float, setting: str = "budget", usual: str = "10m") -> float:
    """Read a duration such as ``90``, ``"45s"``, ``"10m"``, ``"1.5h"`` or ``"1h30m"``; a bare number is seconds.

    Args:
        text: The duration.
        setting: Which setting it is of.
        usual: What may be typed for it.

    Returns:
        Seconds, above zero.

    Raises:
        BudgetError: If the duration cannot be read or is not above zero.
    """
    compact = str(text).strip().lower().replace(" ", "")
    parts = _PART.findall(compact)
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if "".join(number + unit for number, unit in parts) != compact or not 0 < seconds < float("inf"):
        fix = f"pass e.g. `{typed(**{setting: usual})}`"
        raise BudgetError("a duration such as 90s, 10m or 1h30m", repr(text), fix)
    return seconds
