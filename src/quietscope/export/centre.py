"""A posterior method for programs that want one image in and one image out, and know no noise."""

from typing import ClassVar, final

from torch import Tensor

from quietscope.methods.abilities import require
from quietscope.methods.base import Method, PointMethod, PosteriorMethod
from quietscope.methods.wrapped import WrappedMethod


@final
class Centre(WrappedMethod, PointMethod):
    """The image that a posterior method makes of noise zero: ``decode(encode(x), 0)``.

    Every latent is at the mean of its posterior given the coarser ones. It is one plausible image, not the mean of
    many, and says nothing of how sure it is.

    Args:
        method: The method.
    """

    name: ClassVar[str] = "centre"

    def predict(self, x: Tensor) -> Tensor:
        """Turn x (B, C, *S) into the image of noise zero, both in intensity units."""
        method = require(self.method, PosteriorMethod)
        noise = []
        for spec in method.latents():
            reduced = (length // r for length, r in zip(x.shape[2:], spec.reduction, strict=True))
            noise.append(x.new_zeros(len(x), spec.channels, *reduced))
        return method.decode(method.encode(x), noise)


def centred(method: Method) -> Method:
    """Return a method that gives one image: itself, or the centre of a posterior."""
    return Centre(method) if isinstance(method, PosteriorMethod) else method
