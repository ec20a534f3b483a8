"""Whether training is enough: said after the first step, when steps are timed, or when it has ended."""

import math

from quietscope.data.preparation import Notify
from quietscope.errors import Terminated
from quietscope.metrics.verdict import FEW_STEPS, LONGER, num_steps
from quietscope.training.budget import Budget
from quietscope.training.fit import FitReport
from quietscope.training.watch import TrainingState, Watcher
from quietscope.wording import typed

NOTHING_TO_LEARN = "Nothing is learnt from these images: all of the method comes trained."
TIMED_AFTER = 5
"""Steps after which the time of a step is known well enough; the first pays for what is made once."""


class EnoughSteps:
    """A watcher that tells, once, that a budget is too small, and passes on how training stands.

    Args:
        needed: Steps that the settings need at least.
        budget: Limit of time or steps.
        watch: Called after every step; None for nobody.
        notify: Called with one line where the budget is too small.
    """

    def __init__(self, needed: int, budget: Budget, watch: Watcher | None, notify: Notify) -> None:
        self._needed, self._watch, self._notify = needed, watch, notify
        self._first: int | None = None
        self._steps = budget.steps
        self._is_told = False

    def __call__(self, state: TrainingState) -> None:
        """Look at the time of the first steps, and pass on."""
        if self._first is None:
            self._first = state.step
            self._check_steps()
        if state.step == self._first + TIMED_AFTER and state.progress > 0.0:
            steps = state.step / state.progress
            if not self._is_told and self._is_few(steps):
                minutes = math.ceil(state.seconds / state.step * LONGER * self._needed / 60.0)
                self._tell(f"This budget will be about {steps:,.0f} training steps here", budget=f"{minutes}m")
        if self._watch is not None:
            self._watch(state)

    def conclude(self, report: FitReport) -> None:
        """Tell of a run that is over what was not told before: that somebody has ended it, or that it was too short.

        Raises:
            Terminated: If the system has ended it, which wants the program to end.
        """
        few = not self._is_told and self._is_few(report.steps)
        if not report.steps:
            self._notify(NOTHING_TO_LEARN)
        if report.is_cut_short:
            share = f"{report.progress:.1%} of its budget"
            self._notify(
                f"Training was ended early, after {num_steps(report.steps)}: {share}"
                + (f", too few for a usable result ({self._settings_need})." if few else ".")
            )
        elif few:
            self._tell(f"Training has ended after {num_steps(report.steps)}", steps=math.ceil(LONGER * self._needed))
        if report.terminated:
            raise Terminated

    def _is_few(self, steps: float) -> bool:
        return steps < FEW_STEPS * self._needed

    @property
    def _settings_need(self) -> str:
        return f"these settings need about {self._needed:,} or more"

    def _tell(self, what: str, **longer: object) -> None:
        self._notify(f"{what}, too few for a usable result: {self._settings_need} (`{typed(**longer)}`).")
        self._is_told = True

    def _check_steps(self) -> None:
        """Tell that a number of steps is too small: after the first, so that what is refused is refused in one line."""
        if self._steps is not None and self._is_few(self._steps):
            steps = f"{self._steps:,} training step{'s' * (self._steps != 1)}"
            self._notify(
                f"{steps} will hardly give a usable result: {self._settings_need} "
                f"(`{typed(steps=math.ceil(LONGER * self._needed))}`)."
            )
            self._is_told = True
