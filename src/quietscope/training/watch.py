"""What a progress display is told after every step of training."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, kw_only=True)
class TrainingState:
    """How training stands after a step.

    Attributes:
        step: Steps so far, resumed runs included.
        seconds: Training time so far, resumed runs included.
        progress: Share of the budget used up, 0 to 1.
        loss: Loss of the step.
        terms: The named parts of the loss.
        validation_loss: The latest one; NaN before the first validation.
        learning_rate: Learning rate of the step.
    """

    step: int
    seconds: float
    progress: float
    loss: float
    terms: dict[str, float]
    validation_loss: float
    learning_rate: float


Watcher: TypeAlias = Callable[[TrainingState], None]
"""Called after every step of training; ends it in order by raising `quietscope.errors.Stop`."""
