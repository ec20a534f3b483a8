"""Probabilistic Noise2Void (PN2V): what the surroundings say of a pixel, weighed by what the pixel itself says.

Krull, Vičar, Prakash, Lalit, Jug, "Probabilistic Noise2Void: Unsupervised Content-Aware Denoising", Frontiers in
Computer Science 2 (2020).
"""

import math
from collections.abc import Sequence
from typing import ClassVar, Self, final

import torch
from pydantic import Field, model_validator
from torch import Tensor

from quietscope.data.normalize import Statistics
from quietscope.methods.base import Count, Loss, MethodSettings, MomentsMethod
from quietscope.methods.blind_spot import BlindSpotSettings, hide
from quietscope.methods.citation import Citation
from quietscope.methods.likelihood import LikelihoodMethod
from quietscope.methods.missing import split_gaps
from quietscope.methods.unet_method import UNetMethod
from quietscope.methods.window import middle, middle_known
from quietscope.nn.unet import Merge, UNet
from quietscope.noise.noise_model import NoiseModel

_SAMPLES = 2
"""The axis of a signal's samples: behind those of batch and channels."""


class PN2VSettings(BlindSpotSettings):
    """Settings of PN2V in addition to those of a blind-spot U-Net; the preset `paper` has the published values.

    Attributes:
        samples: Number K of signals that the network predicts for every pixel and channel.
        output_scale: Factor on the output of the network; published: 10.
        stabilize: Read and write images on a scale on which the noise has the same standard deviation everywhere,
            instead of in units of the images' mean and standard deviation; not published.
    """

    filters: Count = 64
    merge: Merge = "add"
    samples: Count = 800
    output_scale: float = Field(default=1.0, gt=0, le=1e6)
    stabilize: bool = False

    @model_validator(mode="after")
    def _pixel_is_hidden(self) -> Self:
        if self.residual:
            raise ValueError("residual would add the pixel itself to what its surroundings say: leave it out")
        return self


@final
class PN2V(LikelihoodMethod, UNetMethod, MomentsMethod):
    """PN2V for images of given statistics and noise.

    For every pixel i the network f predicts K samples s_ik of p(s_i | surroundings), which are the channels of its
    output. The loss, in nats per pixel and with every blind spot hidden from the network, is

    ``mean over blind spots of -log (1/K sum_k p(x_i|s_ik))``

    Prediction weighs the samples by what the noisy pixel says of them, ``w_ik = p(x_i|s_ik) / sum_j p(x_i|s_ij)``:

    ``mean_i = sum_k w_ik s_ik``, ``std_i^2 = sum_k w_ik (s_ik - mean_i)^2``

    As published, no pixel is hidden in prediction: the network is shown the whole image, and that s_ik does not depend
    on x_i is what it has learnt from hidden pixels, not a property of its layers. As far as it looks at x_i
    nevertheless, x_i counts twice, and the deviation is too small. Pixels are treated one by one: the deviation of a
    sum of pixels does not follow from theirs.
    """

    name: ClassVar[str] = "pn2v"
    settings_type: ClassVar[type[MethodSettings]] = PN2VSettings
    citation: ClassVar[Citation | None] = Citation(
        "Krull et al., Probabilistic Noise2Void, Frontiers in Computer Science 2, 2020",
        "10.3389/fcomp.2020.00005",
        authors="Krull, Alexander and Vi{\\v{c}}ar, Tom{\\'a}{\\v{s}} and Prakash, Mangal and Lalit, Manan "
        "and Jug, Florian",
        title="Probabilistic Noise2Void: Unsupervised Content-Aware Denoising",
        venue="Frontiers in Computer Science",
    )
    settings: PN2VSettings

    def __init__(self, settings: PN2VSettings, statistics: Statistics, noise_models: Sequence[NoiseModel]) -> None:
        super().__init__(settings, statistics, noise_models, settings.stabilize)
        self.blind_spots = settings.blind_spots()
        self.unet = UNet(settings.unet(self.input_channels, statistics.num_channels * settings.samples))

    @property
    def orientations(self) -> tuple[int, ...]:
        """Only flips if a line along one axis is hidden; otherwise all turns."""
        return self.settings.turns

    def loss(self, x: Tensor) -> Loss:
        """Return the negative log-likelihood of noisy patches' (B, C, *S) blind spots, equation 7 of the paper."""
        x, known = split_gaps(x, self.statistics.mean)
        num_channels = self.statistics.num_channels
        blinded, shown = hide(self.blind_spots, self.to_network(x), num_channels)
        # The last layer looks at single pixels, so that it need not run where nothing is asked of it.
        ones = [1] * (self.spatial_dims - 1)
        features = blinded.at_spots(self.unet.features(shown))
        s = self._signals(features.reshape(*features.shape, *ones))
        observed = blinded.at_spots(middle(x, num_channels))
        observed = observed.reshape(*observed.shape[:2], 1, -1, *ones)
        evidence = torch.logsumexp(self.log_likelihood(observed, s), dim=_SAMPLES) - math.log(self.settings.samples)
        nll = -blinded.mean(evidence.flatten(2), middle_known(known, num_channels))
        return Loss(nll, {"nll": nll.detach()})

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation of p(s|x) at every pixel of x (B, C, *S), intensity units."""
        s = self._signals(self.unet.features(self.to_network(x)))
        observed = middle(x.float(), self.statistics.num_channels).unsqueeze(_SAMPLES)
        weight = torch.softmax(self.log_likelihood(observed, s), dim=_SAMPLES)
        mean = (weight * s).sum(dim=_SAMPLES)
        variance = (weight * (s - mean.unsqueeze(_SAMPLES)).square()).sum(dim=_SAMPLES)
        return mean, variance.sqrt()

    def _signals(self, features: Tensor) -> Tensor:
        """Return the samples of every pixel's signal, (B, C, K, *S), intensity units, from features (B, F, *S)."""
        out = self.unet.emit(features) * self.settings.output_scale
        size = (len(out), self.statistics.num_channels, self.settings.samples, *out.shape[2:])
        return self.to_intensity(out.reshape(size))
