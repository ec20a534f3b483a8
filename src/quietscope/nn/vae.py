"""The convolutional variational autoencoder of DivNoising: latents per bottleneck pixel, so any image size.

Prakash, Krull, Jug, ICLR 2021, arXiv 2006.06072, figure 8.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from quietscope.nn.conv import ACTIVATIONS, Activation, ResidualBlock, conv, conv_transpose
from quietscope.nn.unet import MaxPool, halving


@dataclass(frozen=True, kw_only=True)
class VAEShape:
    """Everything that fixes the autoencoder's parameters.

    Attributes:
        spatial_dims: 2 or 3.
        channels: Image channels in and out.
        depth: How often the image is halved.
        filters: Filters at full resolution; they double with every halving.
        latent_channels: Latent channels per bottleneck pixel.
        blocks: Residual blocks at the bottleneck, before and after the latents.
        z_halvings: In 3-D, how many of the first halvings halve Z too.
        activation: Non-linearity.
    """

    spatial_dims: int
    channels: int
    depth: int
    filters: int
    latent_channels: int
    blocks: int
    z_halvings: int
    activation: Activation

    def stride(self, level: int) -> tuple[int, ...]:
        """Return the factor by which a level is smaller than the one above it, per spatial axis."""
        return halving(self.spatial_dims, level, self.z_halvings)

    def width(self, level: int) -> int:
        """Return the filters of a level."""
        return self.filters << level

    @property
    def reduction(self) -> tuple[int, ...]:
        """Image pixels per latent pixel, one factor per spatial axis."""
        strides = [self.stride(level) for level in range(self.depth)]
        return tuple(math.prod(steps) for steps in zip(*strides, strict=True))


class VAE(nn.Module):
    """Encoder to a Gaussian per bottleneck pixel, and the decoder that mirrors it; works in normalised units.

    Args:
        shape: Depth, filters and latent channels.
    """

    def __init__(self, shape: VAEShape) -> None:
        super().__init__()
        self.shape = shape
        encoder: list[nn.Module] = []
        before = shape.channels
        for level in range(shape.depth):
            encoder += [*_twice(shape, before, shape.width(level)), MaxPool(shape.stride(level))]
            before = shape.width(level)
        self.encoder = nn.Sequential(*encoder, *_blocks(shape, before))
        # Mean and log-variance are the halves of what one convolution puts out.
        self.posterior = conv(shape.spatial_dims, before, 2 * shape.latent_channels, 3)
        decoder: list[nn.Module] = []
        deepest, before = before, shape.latent_channels
        if shape.blocks:
            decoder += [conv(shape.spatial_dims, before, deepest, 3), *_blocks(shape, deepest)]
            before = deepest
        for level in reversed(range(shape.depth)):
            width = shape.width(level)
            up = conv_transpose(shape.spatial_dims, width, width, shape.stride(level))
            decoder += [*_twice(shape, before, width), up, ACTIVATIONS[shape.activation]()]
            before = width
        self.decoder = nn.Sequential(*decoder)
        self.head = conv(shape.spatial_dims, before, shape.channels, 3)

    def encode(self, x: Tensor) -> Tensor:
        """Map normalised images (B, C, *S), S a multiple of the reduction, to raw parameters (B, 2 c, *S_z)."""
        out: Tensor = self.posterior(self.encoder(x))
        return out

    def decode(self, z: Tensor) -> Tensor:
        """Map latents (B, c, *S_z) to normalised images (B, C, *S), float32."""
        h = self.decoder(z)
        # The image itself never passes through bfloat16, whose 8 bits would round it.
        with torch.autocast(h.device.type, enabled=False):
            out: Tensor = self.head(h.float())
        return out


def _blocks(shape: VAEShape, channels: int) -> list[nn.Module]:
    dims, activation = shape.spatial_dims, shape.activation
    return [
        ResidualBlock(dims, channels, activation, batch_norm=False, dropout=0.0, gate=None) for _ in range(shape.blocks)
    ]


def _twice(shape: VAEShape, before: int, after: int) -> list[nn.Module]:
    activation = ACTIVATIONS[shape.activation]
    first, second = (conv(shape.spatial_dims, width, after, 3) for width in (before, after))
    return [first, activation(), second, activation()]
