"""Methods that come trained: what they know may not be what the images at hand need."""

from abc import abstractmethod
from typing import ClassVar, NamedTuple

from torch import Tensor

from quietscope.methods.base import LearningMethod


class HiddenErrors(NamedTuple):
    """Squared errors at hidden pixels, in units of the noise's variance; 1 where the signal itself was predicted.

    Attributes:
        own: Those of the method, one mean per patch, shape (B,).
        neighbours: Those of the mean of the pixels around, shape (B,).
    """

    own: Tensor
    neighbours: Tensor


class PretrainedMethod(LearningMethod):
    """A method whose network has learnt from other images than those that it is to denoise."""

    ability: ClassVar[str] = "comes trained"

    @abstractmethod
    def hidden_errors(self, x: Tensor) -> HiddenErrors | None:
        """Predict hidden pixels of noisy patches (B, C, *S), intensity units; NaN where pixels were never measured.

        None where hiding a pixel does not hide its noise.
        """
