"""Cells of an image: segmentations of all samples, frame by frame, and their consensus."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.consensus.counting import count_interval
from quietscope.consensus.existence import ExistenceCorrection, corrected_by
from quietscope.consensus.frame_plan import FramePlan
from quietscope.consensus.instances import LEAST_PROBABILITY, Consensus, check_least, check_way, fused, shares
from quietscope.consensus.kept_processes import processes_kept
from quietscope.consensus.objects import Measured, SampleObjects, measured_objects, objects_of
from quietscope.consensus.overlay import Labels, Overlaid, Overlay, checked_labels
from quietscope.consensus.posterior_samples import Index, StoredSamples, stored_samples
from quietscope.consensus.sampling_runs import Failure, attempted, check_enough, over
from quietscope.consensus.spread import USUAL_CONFIDENCE, Interval, check_confidence, spread_note
from quietscope.errors import SettingsError
from quietscope.io import Image, ImageSource, as_image
from quietscope.model.trained import TrainedModel
from quietscope.tiling.walk import Progress
from quietscope.wording import numbered, typed

Pixels = npt.NDArray[np.float32]
Segmenter = Callable[[Pixels], npt.NDArray[Any]]


@dataclass(frozen=True)
class SegmentedFrame:
    """A plane, or a volume, that was segmented.

    Attributes:
        at: Its place along the axes that are neither channel nor space, by letter.
        index: The same as an index of `Segmented.labels`.
        objects: Its objects.
        count: How many there are, with its interval.
        counts: How many each sample has.
        failures: Samples on which the segmenter failed.
    """

    at: dict[str, int]
    index: Index
    objects: Measured
    count: Interval
    counts: npt.NDArray[np.int64]
    failures: tuple[Failure, ...]


@dataclass(frozen=True)
class Segmented:
    """An image that was segmented.

    Attributes:
        image: The noisy image.
        axes: Axes of all that follows: those of the image without channels.
        spatial: Axes of a frame, "YX" or "ZYX".
        labels: The objects of every frame, int32.
        agreement: Share of the samples that have a pixel where the labels have it, float32.
        probability: Share of the samples that have an object there, float32.
        mean: Mean of the samples, float32, intensity units.
        frames: What was found in each frame.
        note: What is to be said of the intervals, or of an image without objects.
        widening: Factor by which its intervals are wider than what the samples have, as the model was recalibrated.
    """

    image: Image
    axes: str
    spatial: str
    labels: npt.NDArray[np.int32]
    agreement: Pixels
    probability: Pixels
    mean: Pixels
    frames: tuple[SegmentedFrame, ...]
    note: str
    widening: float = 1.0


def segment(
    model: TrainedModel,
    image: ImageSource,
    segmenter: Segmenter | Sequence[Segmenter],
    *,
    num_samples: int = 30,
    consensus: str = "vote",
    least_probability: float = LEAST_PROBABILITY,
    existence: ExistenceCorrection | None = None,
    channel: int = 0,
    dims: int | None = None,
    seed: int = 0,
    axes: str | None = None,
    tile: int | None = None,
    processes: int = 1,
    confidence: float = USUAL_CONFIDENCE,
    progress: Progress | None = None,
) -> Segmented:
    """Segment samples of an image, and make one segmentation of all of them.

    The mean of the samples is segmented too: its objects are candidates, and the samples say how likely each is.
    Several segmenters take turns, one sample each; the first of them segments the mean.

    In memory are one sample of one frame at a time, the overlay of its segmentations, and the results.

    Args:
        model: A trained model that samples.
        image: The noisy image.
        segmenter: Turns a frame of a sample into labels, see `quietscope.consensus.segmenters`. Several take turns,
            such as those that `quietscope.consensus.segmenters.varied` makes of one.
        num_samples: How many samples, 2 at least.
        consensus: How segmentations become one, see `quietscope.consensus.consensus_labels`.
        least_probability: Probability that an object needs, 0 to 1: the share of the samples that have it, or what
            `existence` makes of that.
        existence: Corrects the probabilities, such as `quietscope.consensus.existence_file.learn_existence` has learnt.
        channel: Which channel is segmented, from 0.
        dims: 2 for planes, 3 for volumes; what the model denoises if None.
        seed: Seed of the samples.
        axes: Axes of the image where it does not name them.
        tile: Tile size in pixels; chosen from the free memory if None.
        processes: How many processes segment.
        confidence: Probability of the intervals, 0 to 1.
        progress: Called with (done, total) samples of tiles.

    Returns:
        Labels, objects and counts; an image may have none.

    Raises:
        SettingsError: If the model does not sample, the segmenter fails on more than half of the samples, or returns
            no labels.
        OutputError: If there is no room for the samples among the temporary files.
        QuietScopeError: If the image does not fit the model.
    """
    check_way(consensus)
    check_confidence(confidence)
    check_least(least_probability)
    several = _several(segmenter)
    opened = as_image(image, axes)
    plan = FramePlan.of(opened, channel, model.method.spatial_dims if dims is None else dims)
    with (
        stored_samples(model, opened, num_samples=num_samples, seed=seed, tile=tile, progress=progress) as samples,
        processes_kept(),
    ):
        found = _Results(opened, plan, _Fusing(consensus, least_probability, existence, model.spread, confidence))
        for at in plan.places():
            frame = _frame_of(samples, several, plan.in_image(at), processes)
            found.add(at, frame)
    if not any(frame.counts.any() for frame in found.frames):
        none = f"no object in any of {numbered(num_samples, 'sample')}"
        return found.done(f"{none}: if there are some, pass another segmenter or size, e.g. `{typed(diameter=20)}`")
    return found.done(spread_note(model))


@dataclass(frozen=True)
class _Segmenting:
    """What is done with one sample, here or in another process."""

    segmenter: Segmenter

    def __call__(self, sample: Pixels) -> tuple[Labels, SampleObjects]:
        labels = checked_labels(self.segmenter(sample), sample.shape)
        return labels, objects_of(labels, sample)


@dataclass(frozen=True)
class _Frame:
    """The segmentations of one frame."""

    overlaid: Overlaid
    objects: Sequence[SampleObjects]
    failures: tuple[Failure, ...]
    index: Index
    mean: Pixels


def _several(segmenter: Segmenter | Sequence[Segmenter]) -> tuple[_Segmenting, ...]:
    several = tuple(segmenter) if isinstance(segmenter, Sequence) else (segmenter,)
    if not several:
        raise SettingsError("at least one segmenter", "none", "pass a function")
    return tuple(map(_Segmenting, several))


def _frame_of(samples: StoredSamples, several: Sequence[_Segmenting], index: Index, processes: int) -> _Frame:
    overlay: Overlay | None = None
    objects: list[SampleObjects] = []
    failures: list[Failure] = []
    for _, found in over(samples, several, index, processes):
        if isinstance(found, Failure):
            failures.append(found)
            continue
        labels, measured = found
        overlay = overlay or Overlay(labels.shape)
        overlay.add(labels)
        objects.append(measured)
    check_enough(failures, len(samples), "the segmenter")
    assert overlay is not None, "half of at least two samples"
    mean = samples.read(0, index)
    for number in range(1, len(samples)):
        mean += samples.read(number, index)
    mean /= len(samples)
    proposed = attempted(several[0], mean)
    if proposed is not None:
        overlay.add(proposed[0])
    return _Frame(overlay.done(0 if proposed is None else 1), objects, tuple(failures), index, mean)


@dataclass(frozen=True)
class _Fusing:
    """How the segmentations of a frame become one."""

    way: str
    least: float
    existence: ExistenceCorrection | None
    widening: float
    confidence: float

    def of(self, frame: _Frame, at: dict[str, int], index: Index) -> tuple[Consensus, SegmentedFrame]:
        """Return the consensus of a frame, and what is told of it."""
        probability = shares if self.existence is None else corrected_by(self.existence, frame.mean)
        found = fused(frame.overlaid, self.way, self.least, probability)
        objects = measured_objects(found, probability(found), frame.objects, self.widening, self.confidence)
        count = count_interval(found, self.widening, self.confidence)
        return found, SegmentedFrame(at, index, objects, count, found.counts, frame.failures)


class _Results:
    """What was found, frame by frame."""

    def __init__(self, image: Image, plan: FramePlan, fusing: _Fusing) -> None:
        self._image, self._plan, self._fusing = image, plan, fusing
        self._labels = np.zeros(plan.shape_out, np.int32)
        self._agreement, self._probability, self._mean = (np.zeros(plan.shape_out, np.float32) for _ in range(3))
        self.frames: list[SegmentedFrame] = []

    def add(self, at: dict[str, int], frame: _Frame) -> None:
        where = self._plan.in_results(at)
        found, about = self._fusing.of(frame, at, where)
        self._labels[where], self._agreement[where] = found.labels, found.agreement
        self._probability[where] = found.probability
        self._mean[where] = frame.mean
        self.frames.append(about)

    def done(self, note: str) -> Segmented:
        return Segmented(
            image=self._image,
            axes=self._plan.axes_out,
            spatial=self._plan.spatial,
            labels=self._labels,
            agreement=self._agreement,
            probability=self._probability,
            mean=self._mean,
            frames=tuple(self.frames),
            note=note,
            widening=self._fusing.widening,
        )
