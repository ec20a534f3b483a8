"""A second method that is trained along with the first and learns from it."""

from dataclasses import dataclass

from quietscope.methods.base import LearningMethod


@dataclass(frozen=True)
class Companion:
    """Another method to train along, such as one that learns from the first.

    Its loss is added, with random numbers, gradients and clipping of its own: the first comes out as it would alone.

    Attributes:
        method: What is trained along, in place; for images of the same axes.
        relative_rate: Its learning rate relative to the first one's.
    """

    method: LearningMethod
    relative_rate: float = 1.0
