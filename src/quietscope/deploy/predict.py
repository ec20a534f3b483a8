"""Denoising with an exported model without PyTorch: mean, deviation, samples, the deconvolved image.

The walk over tiles is that of `quietscope.prediction`, and so are tiles, halos, mirrored borders, orientations and
latent noise; results are the same up to rounding.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod

import numpy as np

from quietscope.data.by_itself import for_model
from quietscope.data.measured import for_network, restoring
from quietscope.deploy.card import Card, CardLatent, History
from quietscope.deploy.moments import BYTES_OF_MOMENTS
from quietscope.deploy.session import Array, Session
from quietscope.errors import SettingsError
from quietscope.io.image import Image, Sink
from quietscope.io.pixel_check import CheckedArray
from quietscope.main_memory import free_main_memory
from quietscope.metrics.coverage import Exposure
from quietscope.nn.keyed import keyed_normal, noise_key
from quietscope.tiling.antithetic import NO_PAIRS, Pairs
from quietscope.tiling.cut import Room, Within
from quietscope.tiling.drawn import Drawn
from quietscope.tiling.estimators import Estimator
from quietscope.tiling.grid import Tile
from quietscope.tiling.kinds import Kind, chosen_kinds, imported
from quietscope.tiling.request import DEFAULT_REQUEST, Request
from quietscope.tiling.spec import MOST_PIXELS_ON_CPU, memory_for_tiles
from quietscope.tiling.walk import Progress, room_for, walk

# An exported model encodes an image anew in every call; more samples a call spread that over them.
_PIXELS_AT_ONCE = 1 << 20
_MOST_AT_ONCE = 16
# Networks that take so few bytes per pixel have room for larger tiles of chunks, of which less is halo.
_SMALL_NETWORK, _LARGE_TILE = 512, 1 << 20


@dataclass(frozen=True, kw_only=True)
class LeanPredictor:
    """An exported model that denoises images of any size without PyTorch.

    Attributes:
        session: The model.
    """

    session: Session

    @property
    def history(self) -> History:
        """What it has learnt from, and how far, from the card."""
        return self.session.card.history

    @property
    def known_noise(self) -> tuple[Exposure, ...]:
        """None: a noise model is not exported."""
        return ()

    @staticmethod
    def can(kinds: Iterable[str]) -> bool:
        """Tell whether results of these kinds need no PyTorch."""
        return not any(kind.needs_torch for kind in chosen_kinds(kinds))

    def denoise_into(
        self,
        image: Image,
        sinks: Mapping[str, Sink],
        request: Request = DEFAULT_REQUEST,
        *,
        chunks: Iterable[Within] | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Denoise an image of any size into arrays or writers, tile by tile; what has no sink is not computed.

        Args:
            image: The noisy image.
            sinks: Where results go, by kind, as for `quietscope.Denoiser.denoise_into`; only kinds that `can` allows.
            request: How to predict; the runtime of the model decides its precision.
            chunks: The parts of the image that are denoised, see `quietscope.tiling.cut`; all of it if None.
            progress: Called with (done, total) posterior samples.

        Raises:
            QuietScopeError: If the image does not fit the model, holds NaN or infinite pixels, or the model does not
                give what is asked for.
        """
        card = self.session.card
        _check_kinds(card, sinks)
        image = for_model(image, card.history.normalize, card.history.context)
        chosen = replace(request.settled(sinks), spread=request.spread * card.spread_factor)
        walk(
            NumpyEngine(session=self.session, request=chosen),
            image.layout(card.spatial_dims),
            CheckedArray(for_network(image).data, str(image.path or "the image")),
            restoring(image, sinks),
            chosen,
            chunks=chunks,
            progress=progress,
        )

    def room(self, kinds: Sequence[str], request: Request = DEFAULT_REQUEST) -> Room:
        """Return what decides how an image is cut into chunks for the model.

        Args:
            kinds: Names of the kinds of results that are wanted.
            request: How to predict.

        Raises:
            QuietScopeError: If the model does not give what is asked for.
        """
        _check_kinds(self.session.card, kinds)
        chosen = request.settled(kinds)
        room = room_for(NumpyEngine(session=self.session, request=chosen), kinds, chosen)
        return replace(room, usual_pixels=_LARGE_TILE if self.session.card.bytes_per_pixel <= _SMALL_NETWORK else None)


@dataclass(frozen=True, kw_only=True)
class NumpyEngine:
    """Draws images of tiles with an exported model, in NumPy. See `quietscope.tiling.walk.Engine`.

    Attributes:
        session: The model.
        request: How many samples to draw, and their seed.
    """

    session: Session
    request: Request

    @property
    def model(self) -> Card:
        """What decides how frames are cut and turned."""
        return self.session.card

    @property
    def num_channels(self) -> int:
        """Channels of its images."""
        return self.model.num_channels

    @property
    def gives_samples(self) -> bool:
        """Whether its images are samples."""
        return self.model.samples

    @property
    def gives_deviation(self) -> bool:
        """Whether the model computes the deviation of its image."""
        return self.model.gives_deviation

    def estimator_of(self, kind: Kind) -> type[Estimator[Array]]:
        """Return the estimator that makes a kind of results without PyTorch."""
        assert kind.twin is not None, kind
        estimator: type[Estimator[Array]] = imported(kind.twin)
        return estimator

    def bytes_per_pixel(self, bytes_per_value: float) -> float:
        """Return the memory that a pixel of an outer box takes in model and estimators."""
        return self.model.bytes_per_pixel + bytes_per_value * self.num_channels

    def most_pixels(self, bytes_per_value: float) -> int:
        """Return the pixels of an outer box that model and estimators fill a quarter of the free memory with."""
        needed = self.bytes_per_pixel(bytes_per_value)
        return min(MOST_PIXELS_ON_CPU, int(memory_for_tiles(free_main_memory(), self.request.max_memory) / needed))

    @property
    def pairs(self) -> Pairs:
        """Which samples are antithetic pairs; none of the images of a point method."""
        return self.request.drawn_pairs if self.gives_samples else NO_PAIRS

    def num_draws(self, num_turns: int) -> int:
        """Return the number of samples, which the orientations share, or one image for each of them."""
        return self.request.num_samples if self.gives_samples else num_turns

    def draw(self, x: Array, tile: Tile, *, frame: int, numbers: Sequence[int]) -> Iterator[Drawn[Array]]:
        """Draw images of one tile, whose pixels are (C, *outer)."""
        if not self.model.samples:
            found = self.session.run(x[None])
            for number in numbers:
                others = found.get("deconvolved"), found.get("deviation")
                yield Drawn([number], found["denoised"], *others)
            return
        at_once = max(1, min(_MOST_AT_ONCE, self.pixels_at_once // prod(tile.outer_shape)))
        for start in range(0, len(numbers), at_once):
            some = numbers[start : start + at_once]
            key = {"seed": self.request.seed, "frame": frame}
            noise = tile_noise(self.model.latents, tile, **key, samples=some, pairs=self.pairs)
            yield Drawn(some, self.session.run(x[None], noise)["sample"])

    def flip(self, images: Array, axes: tuple[int, ...]) -> Array:
        """Reverse axes of images."""
        return np.flip(images, axes)

    def to_memory(self, images: Array) -> Array:
        """Return the images as they are."""
        return images

    @cached_property
    def pixels_at_once(self) -> int:
        """Pixels of all samples of one call, the same for every tile; 0 where no samples are drawn."""
        return min(_PIXELS_AT_ONCE, self.most_pixels(BYTES_OF_MOMENTS)) if self.gives_samples else 0


def tile_noise(
    latents: Sequence[CardLatent],
    tile: Tile,
    *,
    seed: int,
    frame: int,
    samples: Sequence[int],
    pairs: Pairs = NO_PAIRS,
) -> tuple[Array, ...]:
    """Make the noise of some samples over one tile: `quietscope.prediction.latent_noise.tile_noise` in NumPy.

    Args:
        latents: Where the latents lie.
        tile: The tile; its outer box starts and ends at multiples of every reduction.
        seed: Seed of the whole prediction.
        frame: Number of the frame.
        samples: Numbers of the samples.
        pairs: Which samples pair.

    Returns:
        Per level (len(samples), C_l, *S_l): standard normal, or zeros where the level is not random.
    """
    noise, sources = [], [pairs.source(sample) for sample in samples]
    for spec in latents:
        origin, reduced = tile.reduced(spec.reduction)
        shape = (spec.channels, *reduced)
        if spec.is_random:
            keys = {source: noise_key(seed, frame, source, spec.level) for source, _ in sources}
            drawn = {source: keyed_normal(key, origin, shape) for source, key in keys.items()}
            noise.append(np.stack([drawn[source] if sign > 0 else -drawn[source] for source, sign in sources]))
        else:
            noise.append(np.zeros((len(samples), *shape), np.float32))
    return tuple(noise)


def _check_kinds(card: Card, wanted: Iterable[str]) -> None:
    """Refuse kinds of results that the model does not give, or not without PyTorch."""
    kinds, able = chosen_kinds(wanted), card.kinds
    beyond = [kind.name for kind in kinds if kind not in able]
    if beyond:
        raise SettingsError(
            f"one of {', '.join(kind.name for kind in able)} from {card.method}",
            beyond[0],
            "ask for the mean alone, or export another method",
        )
    heavy = [kind.name for kind in kinds if kind.needs_torch]
    if heavy:
        free = ", ".join(kind.name for kind in able if not kind.needs_torch)
        raise SettingsError(f"one of {free} without PyTorch", heavy[0], "open the model with `quietscope.Deployed`")
