"""Base class of methods with a noise model: the likelihood log p(x|s), and the stabilised scale made from it."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from quietscope.data.normalize import Statistics
from quietscope.data.stabilize import Stabilizer
from quietscope.methods.base import BuiltMethod, MethodSettings
from quietscope.methods.scale import ScaledMethod
from quietscope.noise.noise_model import NoiseModel


class LikelihoodMethod(ScaledMethod, BuiltMethod):
    """A method that is trained to maximise the likelihood of the noisy pixels under a noise model per channel.

    Args:
        settings: Settings of the method.
        statistics: Statistics of the training images.
        noise_models: One noise model per channel.
        stabilize: Read and write images on a scale on which the noise has the same standard deviation everywhere,
            instead of in units of the images' mean and standard deviation.
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
        """Return the (quasi-)log-likelihood log p(x|s) of every pixel, in nats.

        Args:
            x: Noisy pixels (B, C, *S), intensity units.
            s: Signals, the same shape, or one that x is broadcast against behind its channels.

        Returns:
            The log-likelihood in the broadcast shape.
        """
        models: list[Any] = list(self.noise_models)  # others in a graph, see `quietscope.export.export_noise`
        channels = [model.quasi_log_prob(x[:, c], s[:, c]) for c, model in enumerate(models)]
        return torch.stack(channels, dim=1)
