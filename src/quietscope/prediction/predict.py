"""Estimates of one frame, or of every frame of an image, by a trained method."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy.typing as npt
import torch

from quietscope.axes import Layout
from quietscope.io.image import Sink
from quietscope.methods.base import Method
from quietscope.prediction.engine import TorchEngine, check_kinds, ready_to_predict
from quietscope.tiling.border import Pixels
from quietscope.tiling.cut import Room, Within
from quietscope.tiling.kinds import chosen_kinds
from quietscope.tiling.request import DEFAULT_REQUEST, Request
from quietscope.tiling.spec import check_shape
from quietscope.tiling.walk import Progress, room_for, walk

SampleSink: TypeAlias = Callable[[tuple[slice, ...], int, Pixels], None]
"""Receives (box of the frame, sample number, the sample there, (C, *box)) as soon as it is drawn."""


@dataclass(frozen=True)
class Estimates:
    """What was estimated of one frame; asking it for anything else is a mistake of the program.

    Attributes:
        arrays: The estimates that were asked for, by kind, float32, intensity units.
    """

    arrays: Mapping[str, Pixels]

    @property
    def mean(self) -> Pixels:
        """Mean of the samples, (C, *S)."""
        return self._of("mean")

    @property
    def std(self) -> Pixels:
        """Standard deviation of the samples, (C, *S)."""
        return self._of("std")

    @property
    def map(self) -> Pixels:
        """The most probable image, (C, *S)."""
        return self._of("map")

    @property
    def deconvolved(self) -> Pixels:
        """The deconvolved image, (C, *S)."""
        return self._of("deconvolved")

    @property
    def quantiles(self) -> Pixels:
        """Quantiles, (P, C, *S)."""
        return self._of("quantiles")

    def _of(self, kind: str) -> Pixels:
        assert kind in self.arrays, f"{kind} was not asked for, only {', '.join(self.arrays)}"
        return self.arrays[kind]


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
            also "deconvolved", one that computes its deviation also "std".
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
    assert on_sample is None or "samples" not in kinds, "samples go to one place"
    request = request if num_samples is None else replace(request, num_samples=num_samples)
    out = request.arrays(kinds, frame.shape)
    predict_image(
        method,
        Layout.of("C" + "ZYX"[-method.spatial_dims :], frame.shape, method.spatial_dims),
        frame,
        sinks=out if on_sample is None else {**out, "samples": _Listener(on_sample)},
        request=request,
        first_frame=frame_index,
        device=device,
        progress=progress,
    )
    return Estimates(out)


def predict_image(
    method: Method,
    layout: Layout,
    array: Any,
    *,
    sinks: Mapping[str, Sink],
    request: Request = DEFAULT_REQUEST,
    first_frame: int = 0,
    chunks: Iterable[Within] | None = None,
    device: torch.device | str | None = None,
    progress: Progress | None = None,
) -> None:
    """Estimate the clean image of every frame of an image of any size, reading and writing one tile at a time.

    Frame n gives the same values as `predict_frame` with ``frame_index=first_frame + n``. Memory does not depend on
    the size of the image, nor on the number of samples where mean, deviation and samples are wanted; for quantiles it
    grows with the logarithm of that number, and for the most probable image with the number itself, while the tiles
    shrink.

    Args:
        method: A trained method.
        layout: How the dimensions of `array` map to frames, channels and space.
        array: The noisy image: anything that is indexed like a NumPy array, a lazy reader too.
        sinks: Where results go, by kind; what has no sink is not computed.
        request: How to predict.
        first_frame: What the first frame counts as.
        chunks: The parts of the image that are denoised, see `quietscope.tiling.walk.walk`; all of it if None.
        device: Where to compute; where the method is if None.
        progress: Called after each decoded batch, see `Progress`.

    Raises:
        AxesError: If the layout's frames have another number of dimensions than the method's.
        ChannelError: If they have another number of channels.
        SettingsError: If a setting lies outside its range, or a point method is asked for more than the mean.
    """
    check_kinds(method, sinks)
    request = request.settled(sinks)
    with ready_to_predict(method, device, request.precision or "float32") as where:
        engine = TorchEngine(model=method, request=request, device=where, kinds=chosen_kinds(sinks))
        walk(engine, layout, array, sinks, request, first_frame=first_frame, chunks=chunks, progress=progress)


def room_of_method(
    method: Method,
    kinds: Sequence[str],
    request: Request = DEFAULT_REQUEST,
    *,
    device: torch.device | str | None = None,
) -> Room:
    """Return what decides how `predict_image` cuts an image into chunks.

    Args:
        method: A trained method.
        kinds: Names of the kinds of results that are wanted.
        request: How to predict.
        device: Where to compute; where the method is if None.

    Raises:
        SettingsError: If a setting lies outside its range, or a point method is asked for more than the mean.
    """
    check_kinds(method, kinds)
    request = request.settled(kinds)
    with ready_to_predict(method, device, request.precision or "float32") as where:
        engine = TorchEngine(model=method, request=request, device=where, kinds=chosen_kinds(kinds))
        return room_for(engine, kinds, request)


@dataclass(frozen=True)
class _Listener:
    """A `SampleSink` as a sink of samples of one frame."""

    on_sample: SampleSink

    def __setitem__(self, index: Any, block: Any, /) -> None:
        number, _, *box = index
        self.on_sample(tuple(box), number, block)


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
