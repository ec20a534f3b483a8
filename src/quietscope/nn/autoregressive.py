"""A causal network along one axis: it predicts the noise of a pixel from the code and from the pixels before it.

Salmon, Krull, "Unsupervised Denoising for Signal-Dependent and Row-Correlated Imaging Noise", WACV 2025,
arXiv 2310.07887. Causality needs no masked weights: the first convolution has taps on earlier pixels only, the others
on the current and on earlier pixels.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from quietscope.nn.conv import ACTIVATIONS, Activation, conv

_CONVOLVE: dict[int, Any] = {2: F.conv2d, 3: F.conv3d}


@dataclass(frozen=True, kw_only=True)
class CausalShape:
    """Everything that determines the layers of a causal network.

    Attributes:
        spatial_dims: 2 or 3.
        axis: Index of the spatial axis along which a pixel depends on earlier ones; None for independent pixels.
        channels: Image channels.
        code_channels: Channels of the code.
        filters: Filters of every layer.
        kernel: Width of the convolutions in pixels, the current pixel included.
        dilations: Dilation of each convolution; there are as many layers.
        out_channels: Numbers per pixel in the output.
        activation: Non-linearity.
        preactivated: Whether blocks and the last layer activate their input, and the first layer has no output of its
            own. If false, as published: blocks activate inside alone, the last layer reads the blocks' output, and the
            first layer is activated and mixed by a 1-wide convolution.
    """

    spatial_dims: int
    axis: int | None
    channels: int
    code_channels: int
    filters: int
    kernel: int
    dilations: tuple[int, ...]
    out_channels: int
    activation: Activation
    preactivated: bool = True

    @property
    def receptive_field(self) -> int:
        """Number of pixels before the current one that influence it: ``(kernel - 1) * sum(dilations)``."""
        return 0 if self.axis is None else (self.kernel - 1) * sum(self.dilations)


class CausalConv(nn.Module):
    """Convolution along one axis with taps on the current pixel and on pixels before it.

    ``y[t] = b + sum_j W_j x[t - j d]``, with j from 0 (from 1 if the current pixel is excluded) to kernel - 1. Before
    the image, x is zero.

    Args:
        shape: Shape of the network; gives axis, kernel and number of axes.
        in_channels: Channels of the input.
        dilation: Distance d between taps in pixels.
        excludes_current: Whether to leave out the tap on the current pixel.
    """

    def __init__(self, shape: CausalShape, in_channels: int, dilation: int, *, excludes_current: bool = False) -> None:
        super().__init__()
        self.axis, self.dims = shape.axis, shape.spatial_dims
        self.first = int(excludes_current)
        self.taps = 1 if shape.axis is None else shape.kernel - self.first
        self.dilation = dilation
        # Tap n lies (taps - 1 - n + first) * dilation pixels before the current one, as in a convolution.
        self.weight = nn.Parameter(torch.empty(shape.filters, in_channels, self.taps))
        self.bias = nn.Parameter(torch.zeros(shape.filters))
        bound = math.sqrt(1.0 / (in_channels * self.taps))
        nn.init.uniform_(self.weight, -bound, bound)

    @property
    def reach(self) -> int:
        """Distance of the farthest tap from the current pixel, in pixels."""
        return (self.taps - 1 + self.first) * self.dilation

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x`` (B, C, *S) to (B, F, *S)."""
        kernel, dilation, pad = [1] * self.dims, [1] * self.dims, [0] * (2 * self.dims)
        if self.axis is not None:
            kernel[self.axis], dilation[self.axis] = self.taps, self.dilation
            pad[2 * (self.dims - 1 - self.axis)] = self.reach
            length = x.shape[2 + self.axis]
            x = F.pad(x, pad).narrow(2 + self.axis, 0, length + self.reach - self.first * self.dilation)
        weight = self.weight.reshape(*self.weight.shape[:2], *kernel)
        out: Tensor = _CONVOLVE[self.dims](x, weight, self.bias, 1, 0, dilation)
        return out


class CausalBlock(nn.Module):
    """Residual block: ``h + W act(causal(act(h)) + V code)``; unless `preactivated`, causal reads h itself.

    Args:
        shape: Shape of the network.
        dilation: Dilation of the causal convolution in pixels.
    """

    def __init__(self, shape: CausalShape, dilation: int) -> None:
        super().__init__()
        self.activation = ACTIVATIONS[shape.activation]()
        self.preactivated = shape.preactivated
        self.causal = CausalConv(shape, shape.filters, dilation)
        self.code = conv(shape.spatial_dims, shape.code_channels, shape.filters, 1)
        self.out = conv(shape.spatial_dims, shape.filters, shape.filters, 1)

    def forward(self, h: Tensor, code: Tensor) -> Tensor:
        """Map features (B, F, *S) and code (B, C_s, *S) to features."""
        inner = self.causal(self.read(h)) + self.code(code)
        out: Tensor = h + self.out(self.activation(inner))
        return out

    def read(self, h: Tensor) -> Tensor:
        """Return what the causal convolution sees of features of any shape."""
        read: Tensor = self.activation(h) if self.preactivated else h
        return read


class CausalNetwork(nn.Module):
    """The causal network: its output at a pixel depends only on the code and on earlier pixels of the same row.

    Args:
        shape: Axis, filters and dilations.
    """

    def __init__(self, shape: CausalShape) -> None:
        super().__init__()
        self.shape = shape
        first, *rest = shape.dilations
        # Without an axis no pixel depends on another, so there is no convolution over the image.
        self.context = None
        if shape.axis is not None:
            self.context = CausalConv(shape, shape.channels, first, excludes_current=True)
        self.code = conv(shape.spatial_dims, shape.code_channels, shape.filters, 1)
        self.mix = None if shape.preactivated else conv(shape.spatial_dims, shape.filters, shape.filters, 1)
        self.blocks = nn.ModuleList(CausalBlock(shape, dilation) for dilation in rest)
        self.activation = ACTIVATIONS[shape.activation]()
        self.head = conv(shape.spatial_dims, shape.filters, shape.out_channels, 1)

    def forward(self, x: Tensor, code: Tensor, share: Tensor | float = 1.0) -> Tensor:
        """Predict the parameters of the density of every pixel.

        Args:
            x: Normalised images, shape (B, C, *S).
            code: Code, shape (B, C_s, *S).
            share: Factor for the influence of earlier pixels, 0 to 1.

        Returns:
            The parameters, shape (B, out_channels, *S), float32.
        """
        h = self.code(code)
        if self.context is not None:
            h = h + share * self.context(x)
        if self.mix is not None:
            h = self.mix(self.activation(h))
        for block in self.blocks:
            h = block(h, code)
        with torch.autocast(h.device.type, enabled=False):
            out: Tensor = self.head(self.leave(h.to(self.head.weight.dtype)))
        return out

    def leave(self, h: Tensor) -> Tensor:
        """Return what the last layer sees of features of any shape."""
        left: Tensor = self.activation(h) if self.shape.preactivated else h
        return left
