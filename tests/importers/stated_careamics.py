"""The U-Net of CAREamics stated again in plain PyTorch, with the names that its weights have."""

from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def layer(kind: str, dims: int) -> Any:
    """Return a layer of PyTorch for planes or volumes."""
    return getattr(nn, f"{kind}{dims}d")


class Block(nn.Module):
    """Two convolutions, each with a batch norm that may be idle."""

    def __init__(self, dims: int, before: int, middle: int, after: int, *, norm: bool) -> None:
        super().__init__()
        self.norm = norm
        self.conv1 = layer("Conv", dims)(before, middle, 3, padding=1)
        self.conv2 = layer("Conv", dims)(middle, after, 3, padding=1)
        self.batch_norm1 = layer("BatchNorm", dims)(middle)
        self.batch_norm2 = layer("BatchNorm", dims)(after)

    def forward(self, h: Tensor) -> Tensor:
        for conv, norm in ((self.conv1, self.batch_norm1), (self.conv2, self.batch_norm2)):
            h = F.relu(norm(conv(h)) if self.norm else conv(h))
        return h


class Encoder(nn.Module):
    """Blocks and what pools between them, which has no weights."""

    def __init__(self, dims: int, channels: int, depth: int, width: int, *, norm: bool) -> None:
        super().__init__()
        widths = [channels, *(width << level for level in range(depth))]
        blocks = [
            each
            for before, after in pairwise(widths)
            for each in (Block(dims, before, after, after, norm=norm), nn.Identity())
        ]
        self.encoder_blocks = nn.ModuleList(blocks)


class Decoder(nn.Module):
    """The deepest block, and blocks with what enlarges between them, which has no weights."""

    def __init__(self, dims: int, depth: int, width: int, *, norm: bool, top_skip: bool) -> None:
        super().__init__()
        deepest = width << (depth - 1)
        self.bottleneck = Block(dims, deepest, 2 * deepest, deepest, norm=norm)
        blocks: list[nn.Module] = []
        for level in reversed(range(depth)):
            here, after = width << level, width << max(level - 1, 0)
            joined = 2 * here if level or top_skip else here
            blocks += [nn.Identity(), Block(dims, joined, here, after, norm=norm)]
        self.decoder_blocks = nn.ModuleList(blocks)


class UNet(nn.Module):
    """The whole network, in normalised units."""

    def __init__(
        self,
        *,
        dims: int = 2,
        channels: int = 1,
        depth: int = 2,
        width: int = 6,
        norm: bool = True,
        n2v2: bool = False,
        residual: bool = False,
    ) -> None:
        super().__init__()
        self.dims, self.n2v2, self.residual = dims, n2v2, residual
        self.encoder = Encoder(dims, channels, depth, width, norm=norm)
        self.decoder = Decoder(dims, depth, width, norm=norm, top_skip=not n2v2)
        self.final_conv = layer("Conv", dims)(width, channels, 1)

    def pool(self, h: Tensor) -> Tensor:
        """Halve the features."""
        if not self.n2v2:
            return F.max_pool2d(h, 2) if self.dims == 2 else F.max_pool3d(h, 2)
        line = torch.tensor([0.25, 0.5, 0.25])
        kernel = (line[:, None] * line).expand(h.shape[1], 1, 3, 3)
        return F.conv2d(F.max_pool2d(h, 2, stride=1), kernel, stride=2, padding=1, groups=h.shape[1])

    def forward(self, x: Tensor) -> Tensor:
        """Map normalised images to normalised images."""
        h, skips = x, []
        for block in list(self.encoder.encoder_blocks)[::2]:
            skips.append(block(h))
            h = self.pool(skips[-1])
        h = self.decoder.bottleneck(h)
        for block in list(self.decoder.decoder_blocks)[1::2]:
            h = F.interpolate(h, scale_factor=2, mode="bilinear" if self.dims == 2 else "trilinear")
            skip = skips.pop()
            h = block(torch.cat((h, skip), dim=1) if skips or not self.n2v2 else h)
        out: Tensor = self.final_conv(h)
        return out + x if self.residual else out
