"""Generalised Recorrupted-to-Recorrupted (GR2R): a network learns from one part of the noise to predict the other.

Monroy, Bacca, Tachella, "Generalized Recorrupted-to-Recorrupted: Self-Supervised Learning Beyond Gaussian Noise",
CVPR 2025, arXiv 2412.04648, after Pang, Zheng, Quan, Ji, "Recorrupted-to-Recorrupted: Unsupervised Deep Learning for
Image Denoising", CVPR 2021. The theory of the parts is in `quietscope.noise.recorrupt`. Unlike a network with blind
spots it sees every pixel, so that for noise that is known it learns what it would from clean images.
"""

from typing import Annotated, ClassVar, Self, final

import torch
from pydantic import Field, model_validator
from torch import Tensor

from quietscope.methods.base import Loss, MethodSettings, PointMethod
from quietscope.methods.citation import Citation
from quietscope.methods.missing import mean_of_known, split_gaps
from quietscope.methods.unit_noise_splitting import SplittingSettings, UnitNoiseSplitting

Share = Annotated[float, Field(gt=0, lt=1)]


class GR2RSettings(SplittingSettings):
    """Settings of `GR2R`.

    Attributes:
        shares: The least and the largest share of what there is to know that the network sees in training, drawn for
            every patch; in prediction it sees all. It gives the network images of other contrasts than the one it is
            to denoise, and what is left is what it learns from.
    """

    shares: tuple[Share, Share] = (0.5, 0.95)

    @model_validator(mode="after")
    def _shares_ascend(self) -> Self:
        if self.shares[0] > self.shares[1]:
            raise ValueError("shares must be the least and the largest one, in this order")
        return self


@final
class GR2R(UnitNoiseSplitting, PointMethod):
    """A denoiser f of two parts x1 and x2 of x with independent noise, see `UnitNoiseSplitting`.

    The loss, in units of the noise of x2, is ``mean of (1 - a) (x2 - f(x1))^2 / v(f(x1))``, with a share a of the
    information in x1: that of clean images, plus a constant.
    """

    name: ClassVar[str] = "gr2r"
    settings_type: ClassVar[type[MethodSettings]] = GR2RSettings
    citation: ClassVar[Citation | None] = Citation(
        "Monroy, Bacca, Tachella, Generalized Recorrupted-to-Recorrupted: Self-Supervised Learning Beyond Gaussian "
        "Noise, CVPR 2025",
        url="https://arxiv.org/abs/2412.04648",
        authors="Monroy, Brayan and Bacca, Jorge and Tachella, Juli{\\'a}n",
        title="Generalized Recorrupted-to-Recorrupted: Self-Supervised Learning Beyond Gaussian Noise",
        venue="Computer Vision and Pattern Recognition (CVPR)",
    )
    aliases: ClassVar[tuple[str, ...]] = ("r2r",)
    settings: GR2RSettings

    def loss(self, x: Tensor) -> Loss:
        """Return the squared error of one part of noisy patches (B, C, *S) given the other, in units of its noise."""
        x, known = split_gaps(x.float(), self.statistics.mean)
        low, high = self.settings.shares
        share = low + (high - low) * torch.rand(len(x), *[1] * (x.ndim - 1), device=x.device)
        first, second = self.split_in_two(x, share)
        scale = share.sqrt()
        s = self.to_intensity(self.on_planes(scale * self.to_network(first)) / scale)
        error = mean_of_known((1.0 - share) * (second - s).square() / self.variance_at(s), known)
        return Loss(error, {"mse": error.detach()})

    def predict(self, x: Tensor) -> Tensor:
        """Denoise x (B, C, *S), intensity units in and out."""
        return self.to_intensity(self.on_planes(self.to_network(x)))
