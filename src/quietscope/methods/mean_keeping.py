"""Methods whose results can be moved so that they are as bright as the noisy image."""

from abc import abstractmethod
from typing import ClassVar

from torch import Tensor

from quietscope.methods.base import LearningMethod


class MeanKeepingMethod(LearningMethod):
    """A method whose way back to intensities can be scaled and shifted."""

    ability: ClassVar[str] = "keeps means"

    @property
    def is_shiftable(self) -> bool:
        """Whether its settings allow it."""
        return True

    @abstractmethod
    def predict(self, x: Tensor) -> Tensor:
        """Denoise x (B, C, *S), intensity units in and out."""

    @abstractmethod
    def variance_at(self, s: Tensor) -> Tensor:
        """Return the noise's variance at signals (B, C, ...), or 1 where it is not known."""

    @abstractmethod
    def shift_signal(self, gain: Tensor, offset: Tensor) -> None:
        """Have every result s become ``gain s + offset`` from now on.

        Args:
            gain: One factor per channel, shape (C,), positive.
            offset: What is added, shape (C,), intensity units.
        """
