"""Noise2Void: a network learns to predict hidden pixels from their neighbours, and so cannot learn their noise.

Krull, Buchholz, Jug, "Noise2Void: Learning Denoising from Single Noisy Images", CVPR 2019. The variants N2V2 and
structN2V are available as settings, see `quietscope.data.hidden_pixels`.
"""

from typing import ClassVar, final

import torch
from pydantic import Field
from torch import Tensor

from quietscope.methods.base import Count, Depth, Loss, MethodSettings
from quietscope.methods.blind_spot import BlindSpotMethod, BlindSpotSettings, hide
from quietscope.methods.citation import Citation
from quietscope.methods.mean_keeping import MeanKeepingMethod
from quietscope.methods.missing import split_gaps
from quietscope.methods.window import middle, middle_known


class Noise2VoidSettings(BlindSpotSettings):
    """Settings of Noise2Void, see `BlindSpotSettings`; the preset `paper` has the values published for BSD68."""

    depth: Depth = 2
    filters: Count = 96
    batch_norm: bool = True
    masked_share: float = Field(default=0.00198, gt=0, le=0.25)


@final
class Noise2Void(BlindSpotMethod, MeanKeepingMethod):
    """Noise2Void for images of given statistics.

    Loss, in units of the images' variance: ``mean over blind spots of (x - f(x with spots replaced))^2 / std^2``
    """

    name: ClassVar[str] = "noise2void"
    settings_type: ClassVar[type[MethodSettings]] = Noise2VoidSettings
    citation: ClassVar[Citation | None] = Citation(
        "Krull, Buchholz, Jug, Noise2Void, CVPR 2019",
        "10.1109/CVPR.2019.00223",
        authors="Krull, Alexander and Buchholz, Tim-Oliver and Jug, Florian",
        title="Noise2Void - Learning Denoising from Single Noisy Images",
        venue="Computer Vision and Pattern Recognition (CVPR)",
    )
    aliases: ClassVar[tuple[str, ...]] = ("n2v",)
    settings: Noise2VoidSettings

    @property
    def orientations(self) -> tuple[int, ...]:
        """Only flips if a line along one axis is hidden; otherwise all turns."""
        return self.settings.turns

    def loss(self, x: Tensor) -> Loss:
        """Return the mean squared error at the blind spots of noisy patches (B, W C, *S)."""
        x, known = split_gaps(self.statistics.normalize(x), 0.0)
        num_channels = self.statistics.num_channels
        blinded, shown = hide(self.blind_spots, x, num_channels)
        error = blinded.mean_square(self.unet(shown), middle(x, num_channels), middle_known(known, num_channels))
        return Loss(error, {"mse": error.detach()})

    def predict(self, x: Tensor) -> Tensor:
        """Run the U-Net on ``x`` (B, W C, *S), intensity units in and out; no pixels are hidden."""
        return self.statistics.denormalize(self.unet(self.statistics.normalize(x)))

    @property
    def is_shiftable(self) -> bool:
        """Not where the noisy image is added to what the network gives."""
        return not self.settings.residual

    def variance_at(self, s: Tensor) -> Tensor:
        """Return 1: there is no noise model."""
        return torch.ones_like(s)

    def shift_signal(self, gain: Tensor, offset: Tensor) -> None:
        """Have every result s become ``gain s + offset``, by the weights and biases of the last layer."""
        mean, std, head = self.statistics.mean, self.statistics.std, self.unet.head
        assert head.bias is not None
        with torch.no_grad():
            head.weight.mul_(gain.reshape(-1, *[1] * (head.weight.ndim - 1)))
            head.bias.mul_(gain).add_(((gain - 1.0) * mean + offset) / std)
