"""A second method that is trained in the same run as the first and learns from it."""

from dataclasses import dataclass

from quietscope.methods.base import LearningMethod


@dataclass(frozen=True)
class Companion:
    """A second method to train in the same run, such as a direct denoiser that learns from the first method.

    The loss of the companion is added to the first method's loss. The companion has its own random numbers, gradients
    and clipping, so the first method becomes the same as if it were trained alone.

    Attributes:
        method: The second method, trained in place; for images with the same axes.
        relative_rate: Learning rate of the companion, divided by that of the first method.
    """

    method: LearningMethod
    relative_rate: float = 1.0
