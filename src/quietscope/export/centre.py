"""A posterior method as a point method, for programs that take one image and give one image."""

from typing import ClassVar, final

from torch import Tensor

from quietscope.methods.abilities import SAMPLE, respond
from quietscope.methods.base import Method, PointMethod, PosteriorMethod
from quietscope.methods.wrapped import WrappedMethod


@final
class Centre(WrappedMethod[PosteriorMethod], PointMethod):
    """A point method that returns the image which a posterior method makes of zero noise: ``decode(encode(x), 0)``.

    Every latent is at the mean of its posterior given the coarser latents. The result is one plausible image, not the
    mean of many samples, and comes without an uncertainty.

    Args:
        method: The posterior method.
    """

    name: ClassVar[str] = "centre"

    def predict(self, x: Tensor) -> Tensor:
        """Turn x (B, C, *S) into the image made of zero noise (B, C, *S), both in intensity units."""
        noise = [x.new_zeros(spec.shape(len(x), x.shape[2:])) for spec in self.method.latents()]
        return respond(self.method, x, noise)[SAMPLE]


def centred(method: Method) -> Method:
    """Return a method that gives one image: the `Centre` of a posterior method, or any other method unchanged."""
    return Centre(method) if isinstance(method, PosteriorMethod) else method
