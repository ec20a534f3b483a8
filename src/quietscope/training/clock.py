"""The time that a run has taken, and how much of its budget is used up."""

import time

from quietscope.training.budget import Budget
from quietscope.training.team import Team


class Clock:
    """Counts training time, resumed runs included; whoever trains together reads one clock.

    Args:
        budget: When to stop.
        team: The processes that train together.
    """

    def __init__(self, budget: Budget, team: Team) -> None:
        self._budget, self._team = budget, team
        self._earlier = 0.0
        self._started = time.monotonic()
        self.progress = 0.0
        """Share of the budget used up when `tick` was last called, 0 to 1."""

    @property
    def seconds(self) -> float:
        """Training time so far."""
        return self._earlier + time.monotonic() - self._started

    def start(self, earlier: float = 0.0) -> None:
        """Start to count.

        Args:
            earlier: Training time of the run before it was interrupted, in seconds.
        """
        self._earlier, self._started = earlier, time.monotonic()

    def tick(self, step: int) -> float:
        """Read the clock and return the share of the budget used up, 0 to 1.

        Args:
            step: Steps so far.
        """
        self.progress = self._team.largest(self._budget.progress(self.seconds, step))
        return self.progress
