"""Blind spots: pixels that are hidden from a network, which is trained to predict them from their neighbours.

Krull, Buchholz, Jug, "Noise2Void", CVPR 2019; median replacement: Höck et al., "N2V2", ECCVW 2022; masks along an axis
for noise that is correlated along it: Broaddus, Krull, Weigert, Schmidt, Myers, "Removing structured noise with
self-supervised blind-spot networks", ISBI 2020. Random numbers come from PyTorch's global generator on the device of
the patches.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Literal, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

Replacement: TypeAlias = Literal["uniform", "uniform_with_centre", "median"]
MaskAxes: TypeAlias = Literal["none", "x", "y", "both"]


@dataclass(frozen=True)
class Blinded:
    """Patches with blind spots.

    Attributes:
        pixels: The patches with every blind pixel replaced, (B, C, *S).
        index: Flat spatial index of each blind spot, (B, P).
        weight: 1 for each blind spot, 0 for entries of ``index`` outside the image, (B, P).
    """

    pixels: Tensor
    index: Tensor
    weight: Tensor

    def at_spots(self, image: Tensor) -> Tensor:
        """Return the values of an image (B, C, *S) at the blind spots, (B, C, P)."""
        return _gather(image, self.index)

    def mean_square(self, predicted: Tensor, observed: Tensor, known: Tensor | None = None) -> Tensor:
        """Return ``mean over blind spots of (observed - predicted)^2``, a scalar.

        Args:
            predicted: Images (B, C, *S).
            observed: Images of the same shape.
            known: True where pixels were measured, same shape; others count as 0. None where all were.
        """
        return self.mean((self.at_spots(predicted) - self.at_spots(observed)).square(), known)

    def mean(self, values: Tensor, known: Tensor | None = None) -> Tensor:
        """Return the mean of values at the blind spots, (B, C, P), over blind spots and channels, a scalar.

        Args:
            values: One value per blind spot and channel, see `at_spots`.
            known: True where pixels were measured, (B, C, *S); values of others count as 0. None where all were.
        """
        if known is not None:
            values = torch.where(self.at_spots(known), values, 0.0)
        return (values.mean(dim=1) * self.weight).sum() / self.weight.sum().clamp(min=1.0)


@dataclass(frozen=True, kw_only=True)
class BlindSpots:
    """How pixels are hidden.

    In each box of a regular grid one pixel at a random place is hidden (stratified sampling). The hidden pixel, and
    with `mask_axes` also a line of `mask_extent` pixels around it, is replaced by other pixels of a window around it.
    Neither the pixel itself nor its line is used as a replacement, not even at the borders of the image, except that
    "uniform_with_centre" may leave a pixel as it is.

    Attributes:
        spatial_dims: 2 or 3.
        share: Share of the pixels that are hidden, 0 to 1.
        window: Side of the window that replacements are taken from, in pixels, odd.
        replacement: "uniform" takes a random other pixel of the window, "uniform_with_centre" any random pixel of it,
            "median" the median of all other pixels.
        mask_axes: Axes along which a line around each blind spot is hidden too.
        mask_extent: Length of this line in pixels, odd.
    """

    spatial_dims: int
    share: float
    window: int
    replacement: Replacement
    mask_axes: MaskAxes = "none"
    mask_extent: int = 1

    def apply(self, x: Tensor) -> Blinded:
        """Return patches ``x`` (B, C, *S) with some of their pixels hidden."""
        size = tuple(x.shape[2:])
        spots = self._spots(len(x), size, x.device)
        weight = _inside(spots, size)
        hidden = spots[:, :, None] + self.hidden_offsets.to(x.device)
        values = self._replacements(x, spots, size)
        flat = x.flatten(2)
        # Values for places outside the image are written to one extra pixel at the end, which is then cut off.
        padded = torch.cat((flat, flat[:, :, :1]), dim=2)
        usable = _inside(hidden, size) & weight[:, :, None]
        target = torch.where(usable, _flat_index(hidden, size), flat.shape[2]).flatten(1)
        padded = padded.scatter(2, target[:, None].expand(-1, x.shape[1], -1), values.flatten(2))
        pixels = padded[:, :, :-1].reshape(x.shape)
        return Blinded(pixels, _flat_index(spots, size), weight.float())

    @cached_property
    def hidden_offsets(self) -> Tensor:
        """Offsets from a blind spot to the pixels hidden with it, itself included, (H, spatial_dims)."""
        reach = self.mask_extent // 2
        steps = range(-reach, reach + 1)
        along = {"none": (), "x": (self.spatial_dims - 1,), "y": (self.spatial_dims - 2,)}
        axes = along["x"] + along["y"] if self.mask_axes == "both" else along[self.mask_axes]
        hidden = {(0,) * self.spatial_dims}
        hidden |= {tuple(step if a == axis else 0 for a in range(self.spatial_dims)) for axis in axes for step in steps}
        return torch.tensor(sorted(hidden))

    @cached_property
    def source_offsets(self) -> Tensor:
        """Offsets from a blind spot to possible replacements: the window without hidden pixels, (K, spatial_dims)."""
        reach = self.window // 2
        hidden = {tuple(offset) for offset in self.hidden_offsets.tolist()}
        if self.replacement == "uniform_with_centre":
            assert hidden == {(0,) * self.spatial_dims}, "a line would show the pixel that it is hidden with"
            hidden = set()
        window = product(range(-reach, reach + 1), repeat=self.spatial_dims)
        return torch.tensor([offset for offset in window if offset not in hidden])

    def _spots(self, batch: int, size: tuple[int, ...], device: torch.device) -> Tensor:
        """Draw one spot per box, (B, P, spatial_dims); spots of the last boxes can lie outside the image."""
        side = max(1, round(self.share ** (-1.0 / self.spatial_dims)))
        boxes = [torch.arange(0, length, side, device=device) for length in size]
        corners = torch.cartesian_prod(*boxes).reshape(-1, self.spatial_dims)
        return corners + torch.randint(side, (batch, len(corners), self.spatial_dims), device=device)

    def _replacements(self, x: Tensor, spots: Tensor, size: tuple[int, ...]) -> Tensor:
        """Return the replacement of every hidden pixel, (B, C, P, H)."""
        sources = spots[:, :, None] + self.source_offsets.to(x.device)
        inside = _inside(sources, size)
        index = torch.where(inside, _flat_index(sources, size), 0)
        num_hidden = len(self.hidden_offsets)
        if self.replacement == "median":
            values = _gather(x, index.flatten(1)).reshape(*x.shape[:2], *index.shape[1:])
            return _median(values, inside[:, None]).expand(-1, -1, -1, num_hidden)
        scores = torch.rand(*inside.shape[:2], num_hidden, inside.shape[2], device=x.device)
        chosen = torch.where(inside[:, :, None], scores, -1.0).argmax(dim=-1)
        picked = index.gather(2, chosen)
        return _gather(x, picked.flatten(1)).reshape(*x.shape[:2], *picked.shape[1:])


def mean_of_neighbours(x: Tensor) -> Tensor:
    """Return the mean of the eight neighbours in the plane of every pixel of x (B, C, *S); mirrored at the edges."""
    planes = F.pad(x.reshape(-1, 1, *x.shape[-2:]), (1, 1, 1, 1), mode="reflect")
    kernel = torch.full((1, 1, 3, 3), 1 / 8, dtype=x.dtype, device=x.device)
    kernel[..., 1, 1] = 0.0
    return F.conv2d(planes, kernel).reshape(x.shape)


def _median(values: Tensor, counts: Tensor) -> Tensor:
    """Return the median of those values (B, C, P, K) for which ``counts`` (B, 1, P, K) is true.

    For an even number of values it is the mean of the middle two, as in NumPy; it is 0 for spots outside the image,
    which have no values.
    """
    ordered = torch.where(counts, values, torch.inf).sort(dim=-1).values
    number = counts.sum(dim=-1, keepdim=True).expand(*values.shape[:-1], 1)
    low, high = ((number - 1) // 2).clamp(min=0), (number // 2).clamp(max=values.shape[-1] - 1)
    middle = 0.5 * (ordered.gather(-1, low) + ordered.gather(-1, high))
    return torch.where(number > 0, middle, 0.0)


def _inside(coordinates: Tensor, size: tuple[int, ...]) -> Tensor:
    limits = torch.tensor(size, device=coordinates.device)
    return ((coordinates >= 0) & (coordinates < limits)).all(dim=-1)


def _flat_index(coordinates: Tensor, size: tuple[int, ...]) -> Tensor:
    """Return flat indices of coordinates (..., spatial_dims); coordinates outside are moved to the nearest pixel."""
    index = torch.zeros_like(coordinates[..., 0])
    for axis, length in enumerate(size):
        index = index * length + coordinates[..., axis].clamp(0, length - 1)
    return index


def _gather(image: Tensor, index: Tensor) -> Tensor:
    """Return the pixels of an image (B, C, *S) at flat indices (B, N), shape (B, C, N)."""
    return image.flatten(2).gather(2, index[:, None].expand(-1, image.shape[1], -1))
