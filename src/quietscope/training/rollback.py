"""Handling of broken steps: each is skipped; after ten in a row, training returns to the last validated state."""

import copy
from typing import Any

from quietscope.data.preparation import Notify
from quietscope.errors import TrainingError
from quietscope.training.learner import METHOD, Learner
from quietscope.training.schedule import LearningRate
from quietscope.wording import typed

SKIPS_BEFORE_ROLLBACK = 10
ROLLBACKS_BEFORE_ERROR = 3
ROLLBACK_FACTOR = 0.5


class Rollback:
    """Skips steps whose loss or gradients are not finite, and returns to an earlier state if that keeps happening.

    Args:
        learner: The learner whose weights are trained.
        rate: The learning rate, which is halved at every return.
        notify: Called with one line at every return.
    """

    def __init__(self, learner: Learner, rate: LearningRate, notify: Notify) -> None:
        self._learner, self._rate, self._notify = learner, rate, notify
        self.skipped_steps = 0
        self.rollbacks = 0
        self._skipped_in_a_row = 0
        self.keep()

    def keep(self) -> None:
        """Keep a copy of the current weights and optimiser as the state to return to."""
        self._safe = self._learner.weights()
        self._safe_optimizer = copy.deepcopy(self._learner.optimizer.state_dict())

    def skip(self, broken: set[str]) -> None:
        """Leave broken parts out of this step, so that the optimiser does not change their weights.

        Args:
            broken: Names of the parts with broken gradients, as returned by `Learner.clip`.

        Raises:
            TrainingError: If returns to an earlier state have not helped.
        """
        for role in broken:
            self._learner.drop_gradients(role, self._safe)
        if METHOD not in broken:
            self._skipped_in_a_row = 0
            return
        self.skipped_steps += 1
        self._skipped_in_a_row += 1
        if self._skipped_in_a_row >= SKIPS_BEFORE_ROLLBACK:
            self._roll_back()

    def state(self) -> dict[str, Any]:
        """Return the state for the resume file, with the weights to return to."""
        return {
            "safe": self._safe,
            "safe_optimizer": self._safe_optimizer,
            "skipped_steps": self.skipped_steps,
            "skipped_in_a_row": self._skipped_in_a_row,
            "rollbacks": self.rollbacks,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the state of an earlier run."""
        self.skipped_steps, self.rollbacks = int(state["skipped_steps"]), int(state["rollbacks"])
        self._skipped_in_a_row = int(state["skipped_in_a_row"])
        self._safe, self._safe_optimizer = state["safe"], state["safe_optimizer"]

    def _roll_back(self) -> None:
        if self.rollbacks >= ROLLBACKS_BEFORE_ERROR:
            raise TrainingError(
                "a loss that stays finite",
                f"{self.skipped_steps} steps without one, also after {self.rollbacks} returns to an earlier state",
                f"check the noise model with `quietscope noise show FILE`, or train with "
                f"`{typed(precision='float32')}`",
            )
        self._learner.load(self._safe)
        self._learner.optimizer.load_state_dict(copy.deepcopy(self._safe_optimizer))
        self._rate.cut(ROLLBACK_FACTOR)
        self.rollbacks += 1
        self._skipped_in_a_row = 0
        self._notify(
            f"The loss was not finite {SKIPS_BEFORE_ROLLBACK} times in a row: "
            f"back to the last validated state with {self._rate.cuts:g} times the learning rate."
        )
