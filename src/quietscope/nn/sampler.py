"""Drawing an image from a causal network, pixel after pixel, at a cost proportional to the length of a row.

Every layer stores its inputs of the row so far, so that a new pixel needs one multiplication by the weights of each
layer. Running the whole network again for every pixel would be more expensive by a factor of the length of the row.
"""

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor, nn

from quietscope.nn.autoregressive import CausalBlock, CausalConv, CausalNetwork
from quietscope.nn.pixel_mixture import PixelMixture

Mixture: TypeAlias = Callable[[Tensor], PixelMixture]
Rows: TypeAlias = Tensor
"""All rows of a batch, shape (R, length, channels); the middle axis is the one that pixels are drawn along."""


@torch.no_grad()
def sample_causally(network: CausalNetwork, mixture: Mixture, code: Tensor, choice: Tensor, noise: Tensor) -> Tensor:
    """Draw ``x[t] ~ p(x[t] | code, x[<t])`` for every t along the network's axis.

    Args:
        network: The network.
        mixture: Function from the output of the network, (B, out_channels, *S), to the density of the pixels.
        code: Code, shape (B, C_s, *S).
        choice: Random numbers, uniform on [0, 1), that choose the component of the mixture; shape (B, C, *S).
        noise: Standard normal random numbers, shape (B, C, *S).

    Returns:
        Images (B, C, *S), normalised units, float32.
    """
    axis = network.shape.axis
    with torch.autocast(code.device.type, enabled=False):
        if axis is None:
            out = network(torch.zeros_like(noise), code.float())
            return mixture(out).sample(choice, noise)
        rows = [_rows(part.float(), axis) for part in (code, choice, noise)]
        return _image(_sample_rows(network, mixture, *rows), noise.shape, axis)


def _sample_rows(network: CausalNetwork, mixture: Mixture, code: Rows, choice: Rows, noise: Rows) -> Rows:
    assert network.context is not None
    length = code.shape[1]
    blocks = [block for block in network.blocks if isinstance(block, CausalBlock)]
    # The contribution of the code is computed at the start, for all pixels at once.
    start = _pointwise(network.code, code)
    codes = [_pointwise(block.code, code) for block in blocks]
    x = torch.empty_like(noise)
    seen = _History(network.context, code.shape[0], length)
    histories = [_History(block.causal, code.shape[0], length) for block in blocks]
    for t in range(length):
        h = start[:, t] + seen.convolve(t)
        if network.mix is not None:
            h = _pointwise(network.mix, network.activation(h))
        for block, history, given in zip(blocks, histories, codes, strict=True):
            history.put(t, block.read(h))
            h = h + _pointwise(block.out, block.activation(history.convolve(t) + given[:, t]))
        out = _pointwise(network.head, network.leave(h))
        x[:, t] = mixture(out.unsqueeze(2)).sample(choice[:, t].unsqueeze(2), noise[:, t].unsqueeze(2)).squeeze(2)
        seen.put(t, x[:, t])
    return x


class _History:
    """The inputs of one convolution for the pixels drawn so far, with zeros before the first pixel."""

    def __init__(self, layer: CausalConv, num_rows: int, length: int) -> None:
        filters, channels, taps = layer.weight.shape
        self._reach = layer.reach
        self._past = layer.weight.new_zeros(num_rows, self._reach + length, channels)
        self._weight = layer.weight.permute(2, 1, 0).reshape(taps * channels, filters)
        self._bias = layer.bias
        self._offsets = torch.arange(taps, device=layer.weight.device) * layer.dilation

    def put(self, t: int, value: Tensor) -> None:
        """Store the input (R, channels) at pixel t."""
        self._past[:, self._reach + t] = value

    def convolve(self, t: int) -> Tensor:
        """Return the output (R, filters) of the convolution at pixel t."""
        seen = self._past[:, self._offsets + t].flatten(1)
        return torch.addmm(self._bias, seen, self._weight)


def _pointwise(layer: nn.Module, x: Tensor) -> Tensor:
    """Apply a 1-wide convolution to the last axis of ``x``."""
    weight, bias = layer.weight, layer.bias
    assert isinstance(weight, Tensor)
    assert isinstance(bias, Tensor)
    return torch.nn.functional.linear(x, weight.flatten(1), bias)


def _rows(x: Tensor, axis: int) -> Rows:
    """Rearrange images (B, C, *S) to rows (R, length, C)."""
    moved = x.movedim((1, 2 + axis), (-1, -2))
    return moved.reshape(-1, *moved.shape[-2:]).contiguous()


def _image(rows: Rows, shape: torch.Size, axis: int) -> Tensor:
    """Rearrange rows (R, length, C) back to images (B, C, *S)."""
    size = list(shape)
    length, channels = size.pop(2 + axis), size.pop(1)
    return rows.reshape(*size, length, channels).movedim((-1, -2), (1, 2 + axis)).contiguous()
