"""What methods on a ladder of latents share: their latents, the posterior's, the prior's, and the way to an image."""

from abc import abstractmethod
from collections.abc import Sequence

from torch import Tensor

from quietscope.methods.base import Encoding, HierarchicalMethod, Latents, LatentSpec
from quietscope.nn.ladder import Ladder


class LadderMethod(HierarchicalMethod):
    """A hierarchical method whose latents are those of a `Ladder`."""

    ladder: Ladder

    @property
    def spatial_dims(self) -> int:
        """2 or 3."""
        return self.ladder.shape.spatial_dims

    @property
    def size_multiple(self) -> tuple[int, ...]:
        """Reduction of the top level."""
        return self.ladder.shape.reduction(self.ladder.shape.num_levels - 1)

    def latents(self) -> tuple[LatentSpec, ...]:
        """Describe one latent map per level, finest first."""
        shape = self.ladder.shape
        return tuple(
            LatentSpec(
                level=level,
                channels=shape.latent_channels[level],
                reduction=shape.reduction(level),
                is_random=level not in shape.deterministic_levels,
            )
            for level in range(shape.num_levels)
        )

    def decode(self, encoding: Encoding, noise: Sequence[Tensor]) -> Tensor:
        """Run the top-down path with the given noise, finest level first; returns s in intensity units."""
        return self.finish(self.ladder.decode(encoding, noise))

    def infer(self, encoding: Encoding, noise: Sequence[Tensor]) -> Latents:
        """Draw the latents of every level, finest first."""
        return self.ladder.infer(encoding, noise)

    def infer_with_kl(self, encoding: Encoding, noise: Sequence[Tensor]) -> tuple[Latents, tuple[Tensor, ...]]:
        """Draw the latents of every level, finest first, and the KL of every latent pixel in nats."""
        return self.ladder.infer_with_kl(encoding, noise)

    def complete(self, latents: Sequence[Tensor | None], noise: Sequence[Tensor]) -> Latents:
        """Draw the missing levels from the prior."""
        return self.ladder.complete(latents, noise)

    def emit(self, latents: Sequence[Tensor]) -> Tensor:
        """Run the top-down path with given latents, finest level first; returns s in intensity units."""
        return self.finish(self.ladder.emit(latents))

    @abstractmethod
    def finish(self, out: Tensor) -> Tensor:
        """Turn what the ladder puts out, (B, C_out, *S), into s (B, C, *S), intensity units."""
