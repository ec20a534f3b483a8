"""The signal decoder of DVLAE: a few convolutions from the code to the clean image.

Salmon, Krull 2025, arXiv 2310.07887.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from quietscope.nn.conv import ACTIVATIONS, Activation, conv

LAYERS = 4
_NDIM_OF_VOLUMES = 5


class SignalDecoder(nn.Module):
    """Four 3-wide convolutions with mirrored borders.

    Args:
        spatial_dims: 2 or 3.
        code_channels: Channels of the code.
        channels: Image channels.
        filters: Filters of the layers in between.
        activation: Non-linearity.
    """

    def __init__(
        self, spatial_dims: int, code_channels: int, channels: int, filters: int, activation: Activation
    ) -> None:
        super().__init__()
        widths = [code_channels, *[filters] * (LAYERS - 1)]
        self.layers = nn.ModuleList(_unpadded(spatial_dims, *pair) for pair in pairwise(widths))
        self.activation = ACTIVATIONS[activation]()
        self.head = _unpadded(spatial_dims, filters, channels)

    def forward(self, code: Tensor) -> Tensor:
        """Map the code (B, C_s, *S) to normalised images (B, C, *S), float32."""
        h = code
        for layer in self.layers:
            h = self.activation(layer(_mirrored(h)))
        # The output image is computed in float32; the 8 bits of bfloat16 would round it.
        with torch.autocast(h.device.type, enabled=False):
            out: Tensor = self.head(_mirrored(h.float()))
        return out


def _unpadded(spatial_dims: int, before: int, after: int) -> nn.Module:
    layer = conv(spatial_dims, before, after, 3)
    layer.padding = (0,) * spatial_dims
    return layer


def _mirrored(h: Tensor) -> Tensor:
    """Add one pixel on every side, the mirror image of the second outermost; an axis of one pixel is repeated."""
    # An exported network must accept volumes of a single plane too, which the padding of exchange formats does not.
    by_index = 1 if h.ndim == _NDIM_OF_VOLUMES and torch.compiler.is_exporting() else 0
    if not by_index and min(h.shape[2:]) == 1:
        by_index = h.ndim - 2
    for axis in range(2, 2 + by_index):
        last = h.shape[axis] - 1
        mirrored = last - (last - torch.arange(-1, last + 2, device=h.device).abs()).abs()
        h = h.index_select(axis, mirrored.clamp(min=0))
    around = [0 if axis < 2 + by_index else 1 for axis in reversed(range(2, h.ndim)) for _ in range(2)]
    return F.pad(h, around, mode="reflect") if any(around) else h
