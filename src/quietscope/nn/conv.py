"""Convolutions, pooling and residual blocks in two and three dimensions by one path."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

Activation = Literal["elu", "silu", "relu", "mish"]
GateActivation = Activation | Literal["tanh"]
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {"elu": nn.ELU, "silu": nn.SiLU, "relu": nn.ReLU, "mish": nn.Mish}
_CONV: dict[int, Callable[..., nn.Conv2d | nn.Conv3d]] = {2: nn.Conv2d, 3: nn.Conv3d}
_CONV_TRANSPOSE: dict[int, Callable[..., nn.Module]] = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
BATCH_NORM: dict[int, Callable[..., nn.Module]] = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
_DROPOUT: dict[int, Callable[..., nn.Module]] = {2: nn.Dropout2d, 3: nn.Dropout3d}


def conv(spatial_dims: int, in_channels: int, out_channels: int, kernel: int) -> nn.Conv2d | nn.Conv3d:
    """Make a size-preserving, zero-padded convolution with a cubic kernel."""
    return _CONV[spatial_dims](in_channels, out_channels, kernel, padding=kernel // 2)


def conv_down(spatial_dims: int, in_channels: int, out_channels: int, stride: tuple[int, ...]) -> nn.Module:
    """Make a strided 3-wide convolution: an axis of stride 2 and even length n comes out with length n / 2."""
    return _CONV[spatial_dims](in_channels, out_channels, 3, stride=stride, padding=1)


def conv_up(spatial_dims: int, in_channels: int, out_channels: int, stride: tuple[int, ...]) -> nn.Module:
    """Make the transposed counterpart of `conv_down`: an axis of stride 2 and length n comes out with length 2 n."""
    extra = tuple(s - 1 for s in stride)
    return _CONV_TRANSPOSE[spatial_dims](in_channels, out_channels, 3, stride=stride, padding=1, output_padding=extra)


def conv_transpose(spatial_dims: int, in_channels: int, out_channels: int, stride: tuple[int, ...]) -> nn.Module:
    """Make a transposed convolution whose kernel is its stride: every pixel becomes a block of its own."""
    return _CONV_TRANSPOSE[spatial_dims](in_channels, out_channels, stride, stride=stride)


class Gate(nn.Module):
    """Gated output of a residual branch: ``act(a) * sigmoid(b)`` with ``(a, b)`` from one 1-wide convolution.

    Args:
        spatial_dims: 2 or 3.
        channels: Channels in and out.
        activation: The function act; HDN takes the network's own, DVLAE tanh.
    """

    def __init__(self, spatial_dims: int, channels: int, activation: GateActivation) -> None:
        super().__init__()
        self.conv = conv(spatial_dims, channels, 2 * channels, 1)
        self.activation = nn.Tanh() if activation == "tanh" else ACTIVATIONS[activation]()

    def forward(self, x: Tensor) -> Tensor:
        """Gate ``x`` of shape (B, C, *S); same shape out."""
        value, gate = self.conv(x).chunk(2, dim=1)
        out: Tensor = self.activation(value) * torch.sigmoid(gate)
        return out


class ResidualBlock(nn.Module):
    """Pre-activation residual block, twice (norm, activation, 3-wide conv, dropout), optionally gated.

    Args:
        spatial_dims: 2 or 3.
        channels: Channels in and out.
        activation: Non-linearity.
        batch_norm: Normalise before each activation. Without it the branch's last convolution starts at zero, so that
            a deep stack starts as the identity and trains stably at high learning rates.
        dropout: Probability of dropping a whole channel after each convolution.
        gate: End the branch with a `Gate` of this activation; None for no gate.
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
        """Add the branch to ``x`` of shape (B, C, *S); same shape out."""
        out: Tensor = x + self.branch(x)
        return out
