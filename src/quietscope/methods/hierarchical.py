"""Base classes of methods with a ladder of latents: settings of the ladder, latents, and the image made from them."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Annotated, Self, TypeAlias

from pydantic import Field, model_validator
from torch import Tensor

from quietscope.methods.base import Blocks, Count, Encoding, Halvings, LatentSpec, MethodSettings
from quietscope.methods.generative import HierarchicalMethod, Latents
from quietscope.nn.conv import Activation, Edges, GateActivation
from quietscope.nn.ladder import Ladder, LadderShape, Resampling
from quietscope.nn.latent import Width

NumBlocks: TypeAlias = Blocks
Levels: TypeAlias = Annotated[tuple[Count, ...], Field(max_length=24)]
"""One number per level of a ladder."""
Probability: TypeAlias = Annotated[float, Field(ge=0, lt=1)]
Nats: TypeAlias = Annotated[float, Field(ge=0, le=1e9)]


class LadderSettings(MethodSettings):
    """Settings of a ladder of latents; each method has its own defaults.

    Attributes:
        spatial_dims: 2 for planes, 3 for volumes.
        filters: Filters of each level, finest first.
        latent_channels: Latent channels of each level.
        blocks: Residual blocks per level, on the way up and on the way down.
        final_blocks: Residual blocks at full resolution after the last level.
        stem_filters: Filters at full resolution.
        z_halvings: In 3-D, how many of the levels that halve Y and X, finest first, halve Z too.
        activation: Non-linearity.
        batch_norm: Batch normalisation.
        dropout: Channel dropout probability in training.
        gated: Gated residual blocks.
        stochastic_skip: Merge the top-down path past each latent.
        free_bits: KL in nats, per level and image, below which the loss does not reduce the KL of a level further.
        resampling: How levels change the size of features: "transposed" convolutions, or "nearest" pixels and 1-wide
            convolutions, with none on a level that keeps the size, or the same with "linear" interpolation.
        edges: What convolutions see outside the image, residual blocks excepted: "zeros", "replicate" for the
            nearest pixel, or "reflect" for the image mirrored (and its nearest pixel in the first convolution).
        exact_widths: Whether the widths of latents have no smooth bound, for weights that were trained so.
    """

    spatial_dims: int = Field(default=2, ge=2, le=3)
    filters: Levels
    latent_channels: Levels
    blocks: NumBlocks
    final_blocks: NumBlocks
    stem_filters: Count
    z_halvings: Halvings = 0
    activation: Activation
    batch_norm: bool = True
    dropout: Probability
    gated: bool = True
    stochastic_skip: bool = True
    free_bits: Nats
    resampling: Resampling = "transposed"
    edges: Edges = "zeros"
    exact_widths: bool = False

    @model_validator(mode="after")
    def _levels_agree(self) -> Self:
        if len(self.filters) != len(self.latent_channels) or not self.filters:
            raise ValueError("filters and latent_channels must have one entry per level, and at least one level")
        return self

    @property
    def num_levels(self) -> int:
        """Levels of the ladder."""
        return len(self.filters)

    def ladder_shape(
        self,
        channels: int,
        out_channels: int,
        halves: Sequence[bool],
        gate: GateActivation,
        width: Width = "exponential",
        deterministic_levels: tuple[int, ...] = (),
        final_conv: bool = True,
    ) -> LadderShape:
        """Return the shape of the ladder.

        Args:
            channels: Number of image channels.
            out_channels: Number of output channels of the ladder, at full resolution.
            halves: Whether each level halves Y and X.
            gate: Activation of the gates, for gated blocks.
            width: Function that turns the network's output into the latents' standard deviations.
            deterministic_levels: Levels whose posterior does not see the image.
            final_conv: Whether a convolution ends the ladder.
        """
        strides, halvings = [], 0
        for is_halving in halves:
            step = 2 if is_halving else 1
            depth = (step if halvings < self.z_halvings else 1,) if self.spatial_dims == 3 else ()
            strides.append((*depth, step, step))
            halvings += is_halving
        return LadderShape(
            spatial_dims=self.spatial_dims,
            channels=channels,
            out_channels=out_channels,
            filters=self.filters,
            latent_channels=self.latent_channels,
            blocks=self.blocks,
            final_blocks=self.final_blocks,
            stem_filters=self.stem_filters,
            strides=tuple(strides),
            activation=self.activation,
            batch_norm=self.batch_norm,
            dropout=self.dropout,
            gate=gate if self.gated else None,
            stochastic_skip=self.stochastic_skip,
            width=width,
            exact_widths=self.exact_widths,
            deterministic_levels=deterministic_levels,
            resampling=self.resampling,
            edges=self.edges,
            final_conv=final_conv,
        )


class LadderMethod(HierarchicalMethod):
    """A hierarchical method whose network is a `Ladder`."""

    ladder: Ladder

    @property
    def spatial_dims(self) -> int:
        """2 or 3."""
        return self.ladder.shape.spatial_dims

    @property
    def size_multiple(self) -> tuple[int, ...]:
        """Reduction of the top level; twice that where features are mirrored, which one pixel alone cannot be."""
        reduction = self.ladder.shape.reduction(self.ladder.shape.num_levels - 1)
        return tuple(2 * each for each in reduction) if self.ladder.shape.edges == "reflect" else reduction

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
        """Turn the ladder's output (B, C_out, *S) into s (B, C, *S), intensity units."""
