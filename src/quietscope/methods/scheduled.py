"""The type of methods whose loss is not the same from the first step of training to the last."""

from abc import abstractmethod
from typing import ClassVar

from quietscope.methods.base import LearningMethod


class ScheduledMethod(LearningMethod):
    """A method whose loss changes while it is trained."""

    ability: ClassVar[str] = "changes its loss while it is trained"

    @property
    def settled_share(self) -> float:
        """Share of training, 0 to 1 from the last start, before which the final loss decides nothing.

        Until then no weights, learning rate or end hang on the validation loss, and no KL divergence says that the
        posterior has collapsed. By default 0.
        """
        return 0.0

    @property
    def final_share(self) -> float:
        """Share of training, 0 to 1 from the last start, before which the loss still changes; `settled_share` or more.

        Until then training cannot have come to an end by itself.
        """
        return self.settled_share

    @abstractmethod
    def advance(self, progress: float) -> None:
        """Set the loss for a share of the budget, 0 to 1, counted from the last start; 1 sets the final loss."""
