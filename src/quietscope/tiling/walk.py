"""The way through an image: frame by frame, tile by tile, in one orientation after another, image by image.

It is the same for models in PyTorch and for exported ones in NumPy. An engine draws the images of a tile, estimators
make results of them, and both know arrays of their own kind.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Generic, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from quietscope.axes import Layout
from quietscope.io.image import Sink
from quietscope.io.pixel_check import check_result
from quietscope.tiling.antithetic import Pairs
from quietscope.tiling.border import Pixels, ReadBox
from quietscope.tiling.cut import Room, Within
from quietscope.tiling.drawn import Drawn, Images, cropped
from quietscope.tiling.estimators import Estimator, Panel, Site
from quietscope.tiling.grid import Tile
from quietscope.tiling.kinds import Kind, as_made, chosen_kinds
from quietscope.tiling.orientations import Turn, turns
from quietscope.tiling.request import Request
from quietscope.tiling.spec import Predictable, TileSpec, automatic_tile, check_shape

Progress: TypeAlias = Callable[[int, int], None]
"""Receives (images of tiles done, images of tiles in all); an image is a sample, where the model samples."""

Box: TypeAlias = tuple[slice, ...]


class Engine(Protocol[Images]):
    """A model at work on tiles, and what can be done with the arrays that it draws."""

    @property
    def model(self) -> Predictable:
        """What decides how frames are cut and turned."""

    @property
    def num_channels(self) -> int:
        """Channels of its images."""

    @property
    def gives_deviation(self) -> bool:
        """Whether the model computes the deviation of its image."""

    @property
    def gives_samples(self) -> bool:
        """Whether its images are samples."""

    def estimator_of(self, kind: Kind) -> type[Estimator[Images]]:
        """Return the estimator that makes a kind of results of its images."""

    def bytes_per_pixel(self, bytes_per_value: float) -> float:
        """Return the memory that a pixel of an outer box takes.

        Args:
            bytes_per_value: What estimators keep per pixel and channel.
        """

    def most_pixels(self, bytes_per_value: float) -> int:
        """Return the pixels of an outer box that the free memory allows.

        Args:
            bytes_per_value: What estimators keep per pixel and channel.
        """

    @property
    def pixels_at_once(self) -> int:
        """Pixels of all samples of a small tile that are drawn together; 0 where no samples are drawn."""

    @property
    def pairs(self) -> Pairs:
        """Which of its images are antithetic pairs."""

    def num_draws(self, num_turns: int) -> int:
        """Return how many images there are of every tile where frames are looked at in that many orientations."""

    def draw(self, x: Pixels, tile: Tile, *, frame: int, numbers: Sequence[int]) -> Iterator[Drawn[Images]]:
        """Draw images of one tile.

        Args:
            x: The tile's outer box, (C, *outer), intensity units.
            tile: Where it lies.
            frame: Number of the frame.
            numbers: Numbers of the images to draw.

        Yields:
            A few at a time, (K, C, *outer).
        """

    def flip(self, images: Images, axes: tuple[int, ...]) -> Images:
        """Reverse axes of images."""

    def to_memory(self, images: Images) -> Pixels:
        """Return images as a NumPy array, float32."""


def walk(
    engine: Engine[Images],
    layout: Layout,
    array: Any,
    sinks: Mapping[str, Sink],
    request: Request,
    *,
    first_frame: int = 0,
    chunks: Iterable[Within] | None = None,
    progress: Progress | None = None,
) -> None:
    """Denoise every frame of an image of any size, reading and writing one tile at a time.

    Args:
        engine: The model.
        layout: How the dimensions of `array` map to frames, channels and space.
        array: The noisy image: anything that is indexed like a NumPy array.
        sinks: Where results go, by kind; what has no sink is not computed.
        request: How to predict.
        first_frame: What the first frame counts as; the noise of a frame's samples depends on its number.
        chunks: The parts of the image that are denoised, one after another, each cut into tiles by itself, see
            `quietscope.tiling.cut`; the whole image, frame by frame, if None.
        progress: Called after each batch of images of a tile.

    Raises:
        AxesError: If the layout's frames have another number of dimensions than the model's.
        ChannelError: If they have another number of channels.
        SettingsError: If a kind of results is unknown.
        PixelError: If a pixel of a result is NaN or infinite.
    """
    check_shape(engine.model.spatial_dims, engine.num_channels, layout.frame_shape)
    route = _Route.of(engine, chosen_kinds(sinks), request, layout.spatial_shape)
    places = route.frame_by_frame(layout.num_frames) if chunks is None else route.of_chunks(tuple(chunks))
    count = _Counter(progress, route.num_draws * sum(1 for _ in places()))
    for n, inner in places():
        page = _Page(layout, n)
        found = route.estimate(
            page.reader(array), inner, first_frame + n, page.sample_writer(sinks.get("samples"), inner), count
        )
        for name, values in found.items():
            check_result(values, name, first_frame + n)
            page.write(sinks[name], inner, values)


def room_for(engine: Engine[Images], kinds: Iterable[str], request: Request) -> Room:
    """Return what decides how an image is cut into chunks, see `quietscope.tiling.cut.cut_for`.

    Args:
        engine: The model.
        kinds: Names of the kinds of results that are wanted.
        request: How to predict.

    Raises:
        SettingsError: If a kind of results is unknown.
    """
    panel, model = _panel(engine, chosen_kinds(kinds), request), engine.model
    most = engine.most_pixels(panel.bytes_per_value)
    return Room(
        spatial_dims=model.spatial_dims,
        size_multiple=tuple(model.size_multiple),
        orientations=tuple(model.orientations),
        reach=tuple(model.reach),
        most_pixels=most,
        bytes_per_pixel=engine.bytes_per_pixel(panel.bytes_per_value),
        pixels_at_once=engine.pixels_at_once,
    )


_Places: TypeAlias = Callable[[], Iterator[tuple[int, Box]]]
"""Begins anew, with every call, to yield (number of a frame, inner box of a tile)."""

_OnSample: TypeAlias = Callable[[int, Pixels], None]
"""Receives (sample number, the sample in the inner box, (C, *inner))."""


def _panel(engine: Engine[Images], kinds: Sequence[Kind], request: Request) -> Panel[Images]:
    """Return what estimates."""
    made = [as_made(kind, moments=engine.gives_deviation, samples=engine.gives_samples) for kind in kinds]
    estimates = [kind for kind in made if kind.estimator is not None]
    return Panel.of(estimates, engine.estimator_of, request, engine.model.spatial_dims, engine.pairs)


@dataclass(frozen=True, kw_only=True)
class _Route(Generic[Images]):
    """How frames of one size are cut and turned, what draws and what estimates."""

    engine: Engine[Images]
    panel: Panel[Images]
    turns: tuple[Turn, ...]
    spec: TileSpec

    @classmethod
    def of(
        cls, engine: Engine[Images], kinds: Sequence[Kind], request: Request, size: tuple[int, ...]
    ) -> "_Route[Images]":
        panel = _panel(engine, kinds, request)
        spec = request.tiles_for(engine.model) or automatic_tile(
            engine.model, size, engine.most_pixels(panel.bytes_per_value), panel.margin
        )
        return cls(engine=engine, panel=panel, turns=turns(engine.model, size, request.augment), spec=spec)

    @property
    def num_draws(self) -> int:
        """Images that are drawn of every tile."""
        return self.engine.num_draws(len(self.turns))

    @cached_property
    def boxes(self) -> tuple[Box, ...]:
        """Inner boxes of the tiles of one frame."""
        return tuple(tile.inner for tile in self.spec.grid(self.engine.model, self.turns[0].size))

    def frame_by_frame(self, num_frames: int) -> "_Places":
        """Return what goes through every tile of every frame."""
        return lambda: ((n, inner) for n in range(num_frames) for inner in self.boxes)

    def of_chunks(self, chunks: Sequence[Within]) -> "_Places":
        """Return what goes through every tile of some chunks."""
        model, spec = self.engine.model, self.spec
        return lambda: ((n, inner) for each in chunks for n in each.frames for inner in each.tiles(spec, model))

    def estimate(
        self, read: ReadBox, inner: Box, frame: int, on_sample: _OnSample | None, on_drawn: Callable[[int], None]
    ) -> Mapping[str, Pixels]:
        """Draw everything there is of one inner box, and return what was estimated of it."""
        engine, site = self.engine, Site.of(inner, self.panel.margin, self.turns[0].size)
        estimators = self.panel.at(site)
        num_draws = self.num_draws
        shares = (tuple(engine.pairs.of_turn(n, len(self.turns), num_draws)) for n in range(len(self.turns)))
        for turn, mine in zip(self.turns, shares, strict=True):
            if not mine:  # fewer images than turns: a look would cost an encoding
                continue
            tile = turn.tile(site.core, self.spec.halo, engine.model.size_multiple)
            for outer in engine.draw(turn.read(read, tile), tile, frame=frame, numbers=mine):
                drawn = outer.changed(partial(self._core, turn=turn, tile=tile))
                estimators.update(drawn)
                if on_sample:
                    kept = engine.to_memory(cropped(drawn.images, site.inner_in_core))
                    for number, sample in zip(drawn.numbers, kept, strict=True):
                        on_sample(number, sample)
                on_drawn(len(drawn.numbers))
        return {name: engine.to_memory(values) for name, values in estimators.result().items()}

    def _core(self, images: Images, turn: Turn, tile: Tile) -> Images:
        """Cut images of a turned tile, (K, C, *outer), to its inner box, and turn them back."""
        return turn.undo(cropped(images, tile.inner_in_outer), self.engine.flip)


@dataclass(frozen=True)
class _Page:
    """One frame of an image, to be read and written box by box."""

    layout: Layout
    number: int

    def reader(self, array: Any) -> ReadBox:
        return lambda box: self.layout.surrounded(array, self.number, box)

    def write(self, sink: Sink, inner: Box, values: Pixels) -> None:
        """Write an estimate of one box, (C, *inner) or with a leading axis."""
        if values.ndim == 1 + len(inner):
            self.layout.put_region(sink, self.number, inner, values)
            return
        for number, entry in enumerate(values):
            self.layout.put_region(_Entry(sink, number), self.number, inner, entry)

    def sample_writer(self, sink: Sink | None, inner: Box) -> _OnSample | None:
        if sink is None:
            return None

        def write_sample(number: int, sample: Pixels) -> None:
            check_result(sample, f"sample {number}", self.number)
            self.layout.put_region(_Entry(sink, number), self.number, inner, sample)

        return write_sample


@dataclass(frozen=True)
class _Entry:
    """One entry of a sink with a leading axis, written to as if it were an image."""

    sink: Sink
    number: int

    def __setitem__(self, index: tuple[int | slice, ...], block: npt.NDArray[np.generic]) -> None:
        self.sink[(self.number, *index)] = block


class _Counter:
    """Adds up finished images and tells a `Progress`."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._done, self._total = progress, 0, total

    def __call__(self, num: int) -> None:
        self._done += num
        if self._progress:
            self._progress(self._done, self._total)
