"""Training time of a run, and the share of its budget that is used up."""

import time

from quietscope.training.budget import Budget
from quietscope.training.team import Team


class Clock:
    """Counts training time, earlier parts of a resumed run included; all processes of a team get the same progress.

    Args:
        budget: Limit of time or steps.
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
        """Training time so far, in seconds."""
        return self._earlier + time.monotonic() - self._started

    def start(self, earlier: float = 0.0) -> None:
        """Start to count.

        Args:
            earlier: Training time before the run was interrupted, in seconds.
        """
        self._earlier, self._started = earlier, time.monotonic()

    def tick(self, step: int) -> float:
        """Read the clock and return the share of the budget used up, 0 to 1.

        Args:
            step: Steps so far.
        """
        self.progress = self._team.largest(self._budget.progress(self.seconds, step))
        return self.progress
