"""A posterior method for programs that want one image in and one image out, and know no noise."""

from collections.abc import Sequence
from typing import ClassVar, final

from torch import Tensor

from quietscope.data.normalize import Statistics
from quietscope.methods.base import Loss, Method, MethodSettings, PointMethod, PosteriorMethod
from quietscope.noise.base import NoiseModel


@final
class Centre(PointMethod):
    """The image that a posterior method makes of noise zero: ``decode(encode(x), 0)``.

    Every latent is at the mean of its posterior given the coarser ones. It is one plausible image, not the mean of
    many, and says nothing of how sure it is.

    Args:
        method: The method.
    """

    name: ClassVar[str] = "centre"
    needs_noise: ClassVar[bool] = False

    def __init__(self, method: PosteriorMethod) -> None:
        super().__init__()
        self.method = method
        self.settings = method.settings
        self.statistics = method.statistics
        self.noise_models = method.noise_models

    @classmethod
    def build(cls, settings: MethodSettings, statistics: Statistics, noise_models: Sequence[NoiseModel]) -> "Centre":
        """Never called: it is made of a method, and is none that a file could hold."""
        raise NotImplementedError

    @property
    def spatial_dims(self) -> int:
        """2 or 3."""
        return self.method.spatial_dims

    @property
    def size_multiple(self) -> tuple[int, ...]:
        """That of the method."""
        return self.method.size_multiple

    @property
    def orientations(self) -> tuple[int, ...]:
        """Those of the method."""
        return self.method.orientations

    def loss(self, x: Tensor) -> Loss:
        """Return the loss of the method."""
        return self.method.loss(x)

    def predict(self, x: Tensor) -> Tensor:
        """Turn x (B, C, *S) into the image of noise zero, both in intensity units."""
        noise = []
        for spec in self.method.latents():
            reduced = (length // r for length, r in zip(x.shape[2:], spec.reduction, strict=True))
            noise.append(x.new_zeros(len(x), spec.channels, *reduced))
        return self.method.decode(self.method.encode(x), noise)


def centred(method: Method) -> Method:
    """Return a method that gives one image: itself, or the centre of a posterior."""
    return Centre(method) if isinstance(method, PosteriorMethod) else method
