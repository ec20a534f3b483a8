"""What methods share whose network is a `UnitNoiseNet`: its shape, planes one by one, the variance of the noise."""

from collections.abc import Sequence
from typing import Annotated, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from quietscope.data.normalize import Statistics
from quietscope.methods.base import Blocks, Count, MethodSettings, MomentsMethod
from quietscope.methods.likelihood import LikelihoodMethod
from quietscope.nn.unit_noise import LAGS, UnitNoiseNet, UnitNoiseShape
from quietscope.noise.noise_model import NoiseModel


class UnitNoiseSettings(MethodSettings):
    """Settings of a `UnitNoiseMethod`.

    Attributes:
        spatial_dims: 2, or 3 for volumes, whose planes are denoised one by one.
        widths: Filters of each level of the network, see `quietscope.nn.unit_noise`.
        blocks: Residual blocks of each level.
    """

    spatial_dims: int = Field(default=2, ge=2, le=3)
    widths: Annotated[tuple[Count, ...], Field(min_length=1, max_length=8)] = UnitNoiseShape.widths
    blocks: Annotated[tuple[Blocks, ...], Field(min_length=1, max_length=8)] = UnitNoiseShape.blocks

    @model_validator(mode="after")
    def _levels_match(self) -> Self:
        if len(self.widths) != len(self.blocks):
            raise ValueError("widths and blocks must have one number per level")
        return self

    @property
    def shape(self) -> UnitNoiseShape:
        """The shape of the network."""
        return UnitNoiseShape(widths=self.widths, blocks=self.blocks)


class UnitNoiseMethod(LikelihoodMethod):
    """A method whose network, with random weights here, works where noise has a standard deviation of 1.

    It has layers for the variance of its error where the method gives a deviation.

    Args:
        settings: Settings of the method.
        statistics: Statistics of the training images.
        noise_models: One noise model per channel.
    """

    settings: UnitNoiseSettings
    darkest: Tensor

    def __init__(self, settings: UnitNoiseSettings, statistics: Statistics, noise_models: Sequence[NoiseModel]) -> None:
        super().__init__(settings, statistics, noise_models, stabilize=False)
        self.register_buffer("darkest", statistics.darkest.clone())
        self.network = UnitNoiseNet(settings.shape, with_variance=isinstance(self, MomentsMethod))

    @property
    def spatial_dims(self) -> int:
        """2 or 3."""
        return self.settings.spatial_dims

    @property
    def size_multiple(self) -> tuple[int, ...]:
        """Reduction of the deepest level."""
        reduction = self.network.shape.reduction
        return (1,) * (self.spatial_dims - 2) + (reduction, reduction)

    @property
    def told(self) -> Tensor:
        """What the network is told of the noise's correlation, (1, 4); here that it is white."""
        return self.darkest.new_zeros(1, len(LAGS))

    def on_planes(self, u: Tensor) -> Tensor:
        """Run the network on u (B, C, *S), on its scale, channel by channel and plane by plane."""
        out: Tensor = self.network(self.as_planes(u), self.told)
        return self.as_image(out, u.shape)

    def as_planes(self, u: Tensor) -> Tensor:
        """Return channels and planes of u (B, C, *S) one by one, (N, 1, Y, X)."""
        return u.flatten(0, -3).unsqueeze(1)

    def as_image(self, planes: Tensor, shape: torch.Size) -> Tensor:
        """Put planes together again, to an image of the given shape."""
        return planes.reshape(shape)

    def variance_at(self, s: Tensor) -> Tensor:
        """Return the noise's variance at signals (B, C, ...), that of the darkest at least; held constant."""
        s = torch.maximum(s.detach(), self.darkest.reshape(1, -1, *[1] * (s.ndim - 2)))
        return torch.stack([model.variance(s[:, c]) for c, model in enumerate(self.channel_noise)], dim=1)
