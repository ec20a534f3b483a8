"""Estimates of one frame, or of every frame of an image, tile by tile."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from quietscope.axes import Layout
from quietscope.io.image import Sink
from quietscope.methods.base import Method
from quietscope.prediction.estimator import Site, cropped
from quietscope.prediction.estimators import Panel
from quietscope.prediction.memory import bytes_per_pixel, free_memory
from quietscope.prediction.sampling import Source, ready_to_predict, source_of
from quietscope.tiling.border import Pixels, ReadBox
from quietscope.tiling.grid import Tile
from quietscope.tiling.kinds import Kind, chosen_kinds
from quietscope.tiling.orientations import Turn, turns
from quietscope.tiling.request import DEFAULT_REQUEST, Entry, Estimates, Request
from quietscope.tiling.spec import SHARE_OF_FREE_MEMORY, TileSpec, automatic_tile, check_shape

SampleSink: TypeAlias = Callable[[tuple[slice, ...], int, Pixels], None]
"""Receives (box of the frame, sample number, the sample there, (C, *box)) as soon as it is drawn."""

Progress: TypeAlias = Callable[[int, int], None]
"""Receives (samples of tiles done, samples of tiles in all)."""


def predict_frame(
    method: Method,
    frame: npt.NDArray[Any],
    *,
    kinds: Sequence[str] = ("mean", "std"),
    request: Request = DEFAULT_REQUEST,
    num_samples: int | None = None,
    frame_index: int = 0,
    device: torch.device | str | None = None,
    on_sample: SampleSink | None = None,
    progress: Progress | None = None,
) -> Estimates:
    """Estimate the clean image of one frame.

    The result depends on neither device nor tiling, up to rounding and to what lies beyond the halo. The method is left
    as it was, and no global random number is drawn.

    Args:
        method: A trained method.
        frame: The noisy frame x, (C, *S), intensity units; any size from one pixel up.
        kinds: What to make, see `quietscope.tiling.kinds`; a point method gives the mean alone, one that deconvolves
            also "deconvolved".
        request: How to predict.
        num_samples: Number of samples, where it differs from the request's.
        frame_index: Number of the frame in its series; gives every frame noise of its own.
        device: Where to compute; where the method is if None.
        on_sample: Receives every sample of every tile, see `SampleSink`.
        progress: Called after each decoded batch, see `Progress`.

    Returns:
        What was asked for, (C, *S) each, quantiles with a leading axis; float32, intensity units.

    Raises:
        AxesError: If the frame's number of dimensions does not fit the method.
        ChannelError: If its number of channels does not.
        SettingsError: If a setting lies outside its range, or a point method is asked for more than the mean.
    """
    check_frame(method, frame.shape)
    chosen = chosen_kinds(kinds)
    assert "samples" not in kinds, "samples go to `on_sample`"
    request = request if num_samples is None else replace(request, num_samples=num_samples)
    size = tuple(frame.shape[1:])
    counts = request.num_samples, len(request.probabilities)
    out = {kind.name: np.empty((*kind.leading(*counts), *frame.shape), np.float32) for kind in chosen}
    with ready_to_predict(method, device, request.precision or "float32") as where:
        run = _Run.of(method, request, chosen, size, where, has_samples=on_sample is not None)
        counter = Counter(progress, run.num_images)
        for inner in run.boxes:
            found = run.estimate(lambda box: frame[(slice(None), *box)], inner, frame_index, on_sample, counter)
            for kind, values in found.items():
                index: tuple[Any, ...] = (..., *inner)
                out[kind][index] = values
    return Estimates(out)


def predict_image(
    method: Method,
    layout: Layout,
    array: Any,
    *,
    sinks: Mapping[str, Sink],
    request: Request = DEFAULT_REQUEST,
    device: torch.device | str | None = None,
    progress: Progress | None = None,
) -> None:
    """Estimate the clean image of every frame of an image of any size, reading and writing one tile at a time.

    Frame n gives the same values as `predict_frame` with ``frame_index=n``. Memory does not depend on the size of the
    image, nor on the number of samples where mean, deviation and samples are wanted; for quantiles it grows with the
    logarithm of that number, and for the most probable image with the number itself, while the tiles shrink.

    Args:
        method: A trained method.
        layout: How the dimensions of `array` map to frames, channels and space.
        array: The noisy image: anything that is indexed like a NumPy array, a lazy reader too.
        sinks: Where results go, by kind; what has no sink is not computed.
        request: How to predict.
        device: Where to compute; where the method is if None.
        progress: Called after each decoded batch, see `Progress`.

    Raises:
        AxesError: If the layout's frames have another number of dimensions than the method's.
        ChannelError: If they have another number of channels.
        SettingsError: If a setting lies outside its range, or a point method is asked for more than the mean.
    """
    check_frame(method, layout.frame_shape)
    wanted, samples = chosen_kinds(sinks), sinks.get("samples")
    with ready_to_predict(method, device, request.precision or "float32") as where:
        run = _Run.of(method, request, wanted, layout.spatial_shape, where, has_samples=False)
        counter = Counter(progress, run.num_images * layout.num_frames)
        for n in range(layout.num_frames):
            on_sample = None if samples is None else _sample_writer(layout, samples, n)
            read = _frame_reader(layout, array, n)
            for inner in run.boxes:
                for kind, values in run.estimate(read, inner, n, on_sample, counter).items():
                    _write(layout, sinks[kind], n, inner, values)


def choose_tile(
    method: Method,
    size: tuple[int, ...],
    device: torch.device,
    *,
    margin: Sequence[int] | None = None,
    bytes_per_value: float = 0.0,
) -> TileSpec:
    """Choose tiles from the memory that is free: their networks and estimators fill half of it.

    Args:
        method: The method, in evaluation mode on `device`; call within `ready_to_predict`.
        size: Size of the frames in pixels per spatial axis.
        device: Where to compute.
        margin: Pixels that estimators need around a tile's inner box.
        bytes_per_value: Bytes that estimators keep per pixel and channel.

    Returns:
        The tiles.
    """
    needed = bytes_per_pixel(method, device) + bytes_per_value * method.statistics.num_channels
    return automatic_tile(method, size, int(SHARE_OF_FREE_MEMORY * free_memory(device) / needed), margin)


class Counter:
    """Adds up finished images and tells a `Progress`."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._done, self._total = progress, 0, total

    def __call__(self, num: int) -> None:
        """Count `num` more images."""
        self._done += num
        if self._progress:
            self._progress(self._done, self._total)


@dataclass(frozen=True, kw_only=True)
class _Run:
    """One prediction: what draws and what estimates, and how frames of one size are cut and turned."""

    method: Method
    source: Source
    panel: Panel
    turns: tuple[Turn, ...]
    spec: TileSpec
    device: torch.device

    @classmethod
    def of(
        cls,
        method: Method,
        request: Request,
        kinds: tuple[Kind, ...],
        size: tuple[int, ...],
        device: torch.device,
        *,
        has_samples: bool,
    ) -> "_Run":
        source = source_of(method, request, [*(kind.name for kind in kinds), *["samples"] * has_samples])
        panel = Panel(tuple(kind for kind in kinds if kind.estimator is not None), request, method.spatial_dims)
        spec = request.tiles_for(method) or choose_tile(
            method, size, device, margin=panel.margin, bytes_per_value=panel.bytes_per_value
        )
        looks = turns(method, size, request.augment)
        return cls(method=method, source=source, panel=panel, turns=looks, spec=spec, device=device)

    @property
    def num_images(self) -> int:
        """Images of tiles that are drawn of one frame."""
        return self.source.num_draws(len(self.turns)) * len(self.boxes)

    @cached_property
    def boxes(self) -> tuple[tuple[slice, ...], ...]:
        """Inner boxes of the tiles of one frame."""
        return tuple(tile.inner for tile in self.spec.grid(self.method, self.turns[0].size))

    def estimate(
        self,
        read: ReadBox,
        inner: tuple[slice, ...],
        frame: int,
        on_sample: SampleSink | None,
        on_drawn: Callable[[int], None],
    ) -> Mapping[str, Pixels]:
        """Draw everything there is of one inner box, and return what was estimated of it."""
        site = Site.of(inner, self.panel.margin, self.turns[0].size)
        estimators = self.panel.at(site)
        num_draws = self.source.num_draws(len(self.turns))
        for place, turn in enumerate(self.turns[:num_draws]):
            tile = turn.tile(site.core, self.spec.halo, self.method.size_multiple)
            x = torch.from_numpy(turn.read(read, tile)).to(self.device).unsqueeze(0)
            mine = range(place, num_draws, len(self.turns))
            for outer in self.source.draw(x, tile, frame=frame, numbers=mine):
                drawn = outer.changed(partial(_core, turn=turn, tile=tile))
                estimators.update(drawn)
                if on_sample:
                    kept = cropped(drawn.images, site.inner_in_core).float().cpu().numpy()
                    for number, sample in zip(drawn.numbers, kept, strict=True):
                        on_sample(inner, number, sample)
                on_drawn(len(drawn.numbers))
        return estimators.result()


def _core(images: Tensor, turn: Turn, tile: Tile) -> Tensor:
    """Cut images of a turned tile, (K, C, *outer), to its inner box, and turn them back."""
    return turn.undo(cropped(images, tile.inner_in_outer), torch.flip)


def _write(layout: Layout, sink: Sink, n: int, inner: tuple[slice, ...], values: Pixels) -> None:
    """Write an estimate of one box of frame n, with or without a leading axis."""
    if values.ndim == 1 + len(inner):
        layout.put_region(sink, n, inner, values)
        return
    for number, entry in enumerate(values):
        layout.put_region(Entry(sink, number), n, inner, entry)


def _sample_writer(layout: Layout, sink: Sink, n: int) -> SampleSink:
    return lambda inner, number, block: layout.put_region(Entry(sink, number), n, inner, block)


def _frame_reader(layout: Layout, array: Any, n: int) -> ReadBox:
    return lambda box: layout.region(array, n, box)


def check_frame(method: Method, shape: Sequence[int]) -> None:
    """Refuse a frame that does not fit a method.

    Args:
        method: The method.
        shape: Shape of the frame, (C, *S).

    Raises:
        AxesError: If it has another number of dimensions than the method's images.
        ChannelError: If it has another number of channels.
    """
    check_shape(method.spatial_dims, method.statistics.num_channels, shape)
