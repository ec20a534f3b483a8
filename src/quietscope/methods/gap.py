"""Generative Accumulation of Photons (GAP): denoise, sample and generate with what one part of the photons tells.

Krull, Basevi, Salmon, Zeug, Müller, Tonks, Muppala, Leonardis, "Image Denoising and the Generative Accumulation of
Photons", WACV 2024, arXiv 2307.06607: photons are taken out of an image at random, and a network learns where the next
one falls. From the noisy image on, photons that it expects make a sample of the posterior; from an empty image on, a
new image. Here information takes the place of photons, so that any noise model serves (`quietscope.noise.recorrupt`),
a few steps that of thousands (`quietscope.methods.accumulating`), and the network starts from one that comes trained.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import Annotated, ClassVar, final

import torch
from pydantic import Field
from torch import Tensor

from quietscope.data.normalize import Statistics
from quietscope.methods.accumulating import ENOUGH, AccumulatingMethod, AccumulatingSettings, Accumulation
from quietscope.methods.base import LatentSpec, Loss, MethodSettings
from quietscope.methods.citation import Citation
from quietscope.methods.generative import PriorMethod
from quietscope.methods.missing import mean_of_known, split_gaps
from quietscope.methods.unit_noise_splitting import SplittingSettings, UnitNoiseSplitting
from quietscope.nn.unit_noise import UnitNoiseShape
from quietscope.noise.noise_model import NoiseModel
from quietscope.weights import unit_noise_weights

MOST_APART = 10.0
"""Largest difference, in widths of the noise of what is seen, that the variance of an error learns from."""

HALF = 0.5
LARGEST = 0.95
"""Shares that are seen: from a half to this to learn to denoise, below a half to learn to generate."""

FEW = 2
"""Steps of the samples that the network learns from."""

Share = Annotated[float, Field(gt=0, lt=HALF)]


class GAPSettings(SplittingSettings, AccumulatingSettings):
    """Settings of `GAP`.

    Attributes:
        nothing: Share of what there is to know of an image that counts as none: where generation starts. With it, noise
            must drown whatever there is to see.
        generates: Share of the patches in training that show less than half of what there is to know, down to
            `nothing`: from them the network learns to generate.
        own_samples: Share of the patches in training that are samples of the network itself, seen with less noise than
            images have: what it has to go on with once a sample has begun.
        generation_steps: Steps of an image that is generated, of two passes each.
    """

    nothing: Share = 1e-3
    generates: float = Field(default=0.25, ge=0, le=0.5)
    own_samples: float = Field(default=0.25, ge=0, le=0.5)
    generation_steps: int = Field(default=20, ge=1, le=1000)

    @property
    def comes_trained(self) -> bool:
        """Whether the network starts from the one that comes trained."""
        return self.shape == UnitNoiseShape()


@final
class GAP(UnitNoiseSplitting, AccumulatingMethod, PriorMethod):
    """A denoiser f of two parts x1 and x2 of x with independent noise, which samples and generates.

    With a share a of the information in x1, b in x2, and v the noise model's variance, the loss is the mean of

    ``b e^2 + log(w + a / b) / 2 + e^2 / (2 (w + a / b))``,  ``e^2 = a (x2 - f(x1))^2 / v(f(x1))``:

    an error in units of the noise that the network sees, and the negative log-likelihood of it under the variance w
    that the network gives for its own error. Some patches teach to generate: of these a and b are a half, x1 is then
    drowned in noise on the network's scale, and e is measured there, because that is where measurements add up. Others
    teach to end a sample: x2 is a sample of the network itself, without noise, and x1 the same with less noise than
    images have.
    """

    name: ClassVar[str] = "gap"
    settings_type: ClassVar[type[MethodSettings]] = GAPSettings
    citation: ClassVar[Citation | None] = Citation(
        "Krull et al., Image Denoising and the Generative Accumulation of Photons, WACV 2024",
        "10.48550/arXiv.2307.06607",
        authors="Krull, Alexander and others",
        title="Image Denoising and the Generative Accumulation of Photons",
        venue="Winter Conference on Applications of Computer Vision (WACV)",
    )
    has_temperature: ClassVar[bool] = False
    settings: GAPSettings

    def __init__(self, settings: GAPSettings, statistics: Statistics, noise_models: Sequence[NoiseModel]) -> None:
        super().__init__(settings, statistics, noise_models)
        if settings.comes_trained:
            self.network.load_state_dict(unit_noise_weights(), assign=True)  # also where nothing is real

    def loss(self, x: Tensor) -> Loss:
        """Return the loss of noisy patches (B, C, *S), see the class."""
        x, known = split_gaps(x.float(), self.statistics.mean)
        lessons = self._lessons(x)
        planes, log_variance = self.network.moments(self.as_planes(lessons.seen), self.told)
        square = lessons.square(self.as_image(planes, lessons.seen.shape), self)
        error = mean_of_known(lessons.weight * square, known)
        variance = self.as_image(log_variance, lessons.seen.shape).exp() + lessons.noise
        apart = square.detach().clamp(max=MOST_APART**2)
        doubt = mean_of_known(0.5 * (variance.log() + apart / variance), known)
        return Loss(error + doubt, {"mse": error.detach()})

    def prior_latents(self) -> tuple[LatentSpec, ...]:
        """Describe the noise of an empty image, which is the coarsest, and of the steps from it."""
        channels, dims = self.statistics.num_channels, self.spatial_dims
        steps = self._from_nothing.latents(channels, dims)
        return *steps, LatentSpec(level=len(steps), channels=channels, reduction=(1,) * dims, is_random=True)

    def generate(self, noise: Sequence[Tensor]) -> Tensor:
        """Add up measurements from an image that tells nothing, see `Accumulation`; returns s in intensity units.

        No expectation leaves the range of the pixels that were learnt from: no measurement corrects one that does, and
        each step would go further. The noise has a standard deviation of 1, which the network takes it to have: of less
        noise it would take for signal what it expects itself, so that there is no temperature.
        """
        *steps, empty = noise
        path = self._from_nothing
        y = empty / path.start**0.5
        return self.to_intensity(path.run(y, self._within(y, path.start), steps, self._within))

    def _within(self, y: Tensor, information: float) -> Tensor:
        """Return what `expect` does, between the lowest and the highest pixel that was learnt from."""
        low, high = (
            self.to_network(self.statistics.quantiles[None, :, end].reshape(1, -1, *[1] * (y.ndim - 2)))
            for end in (0, -1)
        )
        return self.expect(y, information).clamp(low, high)

    def _lessons(self, x: Tensor) -> "_Lessons":
        """Make of every patch what the network sees of it, and what it is to tell."""
        number, single = len(x), [1] * (x.ndim - 1)
        kind, where = torch.rand(2, number, *single, device=x.device)
        little = kind < self.settings.generates
        own = (kind >= 1.0 - self.settings.own_samples) & ~little
        share = torch.where(little, HALF, HALF + where * (LARGEST - HALF))
        first, second = self.split_in_two(x, share)
        nothing, u = self.settings.nothing, self.to_network(first)
        drowned = (log(nothing) + where * log(HALF / nothing)).exp()
        information = torch.where(little, drowned, share)
        u = u + (1.0 / information - 1.0 / share).clamp(min=0.0).sqrt() * torch.randn_like(u)
        target, noise = self.to_network(second), 1.0 / (1.0 - share)
        if own.any():
            at = own.flatten()
            target[at] = self._own_samples(x[at])
            information = torch.where(own, (where * log(ENOUGH)).exp(), information)
            u[at] = target[at] + torch.randn_like(u[at]) / information[at].sqrt()
            noise = torch.where(own, 0.0, noise)
        return _Lessons(
            seen=information.sqrt() * u,
            information=information,
            on_scale=little | own,
            target=target,
            second=second,
            noise=information * noise,
            weight=torch.where(own, 1.0, 1.0 - share),
        )

    @torch.no_grad()
    def _own_samples(self, x: Tensor) -> Tensor:
        """Draw one sample of each of some patches in few steps, on the network's scale."""
        u, path = self.to_network(x), Accumulation(start=1.0, steps=FEW)
        noise = [torch.randn_like(u) for _ in range(FEW)]
        return path.run(u, self.on_planes(u), noise, self.expect)

    @property
    def _from_nothing(self) -> Accumulation:
        return Accumulation(start=self.settings.nothing, steps=self.settings.generation_steps)


@dataclass(frozen=True, kw_only=True)
class _Lessons:
    """What the network sees of some patches, (B, C, *S), and what its answer is compared with.

    Attributes:
        seen: What it sees, with noise of standard deviation 1.
        information: How much of what there is to know of a patch, (B, 1, ...); 1 is that of the noisy image.
        on_scale: Whether its answer is compared on its scale, else in intensities, (B, 1, ...).
        target: What it is compared with on that scale.
        second: The same in intensities.
        noise: Variance of the target's noise, in units of that of what is seen.
        weight: Weight of the squared error.
    """

    seen: Tensor
    information: Tensor
    on_scale: Tensor
    target: Tensor
    second: Tensor
    noise: Tensor
    weight: Tensor

    def square(self, out: Tensor, method: GAP) -> Tensor:
        """Return the squared differences of the network's answer from the target, in units of the noise it sees."""
        u = out / self.information.sqrt()
        s = method.to_intensity(u)
        apart = (self.second - s).square() / method.variance_at(s)
        return self.information * torch.where(self.on_scale, (self.target - u).square(), apart)
