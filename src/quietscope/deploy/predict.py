"""Denoising with an exported model, tile by tile, without PyTorch: mean, deviation, samples, the deconvolved image.

Tiles, halos, mirrored borders and latent noise are those of `quietscope.prediction`, so results are the same up to
rounding.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Any, TypeAlias

import numpy as np

from quietscope.axes import Layout
from quietscope.deploy.card import Card
from quietscope.deploy.moments import Moments
from quietscope.deploy.noise import tile_noise
from quietscope.deploy.session import Array, Session
from quietscope.errors import SettingsError
from quietscope.io.image import Image, Sink
from quietscope.io.pixel_check import CheckedArray
from quietscope.main_memory import free_main_memory
from quietscope.tiling.border import ReadBox, read_outer
from quietscope.tiling.grid import Tile
from quietscope.tiling.kinds import chosen_kinds, kinds_within
from quietscope.tiling.request import DEFAULT_REQUEST, Entry, Request
from quietscope.tiling.spec import SHARE_OF_FREE_MEMORY, automatic_tile, check_shape

Progress: TypeAlias = Callable[[int, int], None]
"""Receives (samples of tiles done, samples of tiles in all)."""

_BYTES_OF_MOMENTS = 6 * 4
# An exported model encodes an image anew in every call; more samples a call spread that over them.
_PIXELS_AT_ONCE = 1 << 20
_MOST_AT_ONCE = 16


@dataclass(frozen=True, kw_only=True)
class LeanPredictor:
    """An exported model that denoises images of any size without PyTorch.

    Attributes:
        session: The model.
    """

    session: Session

    @staticmethod
    def can(kinds: Iterable[str], augment: bool) -> bool:
        """Tell whether results of these kinds need no PyTorch."""
        return not any(kind.needs_torch for kind in chosen_kinds(kinds)) and not augment

    def denoise_into(
        self,
        image: Image,
        sinks: Mapping[str, Sink],
        request: Request = DEFAULT_REQUEST,
        *,
        progress: Progress | None = None,
    ) -> None:
        """Denoise an image into arrays or writers; see `quietscope.Deployed.denoise_into`.

        Args:
            image: The noisy image.
            sinks: Where results go, by kind; those that need no PyTorch.
            request: How to predict, not augmented.
            progress: Called with (done, total) posterior samples.

        Raises:
            QuietScopeError: If the image does not fit the model, holds NaN or infinite pixels, or the model does not
                give what is asked for.
        """
        assert self.can(sinks, request.augment), f"PyTorch is needed for some of {', '.join(sinks)}"
        card = self.session.card
        predict_image(
            self.session,
            image.layout(card.spatial_dims),
            CheckedArray(image.data, str(image.path or "the image")),
            sinks=sinks,
            request=replace(request, spread=request.spread * card.spread_factor),
            progress=progress,
        )


def predict_image(
    session: Session,
    layout: Layout,
    array: Any,
    *,
    sinks: Mapping[str, Sink],
    request: Request,
    progress: Progress | None = None,
) -> None:
    """Denoise every frame of an image of any size, reading and writing one tile at a time.

    Args:
        session: The model.
        layout: How the dimensions of `array` map to frames, channels and space.
        array: The noisy image: anything that is indexed like a NumPy array.
        sinks: Where results go, by kind.
        request: How to predict.
        progress: Called after each call of the model.

    Raises:
        AxesError: If the layout's frames have another number of dimensions than the model's.
        ChannelError: If they have another number of channels.
        SettingsError: If the model does not give what is asked for.
    """
    card = session.card
    check_shape(card.spatial_dims, card.num_channels, layout.frame_shape)
    _check_sinks(card, sinks)
    most = _most_pixels(card)
    spec = request.tiles_for(card) or automatic_tile(card, layout.spatial_shape, most)
    tiles = spec.grid(card, layout.spatial_shape)
    per_tile = request.num_samples if card.samples else 1
    done, total = 0, per_tile * len(tiles) * layout.num_frames
    for frame in range(layout.num_frames):
        for tile in tiles:
            where = _Where(layout=layout, frame=frame, tile=tile)
            x = read_outer(_reader(layout, array, frame), layout.spatial_shape, tile)[None]
            for finished in _draw(session, x, where, sinks, request, most):
                done += finished
                if progress:
                    progress(done, total)


@dataclass(frozen=True, kw_only=True)
class _Where:
    """One tile of one frame of an image."""

    layout: Layout
    frame: int
    tile: Tile

    def kept(self, images: Array) -> Array:
        """Cut images of the outer box, (..., *outer), to the inner one."""
        index: tuple[Any, ...] = (..., *self.tile.inner_in_outer)
        inner: Array = images[index]
        return inner

    def put(self, sink: Sink, image: Array) -> None:
        """Write an image of the inner box, (C, *inner)."""
        self.layout.put_region(sink, self.frame, self.tile.inner, image)


def _draw(
    session: Session, x: Array, where: _Where, sinks: Mapping[str, Sink], request: Request, most: int
) -> Iterator[int]:
    """Compute and write everything there is of one tile; yields how many images were made."""
    if not session.card.samples:
        found = session.run(x)
        for name, sink in (("denoised", sinks.get("mean")), ("deconvolved", sinks.get("deconvolved"))):
            if sink is not None:
                where.put(sink, where.kept(found[name])[0])
        yield 1
        return
    moments = Moments()
    pixels = prod(where.tile.outer_shape)
    at_once = max(1, min(_MOST_AT_ONCE, min(_PIXELS_AT_ONCE, most) // pixels))
    for first in range(0, request.num_samples, at_once):
        numbers = range(first, min(first + at_once, request.num_samples))
        noise = tile_noise(session.card.latents, where.tile, seed=request.seed, frame=where.frame, samples=numbers)
        drawn = where.kept(session.run(x, noise)["sample"])
        moments.update(drawn)
        if "samples" in sinks:
            for number, sample in zip(numbers, drawn, strict=True):
                where.put(Entry(sinks["samples"], number), sample)
        yield len(numbers)
    if "mean" in sinks:
        where.put(sinks["mean"], moments.mean())
    if "std" in sinks:
        where.put(sinks["std"], np.float32(request.spread) * moments.std())


def _reader(layout: Layout, array: Any, frame: int) -> ReadBox:
    return lambda box: layout.region(array, frame, box)


def _most_pixels(card: Card) -> int:
    """Return the pixels of an outer box that the free memory allows."""
    needed = card.bytes_per_pixel + _BYTES_OF_MOMENTS * card.num_channels
    return int(SHARE_OF_FREE_MEMORY * free_main_memory() / needed)


def _check_sinks(card: Card, sinks: Mapping[str, Sink]) -> None:
    able = [kind.name for kind in kinds_within(samples=card.samples, deconvolves=card.deconvolves)]
    beyond = [kind.name for kind in chosen_kinds(sinks) if kind.name not in able]
    if beyond:
        raise SettingsError(
            f"one of {', '.join(able)} from {card.method}",
            beyond[0],
            "ask for the mean alone, or export another method",
        )
