"""Pixels that are made of stored ones while they are read: signed numbers, and colours without their opacity."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from quietscope.io.image import ArrayLike, LazyArray, Opened, whole_key

_OFFSET = 1 << 15
NO_OPACITY = "the opacity (alpha channel) is left out: it is the same everywhere, and was not measured."


class _Derived:
    """An array of which blocks are computed from blocks of another."""

    def __init__(self, read: Callable[[Any], Any]) -> None:
        self._read = read

    def __getitem__(self, key: Any, /) -> Any:
        return self._read(key)


def signed(stored: LazyArray) -> LazyArray:
    """Return uint16 pixels that were stored 32768 too high as the int16 that they stand for."""
    return LazyArray(partial(_open_signed, stored), stored.shape, np.int16, stored.path)


def _open_signed(stored: LazyArray) -> Opened:
    return Opened(_Derived(lambda key: (stored[key].astype(np.int32) - _OFFSET).astype(np.int16)))


def without_last_sample(stored: LazyArray) -> LazyArray:
    """Return pixels without the last of their samples, the last axis; that axis is gone if only one is left."""
    shape = (*stored.shape[:-1], stored.shape[-1] - 1)
    grey = shape[-1] == 1
    open_array = partial(_open_without_last, stored, grey)
    return LazyArray(open_array, shape[:-1] if grey else shape, stored.dtype, stored.path)


def _open_without_last(stored: LazyArray, grey: bool) -> Opened:
    def read(key: Any) -> Any:
        *parts, samples = whole_key(key, stored.ndim - 1 if grey else stored.ndim) + ((0,) if grey else ())
        return stored[(*parts, ...)][..., : stored.shape[-1] - 1][..., samples]

    return Opened(_Derived(read))


def is_opaque(pixels: ArrayLike) -> bool:
    """Return whether the last sample of every pixel, its opacity, is one and the same: it says nothing of the image.

    Args:
        pixels: Integers, samples last.
    """
    first = pixels[(0,) * (pixels.ndim - 1) + (-1,)]
    if pixels.ndim < 4:
        return bool(np.all(np.asarray(pixels[..., -1]) == first))
    planes = np.ndindex(*pixels.shape[: pixels.ndim - 3])
    return all(np.all(np.asarray(pixels[(*at, ..., -1)]) == first) for at in planes)
