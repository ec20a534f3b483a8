"""Spots of samples, and which of them are one and the same."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from quietscope.consensus.frame_plan import FramePlan
from quietscope.consensus.instances import check_least
from quietscope.consensus.kept_processes import processes_kept
from quietscope.consensus.posterior_samples import stored_samples
from quietscope.consensus.sampling_runs import Failure, check_enough, over
from quietscope.consensus.spread import USUAL_CONFIDENCE, Interval, check_confidence, interval_of, spread_note
from quietscope.errors import SettingsError
from quietscope.io import ImageSource, as_image
from quietscope.model.trained import TrainedModel
from quietscope.tiling.walk import Progress
from quietscope.wording import numbered, typed

Points = npt.NDArray[np.float64]
_MOST = 20_000
"""Brightest maxima of a frame that are looked at."""
_FAR_ABOVE, _DEVIATION_OF_MAD = 8.0, 1.4826
"""Deviations above the median beyond which a maximum is as good as any; chosen on fields made like those of
``benchmarks/spots.py``, of other seeds. The factor makes a median distance the deviation of a normal distribution."""


@dataclass(frozen=True)
class Spot:
    """A spot.

    Attributes:
        at: Its frame, by letters of the axes that are neither channel nor space.
        probability: Share of the samples that have it.
        position: Its place along each axis, in pixels, with its interval.
        brightness: How far it stands out of its surroundings, in units of the image, with its interval.
    """

    at: dict[str, int]
    probability: float
    position: tuple[Interval, ...]
    brightness: Interval


@dataclass(frozen=True)
class Spots:
    """The spots of an image.

    Attributes:
        spots: Frame by frame, the most probable first.
        spatial: Axes of a frame, "YX" or "ZYX".
        places: The other axes, without channels.
        threshold: The brightness from which on a maximum is a spot.
        counts: How many spots each sample has, of every frame, (frames, K).
        note: What is to be said of the intervals, or of an image without spots.
        failures: Samples that were left out.
    """

    spots: tuple[Spot, ...]
    spatial: str
    places: str
    threshold: float
    counts: tuple[npt.NDArray[np.int64], ...]
    note: str
    failures: tuple[Failure, ...] = ()

    def to_csv(self) -> str:
        """Return the table as text: a line for each spot."""
        header = [*self.places, "spot", "probability", "brightness", "brightness_low", "brightness_high"]
        for letter in self.spatial.lower():
            header += [letter, f"{letter}_low", f"{letter}_high"]
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(header)
        for number, spot in enumerate(self.spots, 1):
            row = [*spot.at.values(), number, f"{spot.probability:.4f}"]
            for each in (spot.brightness, *spot.position):
                row += [f"{value:.6g}" for value in (each.value, each.low, each.high)]
            writer.writerow(row)
        return text.getvalue()


def find_spots(
    model: TrainedModel,
    image: ImageSource,
    *,
    radius: float = 2.0,
    threshold: float | None = None,
    least_probability: float = 0.1,
    num_samples: int = 30,
    channel: int = 0,
    dims: int | None = None,
    seed: int = 0,
    axes: str | None = None,
    tile: int | None = None,
    processes: int = 1,
    confidence: float = USUAL_CONFIDENCE,
    progress: Progress | None = None,
) -> Spots:
    """Find spots in samples of an image, and the share of the samples that have each.

    A spot is a maximum of ``-sigma^2 LoG`` of a sample, with sigma the radius over the square root of the number of
    axes, which is brightest for a spot of that radius. Spots of two samples are the same within a radius.

    Args:
        model: A trained model that samples.
        image: The noisy image.
        radius: Radius of a spot, in pixels.
        threshold: Least brightness, in the units of the image; parts the maxima of all samples in two by Otsu if None.
        least_probability: Share of the samples below which a spot is not listed, 0 to 1.
        num_samples: How many samples, 2 at least.
        channel: Which channel, from 0.
        dims: 2 for planes, 3 for volumes; what the model denoises if None.
        seed: Seed of the samples.
        axes: Axes of the image where it does not name them.
        tile: Tile size in pixels; chosen from the free memory if None.
        processes: How many processes look for spots.
        confidence: Probability of the intervals, 0 to 1.
        progress: Called with (done, total) samples of tiles.

    Returns:
        The spots.

    Raises:
        SettingsError: If the model does not sample, or a number lies outside its range.
        OutputError: If there is no room for the samples among the temporary files.
        QuietScopeError: If the image does not fit the model.
    """
    check_confidence(confidence)
    if not 0.5 <= radius <= 1000:
        raise SettingsError("a radius from 0.5 to 1000 pixels", f"{radius:g}", f"pass e.g. `{typed(radius=2)}`")
    check_least(least_probability)
    if threshold is not None and not math.isfinite(threshold):
        raise SettingsError("a threshold that is a number", f"{threshold}", f"leave out `{typed('threshold')}`")
    opened = as_image(image, axes)
    plan = FramePlan.of(opened, channel, model.method.spatial_dims if dims is None else dims)
    found: list[tuple[dict[str, int], list[Points]]] = []
    failures: list[Failure] = []
    with (
        stored_samples(model, opened, num_samples=num_samples, seed=seed, tile=tile, progress=progress) as samples,
        processes_kept(),
    ):
        for at in plan.places():
            given = [each for _, each in over(samples, Maxima(radius), plan.in_image(at), processes)]
            lost = [each for each in given if isinstance(each, Failure)]
            check_enough(lost, num_samples, "finding spots")
            failures += lost
            found.append((at, [each for each in given if not isinstance(each, Failure)]))
    least = usual_threshold([part for _, parts in found for part in parts]) if threshold is None else threshold
    bright = [(at, [part[part[:, 0] >= least] for part in parts]) for at, parts in found]
    spots: list[Spot] = []
    for at, parts in bright:
        mine = [_spot(at, members, len(parts), model.spread, confidence) for members in same_spots(parts, radius)]
        spots += sorted((each for each in mine if each.probability >= least_probability), key=_by_probability)
    return Spots(
        spots=tuple(spots),
        spatial=plan.spatial,
        places="".join(letter for letter in plan.axes_out if letter not in plan.spatial),
        threshold=float(least),
        counts=tuple(np.array([len(part) for part in parts]) for _, parts in bright),
        note=spread_note(model) if any(len(part) for _, parts in bright for part in parts) else _none(num_samples),
        failures=tuple(failures),
    )


@dataclass(frozen=True)
class Maxima:
    """Finds the maxima of a sample.

    Attributes:
        radius: Radius of a spot in pixels.
    """

    radius: float

    def __call__(self, sample: npt.NDArray[np.float32]) -> Points:
        """Return brightness and place of every maximum, (maxima, 1 + axes), brightest first."""
        from scipy import ndimage

        sigma = self.radius / np.sqrt(sample.ndim)
        is_known = np.isfinite(sample)
        response = -(sigma**2) * ndimage.gaussian_laplace(_without_gaps(sample, is_known), sigma)
        window = 2 * int(np.ceil(self.radius)) + 1
        is_top = (response == ndimage.maximum_filter(response, size=window)) & (response > 0) & is_known
        places = np.argwhere(is_top)
        heights = response[tuple(places.T)]
        order = np.argsort(-heights, kind="stable")[:_MOST]
        refined = places[order] + _between(response, places[order])
        return np.concatenate([heights[order, None], refined], axis=1)


def _without_gaps(sample: npt.NDArray[np.float32], is_known: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Return a sample in which pixels that were never measured have the value of the nearest one that was."""
    from scipy import ndimage

    if is_known.all() or not is_known.any():
        return np.where(is_known, sample, 0.0).astype(np.float64)
    nearest = ndimage.distance_transform_edt(~is_known, return_distances=False, return_indices=True)
    return np.asarray(sample[tuple(nearest)], np.float64)


def _none(num_samples: int) -> str:
    what = f"`{typed('radius')}` or `{typed('threshold')}`"
    return f"no spot in any of {numbered(num_samples, 'sample')}: if there are some, pass another {what}"


def _between(response: Points, places: npt.NDArray[np.int64]) -> Points:
    """Return how far the top of a parabola through every maximum lies from it along each axis, up to half a pixel."""
    offsets = np.zeros(places.shape)
    for axis, length in enumerate(response.shape):
        inside = (places[:, axis] > 0) & (places[:, axis] < length - 1)
        at = places[inside].copy()
        middle = response[tuple(at.T)]
        at[:, axis] -= 1
        before = response[tuple(at.T)]
        at[:, axis] += 2
        after = response[tuple(at.T)]
        bend = np.minimum(before - 2.0 * middle + after, -np.finfo(np.float64).tiny)
        offsets[inside, axis] = np.clip(0.5 * (before - after) / bend, -0.5, 0.5)
    return offsets


def same_spots(parts: Sequence[Points], radius: float) -> list[Points]:
    """Put the spots of samples into groups of those that are the same, each with one of a sample at most.

    The spot that has the most others within the radius founds the first group, of itself and the nearest of each other
    sample; of what is left the next, until nothing is.

    Args:
        parts: The spots of each sample, (spots, 1 + axes): brightness, then the place.
        radius: How far two that are the same may lie apart.

    Returns:
        The members of each group, (members, 1 + axes).
    """
    from scipy.spatial import cKDTree

    points = np.concatenate(list(parts))
    if not len(points):
        return []
    sample = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    near = cKDTree(points[:, 1:]).query_ball_point(points[:, 1:], radius)
    crowd = np.array([len({int(sample[each]) for each in ball}) for ball in near])
    is_taken = np.zeros(len(points), bool)
    groups = []
    for founder in np.lexsort((-points[:, 0], -crowd)):
        if is_taken[founder]:
            continue
        ball = np.array([each for each in near[founder] if not is_taken[each]])
        far = np.square(points[ball, 1:] - points[founder, 1:]).sum(axis=1)
        ball = ball[np.argsort(far, kind="stable")]
        _, first = np.unique(sample[ball], return_index=True)
        is_taken[ball[first]] = True
        groups.append(points[ball[first]])
    return groups


def _spot(at: dict[str, int], members: Points, num: int, widening: float, confidence: float) -> Spot:
    brightness, *position = (interval_of(column, widening, confidence) for column in members.T)
    return Spot(at, len(members) / num, tuple(position), brightness)


def _by_probability(spot: Spot) -> tuple[float, float]:
    return -spot.probability, -spot.brightness.value


def usual_threshold(parts: Sequence[Points]) -> float:
    """Return the brightness that parts maxima in two by Otsu's rule.

    Those far above the median count as less bright than they are, so that a few do not have it all.

    Args:
        parts: Maxima of images, (maxima, 1 + axes), brightness first.

    Returns:
        The brightness, in the units of the image; 0 where there is nothing to part.
    """
    from skimage.filters import threshold_otsu

    heights = np.concatenate([part[:, 0] for part in parts])
    if not heights.size:
        return 0.0
    median = np.median(heights)
    deviation = _DEVIATION_OF_MAD * np.median(np.abs(heights - median))
    seen = np.minimum(heights, median + _FAR_ABOVE * deviation) if deviation > 0 else heights
    return float(threshold_otsu(seen)) if np.ptp(seen) > 0 else 0.0
