"""A denoiser of Gaussian noise of standard deviation 1, for images on a scale where the noise has that width.

A residual U-Net without normalisation layers, as DRUNet (Zhang, Li, Zuo, Zhang, Van Gool, Timofte, "Plug-and-Play Image
Restoration with Deep Denoiser Prior", IEEE TPAMI 2022), at half resolution from the start, as FFDNet (Zhang, Zuo,
Zhang, IEEE TIP 2018). Both take the noise level as an input; here the image is divided by it, which is the same
information with one scale fewer to learn. Noise may be correlated along rows; how it is, the network is told as those
are told a noise level: by `LAGS` numbers, which every level receives as an offset of its channels.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class UnitNoiseShape:
    """Everything that determines the layers of a `UnitNoiseNet`.

    Attributes:
        widths: Filters of each level; the first works on blocks of `BLOCK` x `BLOCK` pixels, every further one at half
            the resolution of the one before.
        blocks: Residual blocks of each level, on the way down and again on the way up; the deepest level has them once.
    """

    widths: tuple[int, ...] = (48, 96, 160)
    blocks: tuple[int, ...] = (2, 2, 2)

    def __post_init__(self) -> None:
        assert len(self.widths) == len(self.blocks) > 0, self

    @property
    def reduction(self) -> int:
        """Image pixels per pixel of the deepest level."""
        return BLOCK << (len(self.widths) - 1)


BLOCK = 2
"""Side of the blocks of pixels that are gathered into channels."""

MOST_LOG = 12.0
"""Largest size of the logarithm of the variance of an error: beyond it nothing is learnt, and nothing overflows."""

LAGS = (1, 2, 4, 8)
"""Distances along a row, in pixels, at which the network is told the correlation of the noise."""


class PlainBlock(nn.Module):
    """x plus two 3-wide convolutions of it with a ReLU between, the second initialised with zeros.

    Args:
        width: Channels in and out.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output, shape (B, C, Y, X) in and out."""
        out: Tensor = x + self.second(F.relu(self.first(x)))
        return out


class UnitNoiseNet(nn.Module):
    """The denoiser f of ``x = u + n``, n Gaussian noise of standard deviation 1; ``f(x, r)`` estimates ``E[u|x]``.

    The noise is white across rows; along them r is its correlation at the distances `LAGS`.

    Args:
        shape: Widths and blocks.
        with_variance: Whether it has the layers that `moments` needs.
    """

    def __init__(self, shape: UnitNoiseShape, *, with_variance: bool = True) -> None:
        super().__init__()
        self.shape = shape
        widths, blocks = shape.widths, shape.blocks
        self.stem = nn.Conv2d(BLOCK**2, widths[0], 3, padding=1)
        self.rows = nn.ModuleList(_untold(width) for width in widths)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        self.sink, self.rise = nn.ModuleList(), nn.ModuleList()
        for here, below, number in zip(widths, widths[1:], blocks, strict=False):
            self.down.append(_blocks(here, number))
            self.sink.append(nn.Conv2d(here, below, 2, stride=2))
            self.rise.append(nn.ConvTranspose2d(below, here, 2, stride=2))
            self.up.append(_blocks(here, number))
        self.deepest = _blocks(widths[-1], blocks[-1])
        self.head = nn.Conv2d(widths[0], BLOCK**2, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        self.spread = nn.Conv2d(widths[0], widths[0], 3, padding=1) if with_variance else None
        self.spread_head = nn.Conv2d(widths[0], BLOCK**2, 3, padding=1) if with_variance else None

    def forward(self, x: Tensor, correlation: Tensor) -> Tensor:
        """Denoise images with noise of standard deviation 1.

        Args:
            x: Images (B, 1, Y, X), sides multiples of the reduction.
            correlation: Of the noise along rows, one per distance of `LAGS`, shape (B, 4) or (1, 4); 0 where it is
                white.
        """
        return self._denoised(x, self._features(x, correlation))

    def moments(self, x: Tensor, correlation: Tensor) -> tuple[Tensor, Tensor]:
        """Return the denoised images and the logarithm of the variance of their error, ``log E[(f(x) - u)^2 | x]``.

        What the variance is learnt by does not change the denoised images: in training its layers pass no gradients
        on.
        """
        assert self.spread is not None
        assert self.spread_head is not None
        features = self._features(x, correlation)
        read = (features.detach() if self.training else features).float()
        with torch.autocast(x.device.type, enabled=False):
            log_variance: Tensor = F.pixel_shuffle(self.spread_head(F.relu(self.spread(read))), BLOCK)
        return self._denoised(x, features), log_variance.clamp(-MOST_LOG, MOST_LOG)

    def _features(self, x: Tensor, correlation: Tensor) -> Tensor:
        told = [rows(correlation[..., None, None]) for rows in self.rows]
        start = self.stem(F.pixel_unshuffle(x, BLOCK)) + told[0]
        skips = []
        h = start
        for block, sink, here in zip(self.down, self.sink, told[1:], strict=True):
            skips.append(block(h))
            h = sink(skips[-1]) + here
        h = self.deepest(h)
        for block, rise, skip in zip(reversed(self.up), reversed(self.rise), reversed(skips), strict=True):
            h = block(rise(h) + skip)
        features: Tensor = h + start
        return features

    def _denoised(self, x: Tensor, features: Tensor) -> Tensor:
        # The last layer gives what is to be added to the image, the estimated noise with its sign turned.
        with torch.autocast(x.device.type, enabled=False):
            out: Tensor = x.float() + F.pixel_shuffle(self.head(features.float()), BLOCK)
        return out


def _untold(width: int) -> nn.Conv2d:
    """Return a layer that hands on nothing of what it is told, until it has learnt to."""
    layer = nn.Conv2d(len(LAGS), width, 1)
    nn.init.zeros_(layer.weight)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer


def _blocks(width: int, number: int) -> nn.Sequential:
    return nn.Sequential(*[PlainBlock(width) for _ in range(number)])
