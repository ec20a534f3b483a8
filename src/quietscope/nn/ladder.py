"""The ladder variational autoencoder of HDN: bottom-up encoder, top-down decoder, latents at every level.

Sønderby et al. 2016 (ladder VAE); Prakash et al. 2022, arXiv 2104.01374 (HDN). Level 0 is the finest.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

from quietscope.nn.conv import (
    ACTIVATIONS,
    Activation,
    Edges,
    Enlarge,
    GateActivation,
    ResidualBlock,
    conv,
    conv_down,
    conv_up,
    total_stride,
)
from quietscope.nn.latent import GaussianLatent, Width, gaussian_kl

Resampling: TypeAlias = Literal["transposed", "nearest", "linear"]
"""How levels change the size of their features."""


@dataclass(frozen=True, kw_only=True)
class LadderShape:
    """Everything that determines the layers of the ladder.

    Attributes:
        spatial_dims: 2 or 3.
        channels: Channels of the input image.
        out_channels: Channels of the output at full resolution.
        filters: Filters of each level, finest first; their number is the number of levels.
        latent_channels: Latent channels of each level.
        blocks: Residual blocks per level, on the way up and on the way down.
        final_blocks: Residual blocks at full resolution after the last level.
        stem_filters: Filters at full resolution.
        strides: Stride of each level, one integer per spatial axis.
        activation: Non-linearity.
        batch_norm: Whether the residual blocks have batch normalisation.
        dropout: Probability of dropping a channel, 0 to 1.
        gate: Activation of gated residual blocks; None for blocks without gates.
        stochastic_skip: Whether the top-down features also bypass the latent of each level.
        width: How the widths of latents are computed from the output of the network.
        exact_widths: Whether widths have no smooth bound, see `GaussianLatent.from_parameters`.
        deterministic_levels: Levels whose posterior does not see the image, only the features from above, and of which
            prediction uses the mean. Structured noise has the scale of pixels, which the low levels represent.
        resampling: "transposed": every level begins with a 3-wide convolution, of its stride, on the way up, and a
            transposed one on the way down. "nearest": on the way down pixels are repeated, next to a 1-wide
            convolution, and a level that keeps size and number of filters has neither convolution. "linear": the same,
            with interpolation between pixels.
        edges: What convolutions see outside the image, those of the residual blocks excepted, which see zeros. With
            "reflect" the first convolution sees the nearest pixel.
        final_conv: Whether a 3-wide convolution ends the ladder; without, `out_channels` must equal `stem_filters`.
    """

    spatial_dims: int
    channels: int
    out_channels: int
    filters: tuple[int, ...]
    latent_channels: tuple[int, ...]
    blocks: int
    final_blocks: int
    stem_filters: int
    strides: tuple[tuple[int, ...], ...]
    activation: Activation
    batch_norm: bool
    dropout: float
    gate: GateActivation | None
    stochastic_skip: bool
    width: Width = "exponential"
    exact_widths: bool = False
    deterministic_levels: tuple[int, ...] = ()
    resampling: Resampling = "transposed"
    edges: Edges = "zeros"
    final_conv: bool = True

    @property
    def num_levels(self) -> int:
        """Number of latent levels."""
        return len(self.filters)

    def reduction(self, level: int) -> tuple[int, ...]:
        """Image pixels per latent pixel of a level, one factor per spatial axis."""
        return total_stride(self.strides[: level + 1])

    @property
    def stem_edges(self) -> Edges:
        """What the first convolution sees outside the image."""
        return "replicate" if self.edges == "reflect" else self.edges

    def block(self, channels: int, *, is_stem: bool = False) -> ResidualBlock:
        """Make one residual block of this ladder."""
        gate = None if is_stem else self.gate  # in the publication the block of the stem is the only one without a gate
        return ResidualBlock(self.spatial_dims, channels, self.activation, self.batch_norm, self.dropout, gate)

    def down(self, before: int, after: int, stride: tuple[int, ...]) -> list[nn.Module]:
        """Make what a level begins with on the way up: a convolution, or nothing."""
        if self.resampling == "transposed" or max(stride) > 1:
            return [conv_down(self.spatial_dims, before, after, stride, self.edges)]
        return [conv(self.spatial_dims, before, after, 1)] if before != after else []

    def up(self, before: int, after: int, stride: tuple[int, ...]) -> list[nn.Module]:
        """Make the counterpart of `down` on the way down."""
        if self.resampling == "transposed":
            return [conv_up(self.spatial_dims, before, after, stride)]
        if max(stride) > 1:
            return [Enlarge(self.spatial_dims, before, after, stride, self.resampling)]
        return [conv(self.spatial_dims, before, after, 1)] if before != after else []


class Merge(nn.Module):
    """Join two feature maps: concatenation, 1-wide convolution, residual block."""

    def __init__(self, shape: LadderShape, channels: int) -> None:
        super().__init__()
        self.conv = conv(shape.spatial_dims, 2 * channels, channels, 1)
        self.block = shape.block(channels)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Join two tensors of shape (B, C, *S) to one of the same shape."""
        out: Tensor = self.block(self.conv(torch.cat((a, b), dim=1)))
        return out


class Encoder(nn.Module):
    """The bottom-up path: from an image to one feature map per level."""

    def __init__(self, shape: LadderShape) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            conv(shape.spatial_dims, shape.channels, shape.stem_filters, 5, shape.stem_edges),
            ACTIVATIONS[shape.activation](),
            shape.block(shape.stem_filters, is_stem=True),
        )
        self.levels = nn.ModuleList()
        below = shape.stem_filters
        for filters, stride in zip(shape.filters, shape.strides, strict=True):
            down = shape.down(below, filters, stride)
            self.levels.append(nn.Sequential(*down, *(shape.block(filters) for _ in range(shape.blocks))))
            below = filters

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map normalised images (B, C, *S) to features (B, F_l, *S_l), finest level first."""
        outputs = []
        h = self.stem(x)
        for level in self.levels:
            h = level(h)
            outputs.append(h)
        return tuple(outputs)


class DecoderLevel(nn.Module):
    """One level of the top-down path: prior, posterior, latent, upsampling, residual blocks."""

    def __init__(self, shape: LadderShape, level: int) -> None:
        super().__init__()
        dims, filters, latents = shape.spatial_dims, shape.filters[level], shape.latent_channels[level]
        below = shape.filters[level - 1] if level else shape.stem_filters
        self.width, self.exact_widths = shape.width, shape.exact_widths
        self.is_top = level == shape.num_levels - 1
        self.is_deterministic = level in shape.deterministic_levels
        self.posterior_conv = conv(dims, filters, 2 * latents, 3, shape.edges)
        self.latent_conv = conv(dims, latents, filters, 3, shape.edges)
        if self.is_top:
            self.prior_parameters = nn.Parameter(torch.zeros(1, 2 * latents, *[1] * dims))
        else:
            self.prior_conv = conv(dims, filters, 2 * latents, 3, shape.edges)
            self.merge = Merge(shape, filters)
            self.skip = Merge(shape, filters) if shape.stochastic_skip else None
        # As published, features are enlarged first, so the blocks run at the finer resolution.
        up = shape.up(filters, below, shape.strides[level])
        self.blocks = nn.Sequential(*up, *(shape.block(below) for _ in range(shape.blocks)))

    def prior(self, above: Tensor | None) -> GaussianLatent:
        """Return the prior of the latents given the features from above; at the top (None) it is a learnt constant."""
        if above is None:
            return self._latent(self.prior_parameters)
        return self._latent(self.prior_conv(above))

    def posterior(self, above: Tensor | None, bottom_up: Tensor) -> GaussianLatent:
        """Return the posterior given the features from above and, unless the level is deterministic, of the image."""
        if above is None:
            return self._latent(self.posterior_conv(bottom_up))
        seen = above if self.is_deterministic else self.merge(bottom_up, above)
        return self._latent(self.posterior_conv(seen))

    def emit(self, above: Tensor | None, z: Tensor) -> Tensor:
        """Turn a sample of the latents into the features for the level below."""
        h: Tensor = self.latent_conv(z)
        if above is not None and self.skip is not None:
            h = self.skip(h, above)
        out: Tensor = self.blocks(h)
        return out

    def _latent(self, parameters: Tensor) -> GaussianLatent:
        return GaussianLatent.from_parameters(parameters, self.width, self.exact_widths)


Draw: TypeAlias = Callable[[DecoderLevel, int, Tensor | None], Tensor]
"""Function from a level, its number and the features from above to the latents of the level."""


class Ladder(nn.Module):
    """Encoder, decoder levels and last layer, in normalised units; the likelihood is not part of it."""

    def __init__(self, shape: LadderShape) -> None:
        super().__init__()
        self.shape = shape
        self.encoder = Encoder(shape)
        self.levels = nn.ModuleList(DecoderLevel(shape, level) for level in range(shape.num_levels))
        self.final = nn.Sequential(*(shape.block(shape.stem_filters) for _ in range(shape.final_blocks)))
        assert shape.final_conv or shape.out_channels == shape.stem_filters
        self.head = conv(shape.spatial_dims, shape.stem_filters, shape.out_channels, 3) if shape.final_conv else None

    def encode(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map normalised images (B, C, *S) to the features of all levels, finest first.

        Args:
            x: Images; every side must be a multiple of the reduction of the top level.

        Returns:
            Features (B, F_l, *S_l) of each level l.
        """
        features: tuple[Tensor, ...] = self.encoder(x)
        return features

    def decode(self, features: Sequence[Tensor], noise: Sequence[Tensor]) -> Tensor:
        """Map features and standard normal noise per level, finest first, to one image (B, C_out, *S), float32."""
        return self._finish(self._descend(_sampler(features, noise))[0])

    def decode_means(self, features: Sequence[Tensor]) -> Tensor:
        """Do the same as `decode` with noise of zeros: every latent is the mean of its posterior."""
        return self.decode(features, [torch.zeros((), device=features[0].device)] * self.shape.num_levels)

    def decode_with_kl(self, features: Sequence[Tensor], noise: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Do the same as `decode`; return also the KL of each level, nats per image, (B, num_levels), finest first."""
        divergences: list[Tensor] = []
        h, _ = self._descend(_sampler(features, noise, divergences))
        return self._finish(h), torch.stack([each.flatten(1).sum(dim=1) for each in divergences[::-1]], dim=1)

    def infer(self, features: Sequence[Tensor], noise: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Return the latents that `decode` draws, (B, C_l, *S_l) for each level l, finest first."""
        return self._descend(_sampler(features, noise))[1]

    def infer_with_kl(
        self, features: Sequence[Tensor], noise: Sequence[Tensor]
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Do the same as `infer`; return also the KL of every latent pixel in nats, (B, *S_l), finest level first."""
        divergences: list[Tensor] = []
        _, latents = self._descend(_sampler(features, noise, divergences))
        return latents, tuple(each.sum(dim=1) for each in divergences[::-1])

    def emit(self, latents: Sequence[Tensor]) -> Tensor:
        """Map latents, finest level first, to one image (B, C_out, *S), float32."""
        return self._finish(self._descend(lambda _level, n, _above: latents[n])[0])

    def complete(self, latents: Sequence[Tensor | None], noise: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Draw the latents of those levels that are None from the prior, given the levels above.

        Args:
            latents: Latents of each level, or None, finest first.
            noise: Standard normal noise of each level, finest first.

        Returns:
            The latents of all levels, finest first.
        """

        def draw(level: DecoderLevel, n: int, above: Tensor | None) -> Tensor:
            given = latents[n]
            return level.prior(above).sample(noise[n]) if given is None else given

        return self._descend(draw)[1]

    def latent_shape(self, level: int, spatial: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape (C, *S) of a level's latents for images of spatial size `spatial`."""
        reduced = tuple(n // r for n, r in zip(spatial, self.shape.reduction(level), strict=True))
        return (self.shape.latent_channels[level], *reduced)

    def draw_noise(self, x: Tensor) -> list[Tensor]:
        """Draw standard normal noise of every level for images (B, C, *S), finest first, from the global generator."""
        size = tuple(x.shape[2:])
        shapes = (self.latent_shape(level, size) for level in range(self.shape.num_levels))
        return [torch.randn(x.shape[0], *shape, device=x.device) for shape in shapes]

    def _descend(self, draw: Draw) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Run the top-down path; return its features at full resolution, and the latents, finest first."""
        h: Tensor | None = None
        latents: list[Tensor] = []
        levels = [level for level in self.levels if isinstance(level, DecoderLevel)]
        for n, level in reversed(list(enumerate(levels))):
            latents.append(draw(level, n, h))
            h = level.emit(h, latents[-1])
        assert h is not None
        return h, tuple(latents[::-1])

    def _finish(self, h: Tensor) -> Tensor:
        h = self.final(h)
        # The output image is computed in float32; the 8 bits of bfloat16 would round it.
        with torch.autocast(h.device.type, enabled=False):
            out: Tensor = h.float() if self.head is None else self.head(h.float())
        return out


def _sampler(features: Sequence[Tensor], noise: Sequence[Tensor], divergences: list[Tensor] | None = None) -> Draw:
    """Draw from the posteriors; append the KL of every latent, coarsest level first, to a list if one is given."""

    def draw(level: DecoderLevel, n: int, above: Tensor | None) -> Tensor:
        q = level.posterior(above, features[n])
        if divergences is not None:
            divergences.append(gaussian_kl(q, level.prior(above)))
        return q.sample(noise[n]).to(features[n].dtype)

    return draw
