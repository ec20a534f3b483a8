"""How a frame is cut into tiles: their size, and the halo around them."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Protocol, Self

from quietscope.errors import AxesError, ChannelError, SettingsError
from quietscope.tiling.grid import Tile, round_up, tile_grid
from quietscope.wording import typed

SHARE_OF_FREE_MEMORY = 0.25
"""How much of it a prediction takes: the estimate of what a method needs is no bound, and others live there too."""

MOST_PIXELS_ON_CPU = 1 << 20
"""Pixels of a tile with its halo on a CPU, however much memory is free: larger ones are slower. Noise2Void on a plane
of 2048 x 2048: 32 s of processor time and 6.0 GB in one piece, 24 s and 1.9 GB in tiles of 1024, 30 s in those of 256.
"""


def memory_for_tiles(free_bytes: int, limit_bytes: int | None = None) -> float:
    """Return the bytes that a tile may take: a share of what is free, and no more than the user allows."""
    share = SHARE_OF_FREE_MEMORY * free_bytes
    return share if limit_bytes is None else min(share, limit_bytes)


class Predictable(Protocol):
    """What has to be known of a method to cut frames for it; a `Method` knows it, and so does an exported model."""

    @property
    def spatial_dims(self) -> int:
        """2 or 3."""

    @property
    def size_multiple(self) -> tuple[int, ...]:
        """Image sizes must be multiples of these, one per spatial axis."""

    @property
    def orientations(self) -> tuple[int, ...]:
        """The turns of an image in its plane that augmentation may use, see `quietscope.tiling.orientations`."""

    @property
    def reach(self) -> tuple[int, ...]:
        """How far its image is blurred at the end, in pixels per spatial axis."""


_LEAST_HALO_YX = 32
# Slices are farther apart than pixels, so that fewer of them matter.
_LEAST_HALO_Z = 16


@dataclass(frozen=True)
class TileSpec:
    """How to cut frames for prediction.

    Attributes:
        size: Largest inner box, in pixels per spatial axis; rounded up to multiples of `Method.size_multiple`.
        halo: Pixels computed around it and dropped, rounded up likewise.
    """

    size: tuple[int, ...]
    halo: tuple[int, ...]

    def __post_init__(self) -> None:
        assert len(self.size) == len(self.halo), self

    @classmethod
    def of(cls, method: Predictable, size: int | Sequence[int], halo: int | Sequence[int] | None = None) -> Self:
        """Make a specification from what a user types.

        Args:
            method: The method that will predict.
            size: Inner size in pixels: one number for all spatial axes, or one each.
            halo: The same for the halo; `default_halo` where not given.

        Returns:
            The specification.

        Raises:
            SettingsError: If the size is not positive, the halo negative, or the number of entries wrong.
        """
        dims = method.spatial_dims
        sizes = (size,) * dims if isinstance(size, int) else tuple(size)
        halos = default_halo(method) if halo is None else (halo,) * dims if isinstance(halo, int) else tuple(halo)
        for name, values, least in (("tile size", sizes, 1), ("halo", halos, 0)):
            if len(values) != dims or min(values) < least:
                raise SettingsError(
                    f"a {name} of one or {dims} numbers, each at least {least}",
                    ", ".join(map(str, values)) or "none",
                    f"try `{typed(tile=512)}`, or leave it out",
                )
        return cls(sizes, halos)

    def grid(self, method: Predictable, size: Sequence[int], blocks: Sequence[int] | None = None) -> tuple[Tile, ...]:
        """Return the tiles of a frame.

        Args:
            method: The method.
            size: Size of the frame in pixels per spatial axis.
            blocks: Multiples of the method's `size_multiple` that no border of an inner box may cut, if any.

        Returns:
            The tiles, in the order of its pixels.
        """
        return tile_grid(size, self.size, self.halo, blocks or method.size_multiple)


def default_halo(method: Predictable) -> tuple[int, ...]:
    """Return the halo of a method, in pixels per spatial axis.

    ``2 * size_multiple``, at least 32 along Y and X and 16 along Z, and `Method.reach` on top. A ladder sees hundreds
    of pixels far, but hardly uses them. Root mean square of (tiled - untiled sample) in the outermost 4 pixels of a
    tile, as a share of the noise's deviation, for 5 levels (multiple 32) after 20 minutes of training on fluorescence
    images:

    ====  ======  ======  ======  ======  ======  ======
    halo  0       32      64      96      128     160
    edge  21 %    0.7 %   0.4 %   0.2 %   0.04 %  0 %
    ====  ======  ======  ======  ======  ======  ======

    Rounding to bfloat16 changes a sample by 0.4 %. Networks trained for few steps lean on their coarse levels and are
    less local: the published ladder of 6 levels (multiple 64) after 280 steps has 5 % at 64 pixels and 2.4 % at 128.
    """
    floors = (_LEAST_HALO_Z, _LEAST_HALO_YX, _LEAST_HALO_YX)[-method.spatial_dims :]
    widths = zip(method.size_multiple, floors, method.reach, strict=True)
    return tuple(round_up(max(2 * m, floor) + reach, m) for m, floor, reach in widths)


def automatic_tile(
    method: Predictable, size: Sequence[int], max_pixels: int, margin: Sequence[int] | None = None
) -> TileSpec:
    """Choose the largest tiles that fit.

    Args:
        method: The method that will predict.
        size: Size of the frames in pixels per spatial axis.
        max_pixels: Pixels of an outer box that the memory allows.
        margin: Pixels between inner box and halo that the estimators need, per spatial axis; none if None.

    Returns:
        One tile without halo where the padded frame fits. Otherwise tiles whose outer boxes have at most `max_pixels`,
        or the smallest ones there are, cut along those axes that cost least halo: the longest.
    """
    multiple, halo = method.size_multiple, default_halo(method)
    margins = margin or (0,) * len(multiple)
    around = tuple(round_up(h + m, each) for h, m, each in zip(halo, margins, multiple, strict=True))
    padded = tuple(round_up(length, m) for length, m in zip(size, multiple, strict=True))
    if prod(padded) <= max_pixels:
        return TileSpec(padded, (0,) * len(padded))
    pieces = [1] * len(padded)

    def inner(axis: int) -> int:
        return round_up(-(-padded[axis] // pieces[axis]), multiple[axis])

    def outer(axis: int) -> int:
        return padded[axis] if pieces[axis] == 1 else min(padded[axis], inner(axis) + 2 * around[axis])

    axes = range(len(padded))
    while prod(map(outer, axes)) > max_pixels:
        divisible = [axis for axis in axes if inner(axis) > multiple[axis]]
        if not divisible:
            break
        pieces[max(divisible, key=lambda axis: inner(axis) / max(around[axis], 1))] += 1
    return TileSpec(tuple(map(inner, axes)), halo)


def check_shape(spatial_dims: int, num_channels: int, shape: Sequence[int]) -> None:
    """Refuse a frame that does not fit a model.

    Args:
        spatial_dims: 2 or 3, of the model's images.
        num_channels: Their channels.
        shape: Shape of the frame, (C, *S).

    Raises:
        AxesError: If it has another number of dimensions than the model's images.
        ChannelError: If it has another number of channels.
    """
    if len(shape) != spatial_dims + 1:
        wanted = "(C, Z, Y, X)" if spatial_dims == 3 else "(C, Y, X)"
        raise AxesError(
            f"frames of {wanted} for a {spatial_dims}-D model",
            f"frames of shape {tuple(shape)}",
            f"denoise with `{typed(dims=spatial_dims)}`",
        )
    if shape[0] != num_channels:
        raise ChannelError(
            f"{num_channels} channel{'s' * (num_channels != 1)}, as in training",
            f"{shape[0]}",
            f"pick the channels that the model was trained on, e.g. `{typed(channels=list(range(num_channels)))}`"
            if shape[0] > num_channels
            else "denoise images of as many channels",
        )
