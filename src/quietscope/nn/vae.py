"""The convolutional variational autoencoder of DivNoising, with latents per bottleneck pixel, for any image size.

Prakash, Krull, Jug, ICLR 2021, arXiv 2006.06072, figure 8.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from quietscope.nn.conv import ACTIVATIONS, Activation, ResidualBlock, conv, conv_transpose, total_stride
from quietscope.nn.unet import MaxPool, halving


@dataclass(frozen=True, kw_only=True)
class VAEShape:
    """Everything that determines the layers of the autoencoder.

    Attributes:
        spatial_dims: 2 or 3.
        channels: Image channels in.
        depth: Number of times that the image size is halved.
        filters: Filters at full resolution; they double with every halving.
        latent_channels: Latent channels per bottleneck pixel.
        blocks: Residual blocks at the bottleneck, before and after the latents.
        z_halvings: In 3-D, number of the first halvings that halve Z too.
        activation: Non-linearity.
        activates_up: Whether enlarged features pass through the non-linearity.
        out_channels: Image channels out; None for as many as come in.
    """

    spatial_dims: int
    channels: int
    depth: int
    filters: int
    latent_channels: int
    blocks: int
    z_halvings: int
    activation: Activation
    activates_up: bool = True
    out_channels: int | None = None

    def stride(self, level: int) -> tuple[int, ...]:
        """Return the factor by which the next level is smaller than this one, per spatial axis."""
        return halving(self.spatial_dims, level, self.z_halvings)

    def width(self, level: int) -> int:
        """Return the number of filters of a level."""
        return self.filters << level

    @property
    def reduction(self) -> tuple[int, ...]:
        """Image pixels per latent pixel, one factor per spatial axis."""
        return total_stride(self.stride(level) for level in range(self.depth))


class VAE(nn.Module):
    """Encoder from an image to one Gaussian per bottleneck pixel, and the mirrored decoder; in normalised units.

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
        # Mean and log-variance are the two halves of the output of one convolution.
        self.posterior = conv(shape.spatial_dims, before, 2 * shape.latent_channels, 3)
        decoder: list[nn.Module] = []
        deepest, before = before, shape.latent_channels
        if shape.blocks:
            decoder += [conv(shape.spatial_dims, before, deepest, 3), *_blocks(shape, deepest)]
            before = deepest
        for level in reversed(range(shape.depth)):
            width = shape.width(level)
            up = conv_transpose(shape.spatial_dims, width, width, shape.stride(level))
            after = ACTIVATIONS[shape.activation]() if shape.activates_up else nn.Identity()
            decoder += [*_twice(shape, before, width), up, after]
            before = width
        self.decoder = nn.Sequential(*decoder)
        self.head = conv(shape.spatial_dims, before, shape.out_channels or shape.channels, 3)

    def encode(self, x: Tensor) -> Tensor:
        """Map normalised images (B, C, *S), S a multiple of `VAEShape.reduction`, to parameters (B, 2 c, *S_z)."""
        out: Tensor = self.posterior(self.encoder(x))
        return out

    def decode(self, z: Tensor) -> Tensor:
        """Map latents (B, c, *S_z) to normalised images (B, C, *S), float32."""
        h = self.decoder(z)
        # The output image is computed in float32; the 8 bits of bfloat16 would round it.
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
