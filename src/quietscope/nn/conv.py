"""Convolutions and residual blocks, in two and three dimensions by the same code."""

import math
from collections.abc import Callable, Iterable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Activation = Literal["elu", "silu", "relu", "mish"]
GateActivation = Activation | Literal["tanh"]
Edges = Literal["zeros", "replicate", "reflect"]
"""What a convolution sees outside the image: zeros, the nearest pixel of the image, or the image mirrored."""
Interpolation = Literal["nearest", "linear"]
"""How features are enlarged without weights."""
_MODES = {"nearest": {2: "nearest", 3: "nearest"}, "linear": {2: "bilinear", 3: "trilinear"}}
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {"elu": nn.ELU, "silu": nn.SiLU, "relu": nn.ReLU, "mish": nn.Mish}
_CONV: dict[int, Callable[..., nn.Conv2d | nn.Conv3d]] = {2: nn.Conv2d, 3: nn.Conv3d}
_CONV_TRANSPOSE: dict[int, Callable[..., nn.Module]] = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
BATCH_NORM: dict[int, Callable[..., nn.Module]] = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
_DROPOUT: dict[int, Callable[..., nn.Module]] = {2: nn.Dropout2d, 3: nn.Dropout3d}


def conv(
    spatial_dims: int, in_channels: int, out_channels: int, kernel: int, edges: Edges = "zeros"
) -> nn.Conv2d | nn.Conv3d:
    """Make a padded convolution that keeps the image size, with a square or cubic kernel."""
    return _CONV[spatial_dims](in_channels, out_channels, kernel, padding=kernel // 2, padding_mode=edges)


def conv_down(
    spatial_dims: int, in_channels: int, out_channels: int, stride: tuple[int, ...], edges: Edges = "zeros"
) -> nn.Module:
    """Make a strided convolution, 3 pixels wide; it halves the even length of an axis of stride 2."""
    return _CONV[spatial_dims](in_channels, out_channels, 3, stride=stride, padding=1, padding_mode=edges)


def conv_up(spatial_dims: int, in_channels: int, out_channels: int, stride: tuple[int, ...]) -> nn.Module:
    """Make the transposed counterpart of `conv_down`; it doubles the length of an axis of stride 2."""
    extra = tuple(s - 1 for s in stride)
    return _CONV_TRANSPOSE[spatial_dims](in_channels, out_channels, 3, stride=stride, padding=1, output_padding=extra)


def conv_transpose(spatial_dims: int, in_channels: int, out_channels: int, stride: tuple[int, ...]) -> nn.Module:
    """Make a transposed convolution whose kernel is as large as its stride: every pixel becomes a separate block."""
    return _CONV_TRANSPOSE[spatial_dims](in_channels, out_channels, stride, stride=stride)


def total_stride(strides: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    """Multiply the strides of successive levels, one factor per spatial axis."""
    return tuple(math.prod(steps) for steps in zip(*strides, strict=True))


def enlarged(x: Tensor, stride: tuple[int, ...], how: Interpolation) -> Tensor:
    """Enlarge features (B, C, *S) to (B, C, *(S stride)) without weights."""
    mode = _MODES[how][len(stride)]
    return F.interpolate(x, scale_factor=[float(step) for step in stride], mode=mode)


class Enlarge(nn.Module):
    """Enlarge features without weights, after a 1-wide convolution, which may as well come after.

    Args:
        spatial_dims: 2 or 3.
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        stride: Factor per spatial axis.
        how: "nearest" repeats pixels, "linear" interpolates between them.
    """

    def __init__(
        self, spatial_dims: int, in_channels: int, out_channels: int, stride: tuple[int, ...], how: Interpolation
    ) -> None:
        super().__init__()
        self.conv = conv(spatial_dims, in_channels, out_channels, 1)
        self.stride, self.how = stride, how

    def forward(self, x: Tensor) -> Tensor:
        """Map features (B, C, *S) to (B, C_out, *(S stride))."""
        return enlarged(self.conv(x), self.stride, self.how)


class Gate(nn.Module):
    """Gated output of a residual branch: ``act(a) * sigmoid(b)``, with a and b computed by one 1-wide convolution.

    Args:
        spatial_dims: 2 or 3.
        channels: Channels in and out.
        activation: The function act: in HDN the activation of the network, in DVLAE tanh.
    """

    def __init__(self, spatial_dims: int, channels: int, activation: GateActivation) -> None:
        super().__init__()
        self.conv = conv(spatial_dims, channels, 2 * channels, 1)
        self.activation = nn.Tanh() if activation == "tanh" else ACTIVATIONS[activation]()

    def forward(self, x: Tensor) -> Tensor:
        """Return the gated ``x``, shape (B, C, *S) in and out."""
        value, gate = self.conv(x).chunk(2, dim=1)
        out: Tensor = self.activation(value) * torch.sigmoid(gate)
        return out


class ResidualBlock(nn.Module):
    """Pre-activation residual block: x plus a branch of twice (norm, activation, 3-wide convolution, dropout).

    Args:
        spatial_dims: 2 or 3.
        channels: Channels in and out.
        activation: Non-linearity.
        batch_norm: Normalise before each activation. Without it the last convolution of the branch is initialised with
            zeros, so that a deep stack starts as the identity and trains stably at high learning rates.
        dropout: Probability of dropping a whole channel after each convolution, 0 to 1.
        gate: Activation of a `Gate` at the end of the branch; None for no gate.
    """

    def __init__(
        self,
        spatial_dims: int,
        channels: int,
        activation: Activation,
        batch_norm: bool,
        dropout: float,
        gate: GateActivation | None,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(2):
            if batch_norm:
                layers.append(BATCH_NORM[spatial_dims](channels))
            layers.append(ACTIVATIONS[activation]())
            last = conv(spatial_dims, channels, channels, 3)
            layers.append(last)
            if dropout > 0:
                layers.append(_DROPOUT[spatial_dims](dropout))
        if gate is not None:
            layers.append(Gate(spatial_dims, channels, gate))
        elif not batch_norm:
            nn.init.zeros_(last.weight)
            if last.bias is not None:
                nn.init.zeros_(last.bias)
        self.branch = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` plus the branch of ``x``, shape (B, C, *S) in and out."""
        out: Tensor = x + self.branch(x)
        return out
