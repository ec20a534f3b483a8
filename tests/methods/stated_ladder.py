"""A ladder stated a second time, in plain functions of PyTorch, as its authors' code computes it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

Weights = Mapping[str, Tensor]
"""Tensors by the names that they have in the method under test."""


@dataclass(frozen=True, kw_only=True)
class Style:
    """In what published ladders differ.

    Attributes:
        activation: Non-linearity.
        gate: Non-linearity of the gated half.
        edges: How convolutions are padded, those of residual blocks excepted, as PyTorch calls it.
        layers: Where norm and convolution stand in a residual branch, twice; and where the gate does.
        is_transposed: Whether features are enlarged by a 3-wide transposed convolution, not by repeating pixels.
        blocks: Residual blocks of a level and at the end.
    """

    activation: Callable[[Tensor], Tensor]
    gate: Callable[[Tensor], Tensor]
    edges: str
    layers: tuple[int, int, int, int, int]
    is_transposed: bool
    blocks: int


HDN = Style(activation=F.elu, gate=F.elu, edges="constant", layers=(0, 2, 4, 6, 8), is_transposed=True, blocks=5)
DVLAE = Style(
    activation=F.mish, gate=torch.tanh, edges="replicate", layers=(0, 2, 3, 5, 6), is_transposed=False, blocks=1
)


def convolved(w: Weights, name: str, h: Tensor, mode: str = "constant", **options: int) -> Tensor:
    """Convolve with a square kernel, padded by half of its width: with zeros, or as named."""
    half = w[f"{name}.weight"].shape[-1] // 2
    padded = F.pad(h, [half] * 4, mode=mode) if half else h
    return F.conv2d(padded, w[f"{name}.weight"], w[f"{name}.bias"], **options)


def residual(w: Weights, style: Style, name: str, h: Tensor) -> Tensor:
    """Add what twice (norm, activation, convolution) makes, gated where there is a gate."""
    out = h
    *pairs, gate_at = style.layers
    for norm, kernel in zip(pairs[::2], pairs[1::2], strict=True):
        at = f"{name}.branch.{norm}"
        out = F.batch_norm(out, w[f"{at}.running_mean"], w[f"{at}.running_var"], w[f"{at}.weight"], w[f"{at}.bias"])
        out = convolved(w, f"{name}.branch.{kernel}", style.activation(out))
    if f"{name}.branch.{gate_at}.conv.weight" in w:
        value, gate = convolved(w, f"{name}.branch.{gate_at}.conv", out).chunk(2, dim=1)
        out = style.gate(value) * torch.sigmoid(gate)
    return h + out


def merged(w: Weights, style: Style, name: str, a: Tensor, b: Tensor) -> Tensor:
    """Join two features by a 1-wide convolution and a residual block."""
    return residual(w, style, f"{name}.block", convolved(w, f"{name}.conv", torch.cat((a, b), dim=1)))


def stated_ladder(w: Weights, style: Style, x: Tensor, halves: tuple[bool, ...]) -> Tensor:
    """Return the features at the end of a ladder, with every latent at the mean of its posterior."""
    h = style.activation(convolved(w, "ladder.encoder.stem.0", x, style.edges))
    h = residual(w, style, "ladder.encoder.stem.2", h)
    bottom_up = []
    for level, is_halving in enumerate(halves):
        at = f"ladder.encoder.levels.{level}"
        if is_halving:
            h = convolved(w, f"{at}.0", h, style.edges, stride=2)
        h = _row(w, style, at, h, int(is_halving))
        bottom_up.append(h)
    top = len(halves) - 1
    for level in reversed(range(len(halves))):
        at = f"ladder.levels.{level}"
        q = bottom_up[level] if level == top else merged(w, style, f"{at}.merge", bottom_up[level], h)
        mean, _ = convolved(w, f"{at}.posterior_conv", q, style.edges).chunk(2, dim=1)
        z = convolved(w, f"{at}.latent_conv", mean, style.edges)
        h = z if level == top else merged(w, style, f"{at}.skip", z, h)
        h = _row(
            w, style, f"{at}.blocks", _enlarged(w, style, f"{at}.blocks.0", h) if halves[level] else h, halves[level]
        )
    return _row(w, style, "ladder.final", h, 0)


def _row(w: Weights, style: Style, name: str, h: Tensor, first: int) -> Tensor:
    for number in range(first, first + style.blocks):
        h = residual(w, style, f"{name}.{number}", h)
    return h


def _enlarged(w: Weights, style: Style, name: str, h: Tensor) -> Tensor:
    if style.is_transposed:
        weight, bias = w[f"{name}.weight"], w[f"{name}.bias"]
        return F.conv_transpose2d(h, weight, bias, stride=2, padding=1, output_padding=1)
    return convolved(w, f"{name}.conv", F.interpolate(h, scale_factor=2, mode="nearest"))
