"""Zeiss CZI, read with pylibCZIrw: scenes as series, mosaics put together, phases and views as axes of their own."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from quietscope.errors import ImageFileError
from quietscope.io.declared_size import check_declared
from quietscope.io.format import Format
from quietscope.io.image import Image, LazyArray, Opened, check_series, truncated
from quietscope.io.lossy import loss_words
from quietscope.io.unrecorded import judged
from quietscope.io.vendors.block_array import Blocks, Box
from quietscope.io.vendors.czi_directory import check_directory
from quietscope.io.vendors.czi_metadata import metadata_of, scene_names
from quietscope.optional import imported

MAGIC = b"ZISRAWFILE\x00\x00\x00\x00\x00\x00"
_ORDER = "TVIRBHCZ"
"""Axes beside Y and X: time, view, illumination, rotation, acquisition block, phase (Airyscan), channel, depth."""
_DTYPES = {
    "Gray8": ("u1", 1),
    "Gray16": ("u2", 1),
    "Gray32Float": ("f4", 1),
    "Bgr24": ("u1", 3),
    "Bgr48": ("u2", 3),
    "Bgr96Float": ("f4", 3),
}
_LOSSY = {1: ("JPEG", True), 4: ("JPEG XR", False)}
_CACHE_BYTES, _CACHE_TILES = 1 << 27, 64
_MOST_MASK = 1 << 28

Tile: TypeAlias = tuple[int, int, int, int]
"""Left, top, width, height, in pixels of the scene."""


@dataclass(frozen=True)
class _Scene:
    """What one scene holds.

    Attributes:
        number: Its number in the file; None where the file has no scenes.
        axes: Those axes of `_ORDER` that are longer than 1.
        places: The numbers that planes have along each axis of `_ORDER`, sorted.
        corner: Left and top of its pixels in the file.
        size: Height and width.
        tiles: Where the tiles of each plane lie, by the plane's place along `_ORDER`.
        packed: Numbers of the ways in which tiles are compressed.
    """

    number: int | None
    axes: str
    places: Mapping[str, tuple[int, ...]]
    corner: tuple[int, int]
    size: tuple[int, int]
    tiles: Mapping[tuple[int, ...], frozenset[Tile]]
    packed: frozenset[int]

    @property
    def counts(self) -> tuple[int, ...]:
        """Number of planes along `axes`."""
        return tuple(len(self.places[letter]) for letter in self.axes)


def read(path: Path, series: int) -> Image:
    """Open one scene of a CZI file.

    Args:
        path: The file.
        series: Index of the scene.

    Returns:
        The image with lazy pixels; axes of length 1 are left out.

    Raises:
        ImageFileError: If the file is cut, is one part of several, has pixels of other types, or has no such scene.
    """
    imported("pylibCZIrw", ImageFileError, "czi")
    check_directory(path)
    with ExitStack() as files:
        document = _document(path, files)
        numbers = sorted(document.scenes_bounding_rectangle_no_pyramid) or [None]
        check_series(path, series, len(numbers))
        scene = _survey(path, document, numbers[series])
        metadata = document.metadata
        dtype, samples = _pixel_type(path, document, scene)
    block = (*scene.size, 3) if samples == 3 else scene.size
    count, mask = _missing(path, scene)
    counts = scene.counts if count is None else (count, *scene.counts[1:])
    check_declared(path, (*counts, *block), dtype)
    open_array = partial(_open, path, replace(scene, tiles={}), counts, block, dtype)
    return Image(
        LazyArray(open_array, (*counts, *block), dtype, path),
        f"{scene.axes}YX{'S' if samples == 3 else ''}",
        path=path,
        num_series=len(numbers),
        series_names=scene_names(metadata, numbers),
        mask=mask,
        caveats=tuple(_caveats(scene)),
        **metadata_of(metadata, scene.axes, scene.places["C"]),
    )


def _caveats(scene: _Scene) -> Iterator[str]:
    tiles = max(map(len, scene.tiles.values()))
    if tiles > 1:
        yield f"it is a mosaic of {tiles} tiles, put together by where the stage stood."
    for number in sorted(scene.packed & set(_LOSSY)):
        name, is_certain = _LOSSY[number]
        yield loss_words(name, is_certain=is_certain)


def _document(path: Path, files: ExitStack) -> Any:
    czi = imported("pylibCZIrw.czi", ImageFileError, "czi")
    options = czi.CacheOptions(czi.CacheType.Standard, _CACHE_BYTES, _CACHE_TILES)
    return files.enter_context(czi.open_czi(str(path), cache_options=options))


def _survey(path: Path, document: Any, number: int | None) -> _Scene:
    """Go through the directory of a scene; no pixel is read."""
    found: dict[tuple[int, ...], set[Tile]] = {}
    packed: set[int] = set()

    def note(_: int, info: Any) -> bool:
        at, tile = info.coordinate.to_dict(), info.logicalRect
        place = tuple(int(at.get(letter, 0)) for letter in _ORDER)
        found.setdefault(place, set()).add((tile.x, tile.y, tile.w, tile.h))
        packed.add(int(info.compressionModeRaw))
        return True

    of_scene = None if number is None else {"S": number}
    document.enumerate_subblocks_subset(note, plane=of_scene, only_layer0=True)
    if not found:
        raise truncated(path, size=path.stat().st_size)
    places = {letter: tuple(sorted({place[at] for place in found})) for at, letter in enumerate(_ORDER)}
    every = [tile for tiles in found.values() for tile in tiles]
    left, top = min(tile[0] for tile in every), min(tile[1] for tile in every)
    width, height = max(tile[0] + tile[2] for tile in every) - left, max(tile[1] + tile[3] for tile in every) - top
    tiles = {place: frozenset((x - left, y - top, w, h) for x, y, w, h in each) for place, each in found.items()}
    axes = "".join(letter for letter in _ORDER if len(places[letter]) > 1)
    return _Scene(number, axes, places, (left, top), (height, width), tiles, frozenset(packed))


def _pixel_type(path: Path, document: Any, scene: _Scene) -> tuple[np.dtype[Any], int]:
    """Return the data type that all channels fit into, and 3 samples for colour, else 1."""
    types = document.pixel_types
    names = [str(types[channel]) for channel in scene.places["C"] if channel in types]
    kinds = {_DTYPES.get(name) for name in names}
    samples = {kind[1] for kind in kinds if kind is not None}
    if None in kinds or len(samples) != 1:
        fix = "save the channels as grey images of 8 or 16 bits in ZEN" if None in kinds else "save them as two images"
        raise ImageFileError(f"channels of {path} that are all grey or all in colour", ", ".join(names) or "none", fix)
    return np.result_type(*(np.dtype(kind[0]) for kind in kinds if kind is not None)), samples.pop()


def _missing(path: Path, scene: _Scene) -> tuple[int | None, npt.NDArray[np.bool_] | None]:
    """Return how many frames were recorded, where fewer than promised, and which pixels were, where not all."""
    planes = _planes(scene)
    recorded = np.array([place in scene.tiles for place in planes])
    count, mask = judged(path, recorded, (*scene.counts, *scene.size), f"{scene.axes}YX")
    sets = {scene.tiles.get(place, frozenset()) for place in planes} - {frozenset()}
    covers = {tiles: _covered(scene.size, tiles) for tiles in sets if not _is_whole(scene.size, tiles)}
    if not covers:
        return count, mask
    counts = scene.counts if count is None else (count, *scene.counts[1:])
    shape = (*(1,) * len(counts), *scene.size) if len(sets) == 1 else (*counts, *scene.size)
    if np.prod(shape, dtype=float) > _MOST_MASK:
        return count, mask
    if len(sets) == 1:
        one = covers[next(iter(sets))].reshape(shape)
        return count, one if mask is None else mask & one
    whole = np.ones(scene.size, bool)
    kept = planes[: int(np.prod(counts, dtype=int))]
    nothing = np.zeros(scene.size, bool)
    each = [covers.get(scene.tiles[place], whole) if place in scene.tiles else nothing for place in kept]
    return count, np.stack(each).reshape(shape)


def _planes(scene: _Scene) -> list[tuple[int, ...]]:
    """Return the places along `_ORDER` of all planes that there should be, the last axis fastest."""
    grid = np.meshgrid(*(scene.places[letter] for letter in _ORDER), indexing="ij")
    return [tuple(map(int, place)) for place in zip(*(each.ravel() for each in grid), strict=True)]


def _covered(size: Sequence[int], tiles: frozenset[Tile]) -> npt.NDArray[np.bool_]:
    covered = np.zeros(size, bool)
    for x, y, width, height in tiles:
        covered[y : y + height, x : x + width] = True
    return covered


def _is_whole(size: Sequence[int], tiles: frozenset[Tile]) -> bool:
    """Return whether tiles leave no gap, as fast as it can be told."""
    whole = any((width, height) == (size[1], size[0]) for _, _, width, height in tiles)
    return whole or bool(_covered(size, tiles).all())


def _open(path: Path, scene: _Scene, counts: Sequence[int], block: Sequence[int], dtype: np.dtype[Any]) -> Opened:
    with ExitStack() as files:
        document = _document(path, files)
        return Opened(Blocks(partial(_read, document, scene), counts, block, dtype), files.pop_all().close)


def _read(document: Any, scene: _Scene, place: tuple[int, ...], box: Box) -> npt.NDArray[Any]:
    at = {letter: scene.places[letter][0] for letter in _ORDER}
    at |= {letter: scene.places[letter][number] for letter, number in zip(scene.axes, place, strict=True)}
    rows, columns = box[:2]
    corner = (scene.corner[0] + columns.start, scene.corner[1] + rows.start)
    roi = (*corner, columns.stop - columns.start, rows.stop - rows.start)
    pixels: npt.NDArray[Any] = document.read(roi=roi, plane=at, scene=scene.number)
    return pixels[..., 0] if pixels.shape[-1] == 1 else pixels[..., ::-1][..., box[2]]  # stored blue first


FORMAT = Format(name="CZI", suffixes=(".czi",), read=read, begins=lambda head: head.startswith(MAGIC[:10]))
