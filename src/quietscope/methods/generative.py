"""Types of methods that have learnt what images look like, and draw them without looking at one."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, TypeAlias

from torch import Tensor

from quietscope.methods.base import Encoding, LatentSpec, Method, PosteriorMethod

Latents: TypeAlias = tuple[Tensor, ...]
"""A point in latent space: one tensor per entry of `PosteriorMethod.latents`, each of shape (B, c_l, *S_l)."""


class PriorMethod(Method):
    """A method that draws clean images from p(s), as a deterministic function of noise."""

    ability: ClassVar[str] = "has learnt what images look like"
    has_temperature: ClassVar[bool] = True
    """Whether `generate` takes noise multiplied by T, the temperature: below 1 images are more typical, less varied."""

    @abstractmethod
    def prior_latents(self) -> tuple[LatentSpec, ...]:
        """Describe the noise that `generate` takes, one entry per level."""

    @abstractmethod
    def generate(self, noise: Sequence[Tensor]) -> Tensor:
        """Turn standard normal noise, one (B, c_l, *S_l) per entry of `prior_latents`, into s ~ p(s).

        Intensity units.
        """


class GenerativeMethod(PosteriorMethod, PriorMethod):
    """A posterior method whose latents can be drawn from a prior p(z), inferred from an image, and changed.

    ``decode(encoding, noise)`` equals ``emit(infer(encoding, noise))``.
    """

    ability: ClassVar[str] = "has latents that can be drawn, inferred and changed"

    def prior_latents(self) -> tuple[LatentSpec, ...]:
        """Describe the noise that `generate` takes: that of `decode`."""
        return self.latents()

    def generate(self, noise: Sequence[Tensor]) -> Tensor:
        """Turn standard normal noise, one (B, c_l, *S_l) per entry of `latents`, into s ~ p(s), see `PriorMethod`."""
        return self.emit(self.imagine(noise))

    @abstractmethod
    def imagine(self, noise: Sequence[Tensor]) -> Latents:
        """Draw z ~ p(z) with the given noise, one (B, c_l, *S_l) per entry of `latents`."""

    @abstractmethod
    def infer(self, encoding: Encoding, noise: Sequence[Tensor]) -> Latents:
        """Draw z ~ q(z|x) with the given noise, one (B, c_l, *S_l) per entry of `latents`."""

    @abstractmethod
    def emit(self, latents: Sequence[Tensor]) -> Tensor:
        """Turn latents into s (B, C, *S), intensity units."""


class HierarchicalMethod(GenerativeMethod):
    """A generative method with a hierarchy of latents, finest first; each level's prior depends on coarser levels."""

    ability: ClassVar[str] = "has a hierarchy of levels"

    @abstractmethod
    def complete(self, latents: Sequence[Tensor | None], noise: Sequence[Tensor]) -> Latents:
        """Draw the missing levels (None) from their priors p(z_l | z_>l); noise of zeros gives the priors' means."""

    @abstractmethod
    def infer_with_kl(self, encoding: Encoding, noise: Sequence[Tensor]) -> tuple[Latents, tuple[Tensor, ...]]:
        """Run `infer`; also return KL(q(z_l | z_>l, x) || p(z_l | z_>l)) in nats per latent pixel, (B, *S_l) each."""

    def imagine(self, noise: Sequence[Tensor]) -> Latents:
        """Draw every level from its prior."""
        return self.complete([None] * len(noise), noise)


class LearnedNoiseMethod(GenerativeMethod):
    """A generative method that has learnt p(x|z), and so can draw noisy images without a noise model."""

    ability: ClassVar[str] = "has learnt the noise"

    @abstractmethod
    def observe(self, latents: Sequence[Tensor], choice: Tensor, noise: Tensor) -> Tensor:
        """Draw a noisy image x ~ p(x|z), (B, C, *S), intensity units.

        Args:
            latents: One (B, c_l, *S_l) per entry of `latents`.
            choice: Uniform on [0, 1), (B, C, *S): selects a mixture component per pixel.
            noise: Standard normal, (B, C, *S).
        """
