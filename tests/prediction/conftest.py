"""Methods small enough to predict with in a test: one with a known answer, and tiny HDNs."""

import pytest
import torch

from quietscope.data.normalize import Statistics
from quietscope.methods.base import LatentSpec, Loss, MethodSettings, PointMethod, PosteriorMethod
from quietscope.methods.hdn import HDN, HDNSettings
from quietscope.noise.gaussian import Gaussian


class Conjugate(PosteriorMethod):
    """Prior N(m, t^2) per pixel, noise N(0, sigma^2): the posterior is Gaussian and known.

    ``var = 1 / (1 / t^2 + 1 / sigma^2)``, ``mean = var (m / t^2 + x / sigma^2)``
    """

    name = "conjugate"
    settings = MethodSettings()

    def __init__(self, m=100.0, t=20.0, sigma=10.0, spatial_dims=2, channels=1, multiple=4):
        super().__init__()
        self.m, self.t, self.sigma, self.dims, self.multiple = m, t, sigma, spatial_dims, multiple
        self.statistics = Statistics(torch.full((channels,), m), torch.full((channels,), t))
        self.noise_models = torch.nn.ModuleList(Gaussian(sigma) for _ in range(channels))
        self.calls = []

    @classmethod
    def build(cls, settings, statistics, noise_models):
        raise AssertionError("prediction builds nothing")

    spatial_dims = property(lambda self: self.dims)
    size_multiple = property(lambda self: (self.multiple,) * self.dims)

    @property
    def std(self):
        return (1 / (1 / self.t**2 + 1 / self.sigma**2)) ** 0.5

    def mean(self, x):
        return self.std**2 * (self.m / self.t**2 + x / self.sigma**2)

    def loss(self, x):
        return Loss(x.sum(), {})

    def latents(self):
        channels = self.statistics.num_channels
        return (LatentSpec(level=0, channels=channels, reduction=(1,) * self.dims, is_random=True),)

    def encode(self, x):
        self.calls.append(tuple(x.shape))
        return (self.mean(x),)

    def decode(self, encoding, noise):
        return encoding[0] + self.std * noise[0]


class Shrink(PointMethod):
    """The conjugate posterior's mean, and nothing of how sure it is; darker to the right, so that turns show."""

    name = "shrink"
    settings = MethodSettings()
    size_multiple = (4, 4)
    spatial_dims = 2

    def __init__(self):
        super().__init__()
        self.statistics = Statistics(torch.full((1,), 100.0), torch.full((1,), 20.0))
        self.noise_models = torch.nn.ModuleList()
        self.calls = []

    @classmethod
    def build(cls, settings, statistics, noise_models):
        raise AssertionError("prediction builds nothing")

    def loss(self, x):
        return Loss(x.sum(), {})

    def predict(self, x):
        self.calls.append(tuple(x.shape))
        # Like any convolution, this knows left from right.
        return 20 + 0.5 * x + 0.3 * torch.roll(x, 1, dims=-1)


@pytest.fixture
def shrink():
    return Shrink


@pytest.fixture
def conjugate():
    return Conjugate


@pytest.fixture
def tiny_hdn():
    def make(**changes):
        """An HDN of 2 levels, with random weights and statistics that are not those of a fresh network."""
        settings = {
            "filters": (8, 8),
            "latent_channels": (4, 4),
            "stem_filters": 8,
            **{name: 1 for name in HDNSettings.model_fields if name.endswith("blocks")},
        } | changes
        channels = settings.pop("channels", 1)
        statistics = Statistics(torch.full((channels,), 100.0), torch.full((channels,), 20.0))
        with torch.random.fork_rng():
            torch.manual_seed(0)
            method = HDN.build(HDNSettings(**settings), statistics, [Gaussian(10.0) for _ in range(channels)])
            for module in method.modules():
                if isinstance(module, torch.nn.BatchNorm2d | torch.nn.BatchNorm3d):
                    module.running_mean.normal_(0, 0.2)
                    module.running_var.uniform_(0.5, 2)
        return method

    return make
