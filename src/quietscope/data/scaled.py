"""Arrays in units of their own, (x - mean) / std per channel, and sinks that bring results back to intensities."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from quietscope.io.image import ArrayLike, Sink, whole_key

Normalize: TypeAlias = Literal["together", "each"]
"""Whether all images share one mean and one deviation per channel, those of training, or each has its own."""


@dataclass(frozen=True, kw_only=True, eq=False)
class OwnUnits:
    """The units of one image.

    Attributes:
        mean: Intensity that stands for 0, per channel, float64, shape (C,).
        std: Intensities that stand for 1, per channel, float64, shape (C,), positive.
    """

    mean: npt.NDArray[np.float64]
    std: npt.NDArray[np.float64]

    def intensities(
        self, pixels: npt.NDArray[Any], spatial_dims: int, *, is_spread: bool = False
    ) -> npt.NDArray[np.float32]:
        """Return ``x std + mean`` of pixels (..., C, *S) with 2 or 3 spatial axes; of a spread ``x std``."""
        mean, std = (each.reshape(-1, *[1] * spatial_dims) for each in (self.mean, self.std))
        return (pixels * std if is_spread else pixels * std + mean).astype(np.float32)


@dataclass(frozen=True, kw_only=True, eq=False)
class Placed:
    """Units laid along the axes of an array.

    Attributes:
        units: The units.
        axes: One letter per axis; channels are counted along "C" first, then along "S".
        shape: Size along every axis.
    """

    units: OwnUnits
    axes: str
    shape: tuple[int, ...]

    def at(self, values: npt.NDArray[np.float64], key: Sequence[int | slice]) -> npt.NDArray[np.float64]:
        """Return one number per channel for a block, to be broadcast to its shape."""
        sizes = dict(zip(self.axes, self.shape, strict=True))
        channels = values.reshape([sizes[letter] for letter in "CS" if letter in sizes])
        if "C" in sizes and "S" in sizes and self.axes.index("S") < self.axes.index("C"):
            channels = channels.T
        laid = channels.reshape([size if letter in "CS" else 1 for letter, size in sizes.items()])
        whole = tuple(
            part if letter in "CS" else slice(None) if isinstance(part, slice) else 0
            for letter, part in zip(self.axes, key, strict=True)
        )
        return np.asarray(laid[whole])

    def normalized(self, block: npt.NDArray[Any], key: Sequence[int | slice]) -> npt.NDArray[np.float32]:
        """Return intensities of a block as ``(x - mean) / std``; what is NaN stays so."""
        mean, std = (self.at(values, key) for values in (self.units.mean, self.units.std))
        return ((block.astype(np.float64) - mean) / std).astype(np.float32)

    def intensities(
        self, block: npt.NDArray[Any], key: Sequence[int | slice], *, is_spread: bool
    ) -> npt.NDArray[np.float32]:
        """Return the intensities of a block, ``x std + mean``; of a spread ``x std``."""
        mean, std = (self.at(values, key) for values in (self.units.mean, self.units.std))
        return (block * std if is_spread else block * std + mean).astype(np.float32)


class ScaledArray:
    """An array that is read in units of its own, float32.

    Args:
        inner: The array in intensities, which may stand for one in which pixels are missing.
        axes: One letter per axis.
        units: Its units.
    """

    dtype = np.dtype(np.float32)

    def __init__(self, inner: ArrayLike, axes: str, units: OwnUnits) -> None:
        self.inner = inner
        self.shape: tuple[int, ...] = tuple(inner.shape)
        self.placed = Placed(units=units, axes=axes, shape=self.shape)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def units(self) -> OwnUnits:
        """Its units."""
        return self.placed.units

    def __getitem__(self, key: Any) -> npt.NDArray[np.float32]:
        """Read a block selected by integers and slices."""
        whole = whole_key(key, self.ndim)
        return self.placed.normalized(np.asarray(self.inner[key]), whole)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """Read all pixels into memory."""
        return np.asarray(self[...], dtype=dtype)

    def around(self, inner: ArrayLike) -> "ScaledArray":
        """Return another array in the same units."""
        return ScaledArray(inner, self.placed.axes, self.units)


@dataclass(frozen=True)
class Unscaled:
    """A sink that brings results in an image's own units back to intensities."""

    placed: Placed
    sink: Sink
    is_spread: bool

    def __setitem__(self, key: Any, block: Any, /) -> None:
        """Write a block at integers and slices; a leading axis, of samples or quantiles, may come first."""
        whole = tuple(key)[-len(self.placed.shape) :]
        self.sink[key] = self.placed.intensities(np.asarray(block), whole, is_spread=self.is_spread)
