"""Samples of a posterior by measurements that are added up: each is drawn from what all before it let expect.

On a scale on which noise has a standard deviation of 1, let y(t) be an image with information t: ``y(t) = u + n /
sqrt(t)``, so that the noisy image is y(1). The next piece of information is distributed as a measurement of what is
expected so far,

    d(t y(t)) = E[u | y(t)] dt + dW(t),                                                                             (1)

with W independent from pixel to pixel, or correlated as the noise is. What t grows to is a sample of p(u | y(1)); from
t = 0, where nothing has been seen, one of p(u). The expectation is the denoiser f: ``E[u | y(t)] = f(sqrt(t) y(t)) /
sqrt(t)``, as it sees noise of width 1.

A step from t to ``t + d = r t``, with normal w of variance d, is

    y' = (t y + d m + w) / (t + d),    y(t + d) = y' + c d (m' - m) / (t + d),    c = r / (sqrt(r) + 1),             (2)

where m and m' are the expectations at y(t) and y'. With c = 0 samples vary too little, because what one step draws is
unknown to its own expectation; this c makes the variance exact where u is known from the measurements alone. On
128 x 128 pixels of Confocal_FISH and W2S the spread of 5 such steps is within 4 % of that of 128 with c = 0.

Source: Krull, Basevi, Salmon, Zeug, Müller, Tonks, Muppala, Leonardis, "Image Denoising and the Generative Accumulation
of Photons", WACV 2024, arXiv 2307.06607 (photon by photon); El Alaoui, Montanari, Sellke, arXiv 2203.05093 (equation
1). The step (2) is ours.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import TypeAlias

from pydantic import Field
from torch import Tensor

from quietscope.methods.base import Encoding, LatentSpec, MomentsMethod, SamplingMethod
from quietscope.methods.unit_noise_method import UnitNoiseMethod, UnitNoiseSettings

Expectation: TypeAlias = Callable[[Tensor, float], Tensor]
"""Receives y(t) and t, and returns E[u | y(t)]."""

_FURTHER = 16
ENOUGH = 30.0
"""Information at which a sample ends, that of the noisy image being 1: what is left open is a fraction of the noise."""


@dataclass(frozen=True, kw_only=True)
class Accumulation:
    """The steps of equation (2) from an image of some information to one of more.

    Attributes:
        start: Information at the start, above zero.
        steps: Number of steps, at least 1.
    """

    start: float
    steps: int

    @property
    def ratio(self) -> float:
        """Factor r by which every step increases the information."""
        return float((ENOUGH / self.start) ** (1.0 / self.steps))

    def latents(self, channels: int, spatial_dims: int) -> tuple[LatentSpec, ...]:
        """Describe the noise of every step, the first step last: what is drawn last is finest."""
        pixel = (1,) * spatial_dims
        return tuple(LatentSpec(level=n, channels=channels, reduction=pixel, is_random=True) for n in range(self.steps))

    def run(self, y: Tensor, expected: Tensor, noise: Sequence[Tensor], expect: Expectation) -> Tensor:
        """Return a sample u.

        Args:
            y: The image with information `start`, (B, C, *S).
            expected: Its expectation, of the same shape.
            noise: Of standard deviation 1, one (B, C, *S) per entry of `latents`.
            expect: The denoiser.
        """
        r, t = self.ratio, self.start
        correction = r / (sqrt(r) + 1.0)
        for each in reversed(noise):
            d = t * (r - 1.0)
            moved = (t * y + d * expected + sqrt(d) * each) / (t + d)
            change = expect(moved, t + d) - expected
            y, t = moved + correction * d / (t + d) * change, t + d
            expected = expect(y, t)
        return expected


class AccumulatingSettings(UnitNoiseSettings):
    """Settings of an `AccumulatingMethod`.

    Attributes:
        accumulation_steps: Steps of equation (2) of a sample, of two passes each.
    """

    accumulation_steps: int = Field(default=5, ge=1, le=1000)


class AccumulatingMethod(UnitNoiseMethod, MomentsMethod, SamplingMethod):
    """A method with a denoiser of noise of width 1, which gives mean and deviation in one pass, and samples in several.

    Deviations are those that the network has learnt; those of many samples come close, and are smaller as a rule.
    """

    settings: AccumulatingSettings

    @property
    def reach(self) -> tuple[int, ...]:
        """The steps of a sample see further than one pass: a halo of 32 leaves 2 to 5 % at edges of tiles."""
        return (0,) * (self.spatial_dims - 2) + (_FURTHER,) * 2

    def latents(self) -> tuple[LatentSpec, ...]:
        """Describe the noise of every step of a sample."""
        return self._from_image.latents(self.statistics.num_channels, self.spatial_dims)

    def encode(self, x: Tensor) -> Encoding:
        """Return x (B, C, *S) on the network's scale, and what is expected of it."""
        u = self.to_network(x)
        return u, self.on_planes(u)

    def decode(self, encoding: Encoding, noise: Sequence[Tensor]) -> Tensor:
        """Add up measurements drawn with the given noise, see `Accumulation`; returns s in intensity units."""
        u, expected = encoding
        drawn = [self.as_noise(each) for each in noise]
        return self.to_intensity(self._from_image.run(u, expected, drawn, self.expect))

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the denoised x (B, C, *S) and the standard deviation of its error, intensity units.

        The network knows the variance w of its error on its scale from what it was trained on. The deviation is half
        the way between the signals of ``f + sqrt(w)`` and ``f - sqrt(w)``.
        """
        u = self.to_network(x)
        planes, log_variance = self.network.moments(self.as_planes(u), self.told)
        out, width = self.as_image(planes, u.shape), self.as_image((0.5 * log_variance).exp(), u.shape)
        apart = self.to_intensity(out + width) - self.to_intensity(out - width)
        return self.to_intensity(out), 0.5 * apart

    def predict(self, x: Tensor) -> Tensor:
        """Denoise x (B, C, *S), intensity units in and out."""
        return self.to_intensity(self.on_planes(self.to_network(x)))

    def expect(self, y: Tensor, information: float) -> Tensor:
        """Return E[u | y(t)] for y (B, C, *S) with information t."""
        scale = sqrt(information)
        return self.on_planes(scale * y) / scale

    def as_noise(self, white: Tensor) -> Tensor:
        """Return white noise (B, C, *S) correlated as the image's noise is; here as it came."""
        return white

    @property
    def _from_image(self) -> Accumulation:
        return Accumulation(start=1.0, steps=self.settings.accumulation_steps)
