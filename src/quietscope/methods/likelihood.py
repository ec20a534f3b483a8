"""What methods with a noise model share: the likelihood log p(x|s), and the scale that follows from it."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from quietscope.data.normalize import Statistics
from quietscope.data.stabilize import Stabilizer
from quietscope.methods.base import BuiltMethod, MethodSettings
from quietscope.methods.scale import ScaledMethod
from quietscope.noise.noise_model import NoiseModel


class LikelihoodMethod(ScaledMethod, BuiltMethod):
    """A method that is trained to explain the noisy pixels through a noise model per channel.

    Args:
        settings: Settings of the method.
        statistics: Of the training images.
        noise_models: One per channel.
        stabilize: Read and write images on the scale on which the noise models have one width everywhere, instead of
            in units of the images' mean and standard deviation.
    """

    needs_noise: ClassVar[bool] = True

    def __init__(
        self, settings: MethodSettings, statistics: Statistics, noise_models: Sequence[NoiseModel], stabilize: bool
    ) -> None:
        super().__init__()
        assert len(noise_models) == statistics.num_channels
        self.settings = settings
        self.statistics = statistics
        self.noise_models = nn.ModuleList(noise_models)
        self.stabilizer = None
        if stabilize:
            variances = [model.variance for model in noise_models]
            self.stabilizer = Stabilizer.of_variances(variances, statistics.quantiles)

    def log_likelihood(self, x: Tensor, s: Tensor) -> Tensor:
        """Return the (quasi-)log-likelihood of every pixel, shape (B, C, *S), in nats."""
        channels = [model.quasi_log_prob(x[:, c], s[:, c]) for c, model in enumerate(self.channel_noise)]
        return torch.stack(channels, dim=1)
