"""Generalised Recorrupted-to-Recorrupted (GR2R): a network learns from one part of the noise to predict the other.

Monroy, Bacca, Tachella, "Generalized Recorrupted-to-Recorrupted: Self-Supervised Learning Beyond Gaussian Noise",
CVPR 2025, arXiv 2412.04648, after Pang, Zheng, Quan, Ji, "Recorrupted-to-Recorrupted: Unsupervised Deep Learning for
Image Denoising", CVPR 2021. The theory of the parts is in `quietscope.noise.recorrupt`. Unlike a network with blind
spots it sees every pixel, so that for noise that is known it learns what it would from clean images.
"""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, Self, final

import torch
from pydantic import Field, model_validator
from torch import Tensor

from quietscope.data.hidden_pixels import BlindSpots
from quietscope.data.normalize import Statistics
from quietscope.data.stabilize import Stabilizer
from quietscope.errors import SettingsError
from quietscope.methods.base import Loss, MethodSettings
from quietscope.methods.citation import Citation
from quietscope.methods.missing import mean_of_known, split_gaps
from quietscope.methods.splitting import SharedNoise, SplittingMethod
from quietscope.methods.unit_noise_method import UnitNoiseMethod, UnitNoiseSettings
from quietscope.noise.noise_model import NoiseModel
from quietscope.noise.recorrupt import camera_of, counts_photons, recorrupt

HIDDEN_SHARE = 1 / 16
"""Share of the pixels that `GR2R.shared_noise` hides."""

Share = Annotated[float, Field(gt=0, lt=1)]


class GR2RSettings(UnitNoiseSettings):
    """Settings of `GR2R`.

    Attributes:
        split: How noise is split: "binomial" counts photons, for a Poisson-Gaussian noise model; "normal" matches the
            first two moments, for any; "suited" counts where the pixels are whole numbers of photons.
        shares: The least and the largest share of what there is to know that the network sees in training, drawn for
            every patch; in prediction it sees all. It gives the network images of other contrasts than the one it is
            to denoise, and what is left is what it learns from.
    """

    split: Literal["suited", "normal", "binomial"] = "suited"
    shares: tuple[Share, Share] = (0.5, 0.95)

    @model_validator(mode="after")
    def _shares_ascend(self) -> Self:
        if self.shares[0] > self.shares[1]:
            raise ValueError("shares must be the least and the largest one, in this order")
        return self


@final
class GR2R(UnitNoiseMethod, SplittingMethod):
    """A denoiser f of two parts x1 and x2 of x with independent noise, on the stabilised scale T of a noise model.

    ``f(x1) = T^{-1}(g(sqrt(a) T(x1)) / sqrt(a))``, with a share a of the information in x1, so that the noise that the
    network g sees has a standard deviation of 1; for x itself a is 1. The loss, in units of the noise of x2, is
    ``mean of (1 - a) (x2 - f(x1))^2 / v(f(x1))``: that of clean images, plus a constant.
    """

    name: ClassVar[str] = "gr2r"
    settings_type: ClassVar[type[MethodSettings]] = GR2RSettings
    citation: ClassVar[Citation | None] = Citation(
        "Monroy, Bacca, Tachella, Generalized Recorrupted-to-Recorrupted: Self-Supervised Learning Beyond Gaussian "
        "Noise, CVPR 2025",
        url="https://arxiv.org/abs/2412.04648",
    )
    aliases: ClassVar[tuple[str, ...]] = ("r2r",)
    settings: GR2RSettings

    def __init__(self, settings: GR2RSettings, statistics: Statistics, noise_models: Sequence[NoiseModel]) -> None:
        super().__init__(settings, statistics, noise_models)
        strange = [model.describe() for model in noise_models if camera_of(model) is None]
        if settings.split == "binomial" and strange:
            raise SettingsError(
                "Poisson-Gaussian noise, for split=binomial", strange[0], "choose split=suited or normal"
            )
        variances = [model.variance for model in noise_models]
        self.stabilizer = Stabilizer.of_variances(variances, statistics.quantiles, statistics.darkest, unit="noise")

    def loss(self, x: Tensor) -> Loss:
        """Return the squared error of one part of noisy patches (B, C, *S) given the other, in units of its noise."""
        x, known = split_gaps(x.float(), self.statistics.mean)
        low, high = self.settings.shares
        share = low + (high - low) * torch.rand(len(x), *[1] * (x.ndim - 1), device=x.device)
        first, second = self._parts(x, share)
        s = self._denoise(first, share)
        error = mean_of_known((1.0 - share) * (second - s).square() / self.variance_at(s), known)
        return Loss(error, {"mse": error.detach()})

    def predict(self, x: Tensor) -> Tensor:
        """Denoise x (B, C, *S), intensity units in and out."""
        return self.to_intensity(self.on_planes(self.to_network(x)))

    def shared_noise(self, x: Tensor) -> SharedNoise:
        """Measure the two halves of noisy patches (B, C, *S) at hidden pixels, intensity units."""
        x, known = split_gaps(x.float(), self.statistics.mean)
        spots = BlindSpots(spatial_dims=self.spatial_dims, share=HIDDEN_SHARE, window=3, replacement="median")
        blinded = spots.apply(x)
        predicted = self.predict(blinded.pixels)
        s = blinded.at_spots(predicted)
        first, second = (
            blinded.at_spots(part) - s for part in self._parts(x, x.new_full((len(x), *[1] * (x.ndim - 1)), 0.5))
        )
        counts = blinded.weight[:, None].expand_as(s)
        counts = counts if known is None else counts * blinded.at_spots(known)
        weight = counts / self.variance_at(s) / counts.sum(dim=(1, 2), keepdim=True)  # NaN where nothing was measured
        product, square = (
            (values * weight).sum(dim=(1, 2)) for values in (first * second, 0.5 * (first.square() + second.square()))
        )
        return SharedNoise(product, square, self.to_network(predicted).flatten(1).std(dim=1))

    def _parts(self, x: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
        """Split intensities (B, C, *S) with shares (B, 1, ...), channel by channel."""
        split, quantiles = self.settings.split, self.statistics.quantiles
        parts = []
        for c, model in enumerate(self.channel_noise):
            photons = split == "binomial" or (split == "suited" and counts_photons(model, quantiles[c]))
            parts.append(recorrupt(x[:, c], share[:, 0], model, photons=photons))
        first, second = (torch.stack(each, dim=1) for each in zip(*parts, strict=True))
        return first, second

    def _denoise(self, x: Tensor, share: Tensor) -> Tensor:
        """Denoise parts (B, C, *S) that hold a share (B, 1, ...) of the information, intensity units in and out."""
        scale = share.sqrt()
        return self.to_intensity(self.on_planes(scale * self.to_network(x)) / scale)
