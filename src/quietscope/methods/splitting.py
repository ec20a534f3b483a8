"""Methods that learn from one part of a noisy image what another part shows, as long as the parts share no noise."""

from abc import abstractmethod
from typing import ClassVar, NamedTuple

from torch import Tensor

from quietscope.methods.base import LearningMethod


class SharedNoise(NamedTuple):
    """What the noise of two parts, each with half of the information, has in common, one number per patch, (B,).

    Residuals are those of the parts at hidden pixels, from what their surroundings predict, in units of the noise.
    The prediction must not see the pixel: what minimises the error of one part given the other makes their residuals
    uncorrelated, however much noise they share.

    Attributes:
        product: Mean product of the residuals of the two parts; 0 where they share nothing and the prediction is exact.
        square: Mean square of the residuals; 2 for noise as the noise model has it.
        contrast: Deviation of the predicted image, in units of the noise: small where a patch is flat.
    """

    product: Tensor
    square: Tensor
    contrast: Tensor


class SplittingMethod(LearningMethod):
    """A method that is trained on images split in two by the noise model."""

    ability: ClassVar[str] = "splits images by their noise model"

    @abstractmethod
    def shared_noise(self, x: Tensor) -> SharedNoise:
        """Measure the parts of noisy patches (B, C, *S), intensity units; NaN where pixels were never measured."""
