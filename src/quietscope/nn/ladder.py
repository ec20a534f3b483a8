"""The ladder variational autoencoder of HDN: a bottom-up encoder and a top-down decoder with latents at every level.

Sønderby et al. 2016 (ladder VAE); Prakash et al. 2022, arXiv 2104.01374 (HDN). Level 0 is the finest.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, nn

from quietscope.nn.conv import ACTIVATIONS, Activation, GateActivation, ResidualBlock, conv, conv_down, conv_up
from quietscope.nn.latent import GaussianLatent, Width, gaussian_kl


@dataclass(frozen=True, kw_only=True)
class LadderShape:
    """Everything that fixes the ladder's parameters.

    Attributes:
        spatial_dims: 2 or 3.
        channels: Image channels that come in.
        out_channels: Channels that go out at full resolution.
        filters: Filters of each level, finest first; its length is the number of levels.
        latent_channels: Latent channels of each level.
        blocks: Residual blocks per level, on the way up and on the way down.
        final_blocks: Residual blocks at full resolution after the last level.
        stem_filters: Filters at full resolution.
        strides: Stride of each level, one integer per spatial axis.
        activation: Non-linearity.
        batch_norm: Batch normalisation in the residual blocks.
        dropout: Channel dropout probability.
        gate: Activation of gated residual blocks; None for blocks without gates.
        stochastic_skip: Merge the top-down input past the latent of each level.
        width: How the latents' widths follow from what the network puts out.
        deterministic_levels: Levels whose posterior sees only the top-down input, and whose mean is used in prediction
            (structured noise lives at pixel scale, which the low levels hold).
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
    deterministic_levels: tuple[int, ...] = ()

    @property
    def num_levels(self) -> int:
        """Number of latent levels."""
        return len(self.filters)

    def reduction(self, level: int) -> tuple[int, ...]:
        """Image pixels per latent pixel of a level, one factor per spatial axis."""
        factors = [1] * self.spatial_dims
        for stride in self.strides[: level + 1]:
            factors = [f * s for f, s in zip(factors, stride, strict=True)]
        return tuple(factors)

    def block(self, channels: int, *, is_stem: bool = False) -> ResidualBlock:
        """Make one residual block of this ladder."""
        gate = None if is_stem else self.gate  # published without a gate, alone among the blocks
        return ResidualBlock(self.spatial_dims, channels, self.activation, self.batch_norm, self.dropout, gate)


class Merge(nn.Module):
    """Join two feature maps: concatenate, 1-wide convolution, residual block."""

    def __init__(self, shape: LadderShape, channels: int) -> None:
        super().__init__()
        self.conv = conv(shape.spatial_dims, 2 * channels, channels, 1)
        self.block = shape.block(channels)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Merge two tensors of shape (B, C, *S) into one of the same shape."""
        out: Tensor = self.block(self.conv(torch.cat((a, b), dim=1)))
        return out


class Encoder(nn.Module):
    """The bottom-up path: image to one feature map per level."""

    def __init__(self, shape: LadderShape) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            conv(shape.spatial_dims, shape.channels, shape.stem_filters, 5),
            ACTIVATIONS[shape.activation](),
            shape.block(shape.stem_filters, is_stem=True),
        )
        self.levels = nn.ModuleList()
        below = shape.stem_filters
        for filters, stride in zip(shape.filters, shape.strides, strict=True):
            down = conv_down(shape.spatial_dims, below, filters, stride)
            self.levels.append(nn.Sequential(down, *(shape.block(filters) for _ in range(shape.blocks))))
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
    """One level of the top-down path: prior, posterior, latent, residual blocks, upsampling."""

    def __init__(self, shape: LadderShape, level: int) -> None:
        super().__init__()
        dims, filters, latents = shape.spatial_dims, shape.filters[level], shape.latent_channels[level]
        below = shape.filters[level - 1] if level else shape.stem_filters
        self.width = shape.width
        self.is_top = level == shape.num_levels - 1
        self.is_deterministic = level in shape.deterministic_levels
        self.posterior_conv = conv(dims, filters, 2 * latents, 3)
        self.latent_conv = conv(dims, latents, filters, 3)
        if self.is_top:
            self.prior_parameters = nn.Parameter(torch.zeros(1, 2 * latents, *[1] * dims))
        else:
            self.prior_conv = conv(dims, filters, 2 * latents, 3)
            self.merge = Merge(shape, filters)
            self.skip = Merge(shape, filters) if shape.stochastic_skip else None
        # The published order: the transposed convolution first, so that the blocks run at the finer size.
        up = conv_up(dims, filters, below, shape.strides[level])
        self.blocks = nn.Sequential(up, *(shape.block(below) for _ in range(shape.blocks)))

    def prior(self, above: Tensor | None) -> GaussianLatent:
        """Prior of this level's latents given the features from above (None at the top: a learned constant)."""
        if above is None:
            return self._latent(self.prior_parameters)
        return self._latent(self.prior_conv(above))

    def posterior(self, above: Tensor | None, bottom_up: Tensor) -> GaussianLatent:
        """Posterior given the features from above and, unless the level is deterministic, the image's features."""
        if above is None:
            return self._latent(self.posterior_conv(bottom_up))
        seen = above if self.is_deterministic else self.merge(bottom_up, above)
        return self._latent(self.posterior_conv(seen))

    def emit(self, above: Tensor | None, z: Tensor) -> Tensor:
        """Turn a latent sample into the features handed to the level below."""
        h: Tensor = self.latent_conv(z)
        if above is not None and self.skip is not None:
            h = self.skip(h, above)
        out: Tensor = self.blocks(h)
        return out

    def _latent(self, parameters: Tensor) -> GaussianLatent:
        return GaussianLatent.from_parameters(parameters, self.width)


Draw: TypeAlias = Callable[[DecoderLevel, int, Tensor | None], Tensor]
"""Gives the latents of a level from the level, its number and the features from above."""


class Ladder(nn.Module):
    """Encoder, decoder levels and output head; works in normalised units and knows no likelihood."""

    def __init__(self, shape: LadderShape) -> None:
        super().__init__()
        self.shape = shape
        self.encoder = Encoder(shape)
        self.levels = nn.ModuleList(DecoderLevel(shape, level) for level in range(shape.num_levels))
        self.final = nn.Sequential(*(shape.block(shape.stem_filters) for _ in range(shape.final_blocks)))
        self.head = conv(shape.spatial_dims, shape.stem_filters, shape.out_channels, 3)

    def encode(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map normalised images (B, C, *S), S a multiple of the top reduction, to features, finest level first."""
        features: tuple[Tensor, ...] = self.encoder(x)
        return features

    def decode(self, features: Sequence[Tensor], noise: Sequence[Tensor]) -> Tensor:
        """Map features and standard normal noise per level, finest first, to one image (B, C_out, *S), float32."""
        return self._finish(self._descend(_sampler(features, noise))[0])

    def decode_with_kl(self, features: Sequence[Tensor], noise: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """`decode`, and the KL of each level in nats per image, shape (B, num_levels), finest level first."""
        divergences: list[Tensor] = []
        h, _ = self._descend(_sampler(features, noise, divergences))
        return self._finish(h), torch.stack([each.flatten(1).sum(dim=1) for each in divergences[::-1]], dim=1)

    def infer(self, features: Sequence[Tensor], noise: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Draw the latents that `decode` would use, one (B, C_l, *S_l) per level, finest first."""
        return self._descend(_sampler(features, noise))[1]

    def infer_with_kl(
        self, features: Sequence[Tensor], noise: Sequence[Tensor]
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """`infer`, and the KL of every latent pixel in nats, (B, *S_l) per level, finest first."""
        divergences: list[Tensor] = []
        _, latents = self._descend(_sampler(features, noise, divergences))
        return latents, tuple(each.sum(dim=1) for each in divergences[::-1])

    def emit(self, latents: Sequence[Tensor]) -> Tensor:
        """Map latents, finest level first, to one image (B, C_out, *S), float32."""
        return self._finish(self._descend(lambda _level, n, _above: latents[n])[0])

    def complete(self, latents: Sequence[Tensor | None], noise: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Draw the levels that are None from the prior given those above, with standard normal noise, finest first."""

        def draw(level: DecoderLevel, n: int, above: Tensor | None) -> Tensor:
            given = latents[n]
            return level.prior(above).sample(noise[n]) if given is None else given

        return self._descend(draw)[1]

    def latent_shape(self, level: int, spatial: tuple[int, ...]) -> tuple[int, ...]:
        """Shape (C, *S) of a level's latents for an image of the given size."""
        reduced = tuple(n // r for n, r in zip(spatial, self.shape.reduction(level), strict=True))
        return (self.shape.latent_channels[level], *reduced)

    def draw_noise(self, x: Tensor) -> list[Tensor]:
        """Draw standard normal noise for every level of images (B, C, *S), finest first, from the global generator."""
        size = tuple(x.shape[2:])
        shapes = (self.latent_shape(level, size) for level in range(self.shape.num_levels))
        return [torch.randn(x.shape[0], *shape, device=x.device) for shape in shapes]

    def _descend(self, draw: Draw) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Run the top-down path, and return its features at full resolution and the latents, finest first."""
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
        # The image itself never passes through bfloat16, whose 8 bits would round it.
        with torch.autocast(h.device.type, enabled=False):
            out: Tensor = self.head(h.float())
        return out


def _sampler(features: Sequence[Tensor], noise: Sequence[Tensor], divergences: list[Tensor] | None = None) -> Draw:
    """Draw from the posteriors, and note the KL of every latent, coarsest level first, where a list is given."""

    def draw(level: DecoderLevel, n: int, above: Tensor | None) -> Tensor:
        q = level.posterior(above, features[n])
        if divergences is not None:
            divergences.append(gaussian_kl(q, level.prior(above)))
        return q.sample(noise[n]).to(features[n].dtype)

    return draw
