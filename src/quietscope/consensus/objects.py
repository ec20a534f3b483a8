"""Objects with their probability, and what was measured of each with an interval."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from quietscope.consensus.instances import Consensus
from quietscope.consensus.spread import Interval, interval_of

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SampleObjects:
    """The objects of one sample: what is kept of it beside the overlay of its labels.

    Attributes:
        area: Pixels of each.
        intensity: Mean of the sample over each, of the pixels that were measured.
        position: Centre of each along each axis, in pixels, (objects, axes).
    """

    area: Numbers
    intensity: Numbers
    position: Numbers


def objects_of(labels: npt.NDArray[Any], sample: npt.NDArray[Any]) -> SampleObjects:
    """Measure the objects of one sample.

    Args:
        labels: Its labels, as its segmenter returned them.
        sample: The sample.

    Returns:
        What was measured, in the order of the labels.
    """
    flat = np.unique(labels, return_inverse=True)
    numbers = flat[1].ravel()
    area = np.bincount(numbers).astype(np.float64)
    is_known = np.isfinite(sample.ravel())
    known = np.maximum(np.bincount(numbers, weights=is_known), 1.0)
    total = np.bincount(numbers, weights=np.where(is_known, sample.ravel(), 0.0))
    axes = []
    for axis, length in enumerate(labels.shape):
        along = np.arange(length, dtype=np.float64).reshape([-1 if n == axis else 1 for n in range(labels.ndim)])
        axes.append(np.bincount(numbers, weights=np.broadcast_to(along, labels.shape).ravel()) / area)
    kept = flat[0] > 0
    return SampleObjects(area[kept], (total / known)[kept], np.stack(axes, axis=1)[kept])


@dataclass(frozen=True)
class MeasuredObject:
    """An object of the consensus.

    Attributes:
        label: Its label.
        probability: That there is such an object, 0 to 1.
        area: Pixels, with the interval over the samples that have it.
        intensity: Mean intensity, likewise.
        position: Centre along each axis in pixels, likewise.
        num_samples: How many samples have it.
    """

    label: int
    probability: float
    area: Interval
    intensity: Interval
    position: tuple[Interval, ...]
    num_samples: int


Measured: TypeAlias = tuple[MeasuredObject, ...]


def measured_objects(
    consensus: Consensus, probability: Numbers, samples: Sequence[SampleObjects], widening: float, confidence: float
) -> Measured:
    """Return the objects of a consensus, with what their partners in the samples measure.

    Args:
        consensus: The consensus.
        probability: That each of its objects exists, (N,).
        samples: The objects of every sample, in the order of its segmentations.
        widening: Factor on the distances from the median.
        confidence: Probability of the intervals.
    """

    def interval(values: "list[float]") -> Interval:
        return interval_of(values, widening, confidence)

    found = []
    for label in range(1, consensus.num_objects + 1):
        partners = [(n, each - 1) for n, each in enumerate(consensus.partners[label - 1]) if each > 0]
        found.append(
            MeasuredObject(
                label=label,
                probability=float(probability[label - 1]),
                area=interval([samples[n].area[each] for n, each in partners]),
                intensity=interval([samples[n].intensity[each] for n, each in partners]),
                position=tuple(
                    interval([samples[n].position[each, axis] for n, each in partners])
                    for axis in range(consensus.labels.ndim)
                ),
                num_samples=len(partners),
            )
        )
    return tuple(found)
