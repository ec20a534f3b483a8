"""The U-Net of Noise2Void and similar methods, in two and three dimensions by the same code.

Ronneberger, Fischer, Brox, MICCAI 2015. Options of N2V2 (Höck, Buchholz, Brachmann, Jug, Freytag, ECCVW 2022):
blurred pooling (Zhang, ICML 2019) and no skip connection at the top level, both against checkerboard patterns.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from quietscope.nn.conv import ACTIVATIONS, BATCH_NORM, Activation, conv, conv_transpose, enlarged, total_stride

Merge: TypeAlias = Literal["concat", "add"]
"""How the features of a skip connection and those from the level below are joined."""
Upsampling: TypeAlias = Literal["nearest", "linear", "transposed"]
"""How the features from the level below are enlarged."""
PoolEdges: TypeAlias = Literal["replicate", "zeros"]
"""What blurred pooling sees outside the features: the nearest pixel, or zeros."""
Initialisation: TypeAlias = Literal["uniform", "xavier"]
"""How the weights of convolutions are drawn."""
_POOL = {2: F.max_pool2d, 3: F.max_pool3d}
_CONVOLVE = {2: F.conv2d, 3: F.conv3d}
_BINOMIAL = (1.0, 2.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class UNetShape:
    """Everything that determines the layers of a U-Net.

    Attributes:
        spatial_dims: 2 or 3.
        channels: Image channels that come in.
        out_channels: Channels that come out; None for as many as come in.
        unshuffle: Side of the squares of pixels that become one pixel with side^2 times the channels at the beginning,
            and squares again at the end: 1 leaves the image as it is. Shi et al., CVPR 2016, who call the way back
            pixel shuffle.
        depth: Number of times that the image size is halved.
        filters: Filters at full resolution; they double with every halving.
        z_halvings: In 3-D, number of the first halvings that halve Z too.
        batch_norm: Whether there is batch normalisation after every convolution.
        blur_pool: Whether to pool by a maximum of stride 1 and then a binomial blur of stride 2, instead of a strided
            maximum.
        pool_edges: What blurred pooling sees outside the features: the nearest pixel, or zeros.
        top_skip: Whether there is a skip connection at full resolution.
        merge: "concat" concatenates the skip with the upsampled features. "add" reduces these to the number of its
            channels by a 1-wide convolution and adds both, which needs fewer parameters.
        activation: Non-linearity.
        upsampling: "nearest" repeats pixels, "linear" interpolates between them. "transposed" is a transposed
            convolution whose kernel is as large as its stride, which also reduces the features to the number of
            channels of the skip connection.
        initialisation: "uniform" draws weights and biases as PyTorch does. "xavier" draws the weights of convolutions
            from a normal distribution of variance ``2 / (fan_in + fan_out)`` (Glorot, Bengio, AISTATS 2010) and sets
            their biases to zero; transposed convolutions stay as PyTorch draws them.
        residual: Whether the input, or the middle of its channels where fewer come out, is added to the output, so that
            the network learns the difference.
        tapered: Whether the last convolution of the deepest level, and of every level on the way up, has the filters of
            the next finer level already.
    """

    spatial_dims: int
    channels: int
    depth: int
    filters: int
    z_halvings: int
    batch_norm: bool
    blur_pool: bool
    top_skip: bool
    merge: Merge
    activation: Activation
    upsampling: Upsampling = "nearest"
    initialisation: Initialisation = "uniform"
    residual: bool = False
    tapered: bool = False
    pool_edges: PoolEdges = "replicate"
    out_channels: int | None = None
    unshuffle: int = 1

    def stride(self, level: int) -> tuple[int, ...]:
        """Return the factor by which the next level is smaller than this one, per spatial axis."""
        return halving(self.spatial_dims, level, self.z_halvings)

    @property
    def reduction(self) -> tuple[int, ...]:
        """Image pixels per pixel of the deepest level, one factor per spatial axis."""
        squares = (1,) * (self.spatial_dims - 2) + (self.unshuffle,) * 2
        return total_stride([squares, *(self.stride(level) for level in range(self.depth))])


def halving(spatial_dims: int, level: int, z_halvings: int) -> tuple[int, ...]:
    """Return the stride of a level: 2 in Y and X; in 3-D also 2 in Z, for the first `z_halvings` levels."""
    return (2, 2) if spatial_dims == 2 else (2 if level < z_halvings else 1, 2, 2)


class BlurPool(nn.Module):
    """Maximum over 2 pixels with stride 1, then a strided blur with (1, 2, 1) / 4, along every axis of stride 2.

    Args:
        stride: 1 or 2 per spatial axis; axes of stride 1 are not changed.
        edges: What lies outside ``x``: its nearest pixel, or, for the blur, zeros.
    """

    kernel: Tensor

    def __init__(self, stride: tuple[int, ...], edges: PoolEdges = "replicate") -> None:
        super().__init__()
        self.stride, self.edges = stride, edges
        kernel = torch.ones([1] * len(stride))
        for axis, step in enumerate(stride):
            if step == 2:
                line = torch.tensor(_BINOMIAL) / sum(_BINOMIAL)
                kernel = kernel * line.reshape([-1 if a == axis else 1 for a in range(len(stride))])
        self.register_buffer("kernel", kernel, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Halve ``x`` (B, C, *S) along the axes of stride 2, which must have even length."""
        dims = len(self.stride)
        if self.edges == "replicate":
            x = F.pad(x, [pad for step in reversed(self.stride) for pad in (0, step - 1)], mode="replicate")
        x = _POOL[dims](x, self.stride, stride=1)
        mode = "replicate" if self.edges == "replicate" else "constant"
        around = [pad for step in reversed(self.stride) for pad in (step - 1, step - 1)]
        kernel = self.kernel.to(x.dtype).expand(x.shape[1], 1, *self.kernel.shape)
        out: Tensor = _CONVOLVE[dims](F.pad(x, around, mode=mode), kernel, stride=self.stride, groups=x.shape[1])
        return out


class MaxPool(nn.Module):
    """Maximum over 2 pixels along every axis of stride 2.

    Args:
        stride: 1 or 2 per spatial axis.
    """

    def __init__(self, stride: tuple[int, ...]) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """Halve ``x`` (B, C, *S) along the axes of stride 2, which must have even length."""
        out: Tensor = _POOL[len(self.stride)](x, self.stride)
        return out


class UNet(nn.Module):
    """U-Net with two 3-wide convolutions per level down and up, and a 1-wide last layer.

    Args:
        shape: Depth, filters and options.
    """

    def __init__(self, shape: UNetShape) -> None:
        super().__init__()
        self.shape = shape
        widths = [shape.filters * 2**level for level in range(shape.depth + 1)]
        self.down = nn.ModuleList()
        self.pools = nn.ModuleList()
        before = shape.channels * shape.unshuffle**2
        ends = [widths[max(0, level - 1)] if shape.tapered else width for level, width in enumerate(widths)]
        for level, width in enumerate(widths):
            after = width if level < shape.depth else ends[level]
            self.down.append(nn.Sequential(*_convolve(shape, before, width), *_convolve(shape, width, after)))
            if level < shape.depth:
                self.pools.append(
                    BlurPool(shape.stride(level), shape.pool_edges) if shape.blur_pool else MaxPool(shape.stride(level))
                )
            before = width
        self.up = nn.ModuleList()
        self.narrow = nn.ModuleList()
        self.rise = nn.ModuleList()
        for level in range(shape.depth):
            here = widths[level]
            joined = ends[level + 1]
            if shape.upsampling == "transposed":
                self.rise.append(conv_transpose(shape.spatial_dims, joined, here, shape.stride(level)))
                joined = here
            elif shape.merge == "add":
                self.narrow.append(conv(shape.spatial_dims, joined, here, 1))
                joined = here
            if shape.merge == "concat" and self._has_skip(level):
                joined += here
            self.up.append(nn.Sequential(*_convolve(shape, joined, here), *_convolve(shape, here, ends[level])))
        made = (shape.out_channels or shape.channels) * shape.unshuffle**2
        self.head = conv(shape.spatial_dims, shape.filters, made, 1)
        if shape.initialisation == "xavier":
            self.apply(_draw_as_xavier)

    def forward(self, x: Tensor) -> Tensor:
        """Map normalised images (B, C, *S) to images of the same size, float32.

        Args:
            x: Images; every side must be a multiple of `UNetShape.reduction`.

        Returns:
            Images (B, C_out, *S).
        """
        out = self._emit(self.features(x))
        if self.shape.residual:  # before pixels are shuffled back, where the sum costs least
            count = self.shape.out_channels or self.shape.channels
            before = (x.shape[1] - count) // 2
            out = out + unshuffled(x[:, before : before + count].float(), self.shape.unshuffle)
        return shuffled(out, self.shape.unshuffle)

    def features(self, x: Tensor) -> Tensor:
        """Map normalised images (B, C, *S) to the features that the last layer reads, (B, filters, *S / unshuffle)."""
        skips = []
        x = unshuffled(x, self.shape.unshuffle)
        for level, block in enumerate(self.down):
            x = block(x)
            if level < self.shape.depth:
                skips.append(x)
                x = self.pools[level](x)
        for level in reversed(range(self.shape.depth)):
            x = self.up[level](self._join(self._enlarge(x, level), skips[level], level))
        return x

    def emit(self, features: Tensor) -> Tensor:
        """Run the last layer, pixel by pixel, on features (B, filters, *S), S of any size.

        Args:
            features: What `features` returns, or a part of it.

        Returns:
            (B, C_out, *S unshuffle), float32.
        """
        return shuffled(self._emit(features), self.shape.unshuffle)

    def _emit(self, features: Tensor) -> Tensor:
        # The output image is computed in float32; the 8 bits of bfloat16 would round it.
        with torch.autocast(features.device.type, enabled=False):
            out: Tensor = self.head(features.float())
        return out

    def _enlarge(self, x: Tensor, level: int) -> Tensor:
        """Enlarge the features of the level below to the size of this one."""
        if self.shape.upsampling == "transposed":
            risen: Tensor = self.rise[level](x)
            return risen
        x = enlarged(x, self.shape.stride(level), self.shape.upsampling)
        return self.narrow[level](x) if self.shape.merge == "add" else x

    def _join(self, x: Tensor, skip: Tensor, level: int) -> Tensor:
        if self.shape.merge == "add":
            return x + skip if self._has_skip(level) else x
        return torch.cat((x, skip), dim=1) if self._has_skip(level) else x

    def _has_skip(self, level: int) -> bool:
        return level > 0 or self.shape.top_skip


def unshuffled(x: Tensor, side: int) -> Tensor:
    """Make pixels of images (B, C, *S) of squares of pixels along Y and X: (B, C side^2, *S / side)."""
    if side == 1:
        return x
    return F.pixel_unshuffle(x, side) if x.ndim == 4 else F.pixel_unshuffle(x.transpose(1, 2), side).transpose(1, 2)


def shuffled(x: Tensor, side: int) -> Tensor:
    """Make squares of pixels again: the inverse of `unshuffled`."""
    if side == 1:
        return x
    return F.pixel_shuffle(x, side) if x.ndim == 4 else F.pixel_shuffle(x.transpose(1, 2), side).transpose(1, 2)


def _convolve(shape: UNetShape, before: int, after: int) -> list[nn.Module]:
    layers: list[nn.Module] = [conv(shape.spatial_dims, before, after, 3)]
    if shape.batch_norm:
        layers.append(BATCH_NORM[shape.spatial_dims](after))
    return [*layers, ACTIVATIONS[shape.activation]()]


def _draw_as_xavier(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.Conv3d):
        nn.init.xavier_normal_(module.weight)
        assert module.bias is not None
        nn.init.zeros_(module.bias)
