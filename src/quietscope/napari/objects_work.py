"""Segment samples away from the window, and what is said of the objects: how many there are, and between what."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from quietscope.consensus.counting import DOUBTFUL, SURE, sure_and_doubtful
from quietscope.io import Image
from quietscope.napari.background import Tell
from quietscope.napari.layer_source import known_of
from quietscope.wording import numbered

if TYPE_CHECKING:
    from quietscope.consensus import Segmented
    from quietscope.consensus.segmenting import SegmentedFrame

USUAL_SAMPLES = 30
"""Samples that are segmented where nobody says how many: as many as `quietscope segment` takes."""

CELL_UM = 10.0
"""Diameter of objects in micrometres, where the size of a pixel is known: about that of a nucleus."""

LEAST_DIAMETER, LARGEST_SHARE = 3.0, 0.25
"""The usual diameter is so many pixels at least, and such a share of the shorter side of the image at most."""

MOST_FRAMES = 4
"""Frames whose number of objects is told in words."""


@dataclass(frozen=True, kw_only=True)
class Segmenting:
    """What is to be segmented.

    Attributes:
        denoiser: The model.
        image: The noisy image.
        num_samples: How many samples, 2 at least.
        channel: Which of its channels, from 0.
        diameter: About how large an object is, in pixels.
    """

    denoiser: Any
    image: Image
    num_samples: int
    channel: int
    diameter: float

    @property
    def dims(self) -> int:
        """Dimensions of what is segmented: volumes where the model denoises them, else planes."""
        return dims_of(self.denoiser, self.image)


@dataclass(frozen=True, kw_only=True)
class Step:
    """How far it is.

    Attributes:
        what: What is being done, in words.
        done: Parts that are done.
        total: Parts in all.
    """

    what: str
    done: int
    total: int


def dims_of(denoiser: Any, image: Image) -> int:
    """Return whether volumes of an image are segmented, 3, or its planes, 2."""
    return 3 if denoiser.method.spatial_dims == 3 and "Z" in image.axes else 2


def usual_diameter(layer: Any, axes: str) -> float:
    """Return about how large an object of a layer is, in pixels, where nobody has said it.

    Args:
        layer: The layer.
        axes: Its axes.
    """
    from quietscope.consensus.thresholding import USUAL_DIAMETER

    pixel = pixel_um(layer, axes)
    pixels = layer.data[0] if layer.multiscale else layer.data
    sides = [size for letter, size in zip(axes, pixels.shape, strict=True) if letter in "YX"]
    wanted = USUAL_DIAMETER if pixel is None else CELL_UM / pixel
    return float(round(max(LEAST_DIAMETER, min(wanted, LARGEST_SHARE * min(sides)))))


def pixel_um(layer: Any, axes: str) -> float | None:
    """Return the side of a pixel in micrometres, that of a square of the same area; None where the layer has none."""
    sizes = known_of(layer, axes)["pixel_size_um"]
    return math.sqrt(sizes["Y"] * sizes["X"]) if {"Y", "X"} <= set(sizes) else None


def frame_box(image: Image, place: Sequence[int], dims: int) -> tuple[slice, ...]:
    """Return the frame of an image that is seen, one slice per axis: all of its channels.

    Args:
        image: The image; a further axis at its front may hold channels.
        place: Where the sliders of the layer's dimensions stand, in pixels.
        dims: 2 for a plane, 3 for a volume.
    """
    ahead, whole = image.ndim - len(place), "CS" + "ZYX"[-dims:]
    box = list[slice]()
    for number, (letter, size) in enumerate(zip(image.axes, image.shape, strict=True)):
        at = 0 if letter in whole or number < ahead else min(max(place[number - ahead], 0), size - 1)
        box.append(slice(0, size) if letter in whole or number < ahead else slice(at, at + 1))
    return tuple(box)


def segment_samples(job: Segmenting, tell: Tell) -> "Segmented":
    """Segment samples of an image, and make one segmentation of all.

    Args:
        job: What is to be segmented.
        tell: Told how far it is; it ends the work by raising `quietscope.Stop`.

    Returns:
        What was found.

    Raises:
        SettingsError: If the model does not sample, or the diameter is none.
        QuietScopeError: If the image does not fit the model.
    """
    from quietscope.consensus import segment
    from quietscope.consensus.existence_file import existence_named
    from quietscope.consensus.segmenters import Chosen

    chosen = Chosen(diameter=job.diameter)
    return segment(
        job.denoiser,
        job.image,
        [_Heard(each, tell, _calls(job)) for each in chosen.segmenters()],
        existence=existence_named(None, chosen.name)[0],
        num_samples=job.num_samples,
        channel=job.channel,
        dims=job.dims,
        progress=lambda done, total: tell(Step(what="Drawing samples", done=done, total=total)),
    )


def _calls(job: Segmenting) -> int:
    """Return how often a segmenter is called: for every sample of every frame, and for the mean of each."""
    sizes = zip(job.image.axes, job.image.shape, strict=True)
    frames = math.prod(size for letter, size in sizes if letter not in "C" + "ZYX"[-job.dims :])
    return (job.num_samples + 1) * frames


class _Heard:
    """A segmenter that tells how far it is, which also ends it.

    Args:
        segmenter: The segmenter.
        tell: Told after every call.
        total: How often it is going to be called.
    """

    def __init__(self, segmenter: Any, tell: Tell, total: int) -> None:
        self._segmenter, self._tell, self._total, self._done = segmenter, tell, total, 0

    def __call__(self, sample: npt.NDArray[np.float32]) -> Any:
        """Segment a sample."""
        self._done += 1
        self._tell(Step(what="Segmenting them", done=min(self._done, self._total), total=self._total))
        return self._segmenter(sample)


def counted(found: "Segmented", start: Mapping[str, int]) -> list[dict[str, int]]:
    """Return for each frame where it lies, how many objects it has, and between what, 90 times of 100.

    Args:
        found: What was found.
        start: Where its first frame lies, by letters of the axes that count frames.
    """
    return [
        {letter: number + start.get(letter, 0) for letter, number in frame.at.items()}
        | {
            name: round(getattr(frame.count, value))
            for name, value in (("count", "value"), ("low", "low"), ("high", "high"))
        }
        for frame in found.frames
    ]


def count_words(found: "Segmented", start: Mapping[str, int]) -> str:
    """Return how many objects there are, in words.

    Args:
        found: What was found.
        start: Where its first frame lies, by letters of the axes that count frames.
    """
    if len(found.frames) == 1:
        [frame] = found.frames
        sure = [each.probability for each in frame.objects]
        many = sure_and_doubtful(sure)
        told = f"{_how_many(frame)}; {many[0]} sure (probability above {SURE}), {many[1]} in doubt (below {DOUBTFUL})."
    else:
        lines = [_place(frame.at, start) + _how_many(frame) for frame in found.frames[:MOST_FRAMES]]
        more = len(found.frames) - len(lines)
        told = "; ".join(lines) + (f"; and {numbered(more, 'frame')} more, see the layer's metadata." if more else ".")
    failed = "".join(f" {failure.words}." for frame in found.frames for failure in frame.failures[:1])
    return f"{told}{failed} {found.note[:1].upper()}{found.note[1:]}."


def _how_many(frame: "SegmentedFrame") -> str:
    count = frame.count
    return f"{numbered(round(count.value), 'object')} (90 % from {count.low:.0f} to {count.high:.0f})"


def _place(at: Mapping[str, int], start: Mapping[str, int]) -> str:
    return ", ".join(f"{letter} {number + start.get(letter, 0)}" for letter, number in at.items()) + ": "
