"""The state of training that a progress display receives after every step."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from quietscope.methods.base import Method


@dataclass(frozen=True, kw_only=True)
class TrainingState:
    """The state of training after a step.

    Attributes:
        step: Steps so far, earlier parts of a resumed run included.
        seconds: Training time so far, earlier parts of a resumed run included.
        progress: Share of the budget used up, 0 to 1.
        loss: Loss of the step.
        terms: Terms of the loss, by name.
        validation_loss: Latest validation loss; NaN before the first validation.
        learning_rate: Learning rate of the step.
        method: The very method that learns, for `quietscope.glance`, which leaves it as it was; None where a state was
            not made by training.
    """

    step: int
    seconds: float
    progress: float
    loss: float
    terms: dict[str, float]
    validation_loss: float
    learning_rate: float
    method: "Method | None" = field(default=None, repr=False, compare=False)


Watcher: TypeAlias = Callable[[TrainingState], None]
"""A function called after every step of training; it may end training by raising `quietscope.errors.Stop`."""
