"""What methods share that split an image in two by its noise model and learn one part from the other.

The theory of the parts is in `quietscope.noise.recorrupt`.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from quietscope.data.hidden_pixels import BlindSpots
from quietscope.data.normalize import Statistics
from quietscope.data.stabilize import Stabilizer
from quietscope.errors import SettingsError
from quietscope.methods.missing import split_gaps
from quietscope.methods.splitting import SharedNoise, SplittingMethod
from quietscope.methods.unit_noise_method import UnitNoiseMethod, UnitNoiseSettings
from quietscope.noise.noise_model import NoiseModel
from quietscope.noise.recorrupt import camera_of, counts_photons, recorrupt

HIDDEN_SHARE = 1 / 16
"""Share of the pixels that `UnitNoiseSplitting.shared_noise` hides."""


class SplittingSettings(UnitNoiseSettings):
    """Settings of a `UnitNoiseSplitting` method.

    Attributes:
        split: How noise is split: "binomial" counts photons, for a Poisson-Gaussian noise model; "normal" matches the
            first two moments, for any; "suited" counts where the pixels are whole numbers of photons.
    """

    split: Literal["suited", "normal", "binomial"] = "suited"


class UnitNoiseSplitting(UnitNoiseMethod, SplittingMethod):
    """A method that splits images in two, on the stabilised scale T of a noise model.

    ``f(x1) = T^{-1}(g(sqrt(a) T(x1)) / sqrt(a))``, with a share a of the information in x1, so that the noise that the
    network g sees has a standard deviation of 1; for x itself a is 1.
    """

    settings: SplittingSettings

    def __init__(self, settings: SplittingSettings, statistics: Statistics, noise_models: Sequence[NoiseModel]) -> None:
        super().__init__(settings, statistics, noise_models)
        strange = [model.describe() for model in noise_models if camera_of(model) is None]
        if settings.split == "binomial" and strange:
            raise SettingsError(
                "Poisson-Gaussian noise, for split=binomial", strange[0], "choose split=suited or normal"
            )
        variances = [model.variance for model in noise_models]
        self.stabilizer = Stabilizer.of_variances(variances, statistics.quantiles, statistics.darkest, unit="noise")

    def shared_noise(self, x: Tensor) -> SharedNoise:
        """Measure the two halves of noisy patches (B, C, *S) at hidden pixels, intensity units."""
        x, known = split_gaps(x.float(), self.statistics.mean)
        spots = BlindSpots(spatial_dims=self.spatial_dims, share=HIDDEN_SHARE, window=3, replacement="median")
        blinded = spots.apply(x)
        predicted = self.to_intensity(self.on_planes(self.to_network(blinded.pixels)))
        s = blinded.at_spots(predicted)
        first, second = (
            blinded.at_spots(part) - s for part in self.split_in_two(x, x.new_full((len(x), *[1] * (x.ndim - 1)), 0.5))
        )
        counts = blinded.weight[:, None].expand_as(s)
        counts = counts if known is None else counts * blinded.at_spots(known)
        weight = counts / self.variance_at(s) / counts.sum(dim=(1, 2), keepdim=True)  # NaN where nothing was measured
        product, square = (
            (values * weight).sum(dim=(1, 2)) for values in (first * second, 0.5 * (first.square() + second.square()))
        )
        return SharedNoise(product, square, self.to_network(predicted).flatten(1).std(dim=1))

    def split_in_two(self, x: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
        """Split intensities (B, C, *S) with shares (B, 1, ...), channel by channel."""
        split, quantiles = self.settings.split, self.statistics.quantiles
        parts = []
        for c, model in enumerate(self.channel_noise):
            photons = split == "binomial" or (split == "suited" and counts_photons(model, quantiles[c]))
            parts.append(recorrupt(x[:, c], share[:, 0], model, photons=photons))
        first, second = (torch.stack(each, dim=1) for each in zip(*parts, strict=True))
        return first, second
