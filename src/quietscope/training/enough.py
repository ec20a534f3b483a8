"""Whether a budget is enough: said after the first step where it counts steps, else when steps are timed."""

import math

from quietscope.data.preparation import Notify
from quietscope.metrics.verdict import FEW_STEPS, LONGER
from quietscope.training.budget import Budget
from quietscope.training.settings import TrainingSettings
from quietscope.training.watch import TrainingState, Watcher
from quietscope.wording import typed

TIMED_AFTER = 5
"""Steps after which the time of a step is known well enough; the first pays for what is made once."""


class EnoughSteps:
    """A watcher that tells, once, that a budget is too small, and passes on how training stands.

    Args:
        settings: Training settings, which know how many steps they need at least.
        budget: Limit of time or steps.
        watch: Called after every step; None for nobody.
        notify: Called with one line where the budget is too small.
        earlier: Steps behind the weights that training starts from.
    """

    def __init__(
        self, settings: TrainingSettings, budget: Budget, watch: Watcher | None, notify: Notify, earlier: int = 0
    ) -> None:
        self._needed, self._watch, self._notify = max(0, settings.least_steps - earlier), watch, notify
        self._first: int | None = None
        self._steps = budget.steps

    def __call__(self, state: TrainingState) -> None:
        """Look at the time of the first steps, and pass on."""
        if self._first is None:
            self._first = state.step
            self._check_steps()
        if self._needed and state.step == self._first + TIMED_AFTER and state.progress > 0.0:
            steps = state.step / state.progress
            if steps < FEW_STEPS * self._needed:
                minutes = math.ceil(state.seconds / state.step * LONGER * self._needed / 60.0)
                self._notify(
                    f"This budget will be about {steps:,.0f} training steps here, too few for a usable result: these "
                    f"settings need about {self._needed:,} or more (`{typed(budget=f'{minutes}m')}`)."
                )
            self._needed = 0
        if self._watch is not None:
            self._watch(state)

    def _check_steps(self) -> None:
        """Tell that a number of steps is too small: after the first, so that what is refused is refused in one line."""
        if self._steps is not None and self._steps < FEW_STEPS * self._needed:
            self._notify(
                f"{self._steps:,} training step{'s' * (self._steps != 1)} will hardly give a usable result: these "
                f"settings need about {self._needed:,} or more (`{typed(steps=math.ceil(LONGER * self._needed))}`)."
            )
            self._needed = 0
