"""Denoising with an exported model, tile by tile, without PyTorch: mean, deviation, samples, the deconvolved image.

Tiles, halos, mirrored borders and latent noise are those of `quietscope.prediction`, so results are the same up to
rounding.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, TypeAlias

import numpy as np

from quietscope.axes import Layout
from quietscope.deploy.card import Card
from quietscope.deploy.moments import Moments
from quietscope.deploy.noise import tile_noise
from quietscope.deploy.session import Array, Session
from quietscope.errors import SettingsError
from quietscope.io.check import CheckedArray
from quietscope.io.image import Image, Sink
from quietscope.memory import free_main_memory
from quietscope.tiling.border import ReadBox, read_outer
from quietscope.tiling.grid import Tile
from quietscope.tiling.request import DEFAULT_BANDWIDTH, DEFAULT_PROBABILITIES, Entry, Request, Sinks
from quietscope.tiling.spec import SHARE_OF_FREE_MEMORY, TileSpec, automatic_tile, check_shape

Progress: TypeAlias = Callable[[int, int], None]
"""Receives (samples of tiles done, samples of tiles in all)."""

LEAN_KINDS = ("mean", "std", "samples", "deconvolved")
"""What can be had without PyTorch."""

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
    def can(kinds: Sequence[str], augment: bool) -> bool:
        """Tell whether results of these kinds need no PyTorch."""
        return set(kinds) <= set(LEAN_KINDS) and not augment

    def denoise_into(
        self,
        image: Image,
        *,
        mean: Sink | None = None,
        std: Sink | None = None,
        map: Sink | None = None,
        samples: Sink | None = None,
        quantiles: Sink | None = None,
        deconvolved: Sink | None = None,
        num_samples: int = 50,
        seed: int = 0,
        tile: int | None = None,
        augment: bool = False,
        bandwidth: float | None = None,
        probabilities: Sequence[float] = DEFAULT_PROBABILITIES,
        progress: Progress | None = None,
    ) -> None:
        """Denoise an image into arrays or writers; see `quietscope.model.predictor.Predictor.denoise_into`.

        Args:
            image: The noisy image.
            mean: Receives the posterior mean by ``mean[index] = block``, in the image's axis order; None for none.
            std: Receives the standard deviation likewise.
            map: None: it is not to be had here.
            samples: Receives the samples, with a leading sample axis.
            quantiles: None: they are not to be had here.
            deconvolved: Receives the deconvolved image, of a model that gives one.
            num_samples: Posterior samples.
            seed: Seed of the samples.
            tile: Tile size in pixels; chosen from the free memory if None.
            augment: False: turns are not to be had here.
            bandwidth: Ignored without `map`.
            probabilities: Ignored without `quantiles`.
            progress: Called with (done, total) posterior samples.

        Raises:
            QuietScopeError: If the image does not fit the model, holds NaN or infinite pixels, or the model does not
                give what is asked for.
        """
        assert map is None, "the most probable image needs PyTorch"
        assert quantiles is None, "quantiles need PyTorch"
        assert not augment, "turns need PyTorch"
        card = self.session.card
        predict_image(
            self.session,
            image.layout(card.spatial_dims),
            CheckedArray(image.data, str(image.path or "the image")),
            sinks=Sinks(mean=mean, std=std, samples=samples, deconvolved=deconvolved),
            request=Request(
                num_samples=num_samples,
                seed=seed,
                tile=None if tile is None else TileSpec.of(card, tile),
                bandwidth=DEFAULT_BANDWIDTH if bandwidth is None else bandwidth,
                probabilities=tuple(probabilities),
                spread=card.spread_factor,
            ),
            progress=progress,
        )


def predict_image(
    session: Session,
    layout: Layout,
    array: Any,
    *,
    sinks: Sinks,
    request: Request,
    progress: Progress | None = None,
) -> None:
    """Denoise every frame of an image of any size, reading and writing one tile at a time.

    Args:
        session: The model.
        layout: How the dimensions of `array` map to frames, channels and space.
        array: The noisy image: anything that is indexed like a NumPy array.
        sinks: Where results go, of those in `LEAN_KINDS`.
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
    spec = request.tile or automatic_tile(card, layout.spatial_shape, most)
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


def _draw(session: Session, x: Array, where: _Where, sinks: Sinks, request: Request, most: int) -> Iterator[int]:
    """Compute and write everything there is of one tile; yields how many images were made."""
    if not session.card.samples:
        found = session.run(x)
        for name, sink in (("denoised", sinks.mean), ("deconvolved", sinks.deconvolved)):
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
        if sinks.samples is not None:
            for number, sample in zip(numbers, drawn, strict=True):
                where.put(Entry(sinks.samples, number), sample)
        yield len(numbers)
    if sinks.mean is not None:
        where.put(sinks.mean, moments.mean())
    if sinks.std is not None:
        where.put(sinks.std, np.float32(request.spread) * moments.std())


def _reader(layout: Layout, array: Any, frame: int) -> ReadBox:
    return lambda box: layout.region(array, frame, box)


def _most_pixels(card: Card) -> int:
    """Return the pixels of an outer box that the free memory allows."""
    needed = card.bytes_per_pixel + _BYTES_OF_MOMENTS * card.num_channels
    return int(SHARE_OF_FREE_MEMORY * free_main_memory() / needed)


def _check_sinks(card: Card, sinks: Sinks) -> None:
    wanted = [*sinks.estimates, *(["samples"] if sinks.samples is not None else [])]
    assert set(wanted) <= set(LEAN_KINDS), wanted
    able = {"mean", "std", "samples"} if card.samples else {"mean", *card.outputs}
    beyond = [kind for kind in wanted if kind not in able]
    if beyond:
        raise SettingsError(
            f"one of {', '.join(each for each in LEAN_KINDS if each in able)} from {card.method}",
            beyond[0],
            "ask for the mean alone, or export another method",
        )
