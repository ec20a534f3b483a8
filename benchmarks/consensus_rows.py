"""Every way from samples of fields to objects, beside one image that is segmented, and what each of them scores."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from existence_errors import recalibrated
from quietscope.consensus import Consensus, consensus_labels
from quietscope.consensus.existence import SIMULATED, object_features
from quietscope.consensus.instances import fused
from quietscope.consensus.overlay import Overlaid, Overlay
from quietscope.consensus.segmenters import varied
from quietscope.consensus.thresholding import watershed

Array = npt.NDArray[Any]
CONSENSUS = "consensus"
DEFAULT = f"{CONSENSUS}, probabilities corrected (what `segment` does)"
VARIED = f"{CONSENSUS}, diameters varied"
WAYS = (
    CONSENSUS,
    DEFAULT,
    VARIED,
    f"{CONSENSUS}, the samples alone",
    f"{CONSENSUS}, the samples alone, diameters varied",
    f"{CONSENSUS}, diameters varied, the mean in all of them",
    f"{CONSENSUS}, bic",
    f"{CONSENSUS}, average",
)
"""Ways of the consensus, of which one is the default."""


@dataclass
class Measured:
    """What was measured on fields.

    Attributes:
        tallies: By row, a tally for every field.
        objects: For every field a table of candidates, see `existence_errors.calibration`.
        varied_objects: The same of candidates with varied diameters.
    """

    tallies: dict[str, list[Array]] = field(default_factory=dict)
    objects: list[Array] = field(default_factory=list)
    varied_objects: list[Array] = field(default_factory=list)

    def merged(self, other: "Measured") -> "Measured":
        """Return both: each field has its objects in both, and its tallies one after another."""
        names = {**self.tallies, **other.tallies}
        tallies = {name: [*self.tallies.get(name, []), *other.tallies.get(name, [])] for name in names}
        return Measured(
            tallies, _joined(self.objects, other.objects), _joined(self.varied_objects, other.varied_objects)
        )


def _joined(one: Sequence[Array], other: Sequence[Array]) -> list[Array]:
    if not one:
        return list(other)
    return [np.concatenate(pair) for pair in zip(one, other, strict=True)]


def measured(
    truth: Array,
    given: Mapping[str, Array],
    samples: Callable[[int], Array],
    diameter: float,
    reference: Sequence[Array] | None = None,
) -> Measured:
    """Measure everything on some fields.

    Args:
        truth: Their labels, (N, Y, X).
        given: Images that are segmented as they are, by row, (N, Y, X); "noisy" in five diameters, too.
        samples: Returns the MMSE mean and the samples of a field, (1 + K, Y, X).
        diameter: What the segmenter is told.
        reference: Labels that it finds with little noise.
    """
    found = Measured()
    candidates: list[Array] = []
    for n, labels in enumerate(truth):
        for name, images in given.items():
            _add(found, name, labels, watershed(images[n], diameter))
        _add(found, "noisy, diameters varied", labels, _in_all(given["noisy"][n], diameter).labels)
        mean, *drawn = samples(n)
        everything = of_samples(mean, drawn, diameter)
        for name, each in everything.items():
            _add(found, name, labels, each.labels)
        seen, average = None if reference is None else reference[n], np.mean(drawn, axis=0)
        found.objects.append(_table(everything[f"{CONSENSUS}, all candidates"], labels, seen, average, diameter))
        with_all = everything[f"{VARIED}, all candidates"]
        found.varied_objects.append(_table(with_all, labels, seen, average, diameter))
        candidates.append(everything[f"{CONSENSUS}, all candidates"].labels)
    for name, featured in (("recalibrated by the other fields", False), ("the same, by size and contrast too", True)):
        kept = [np.concatenate([[False], each > 0.5]) for each in recalibrated(found.objects, featured=featured)]
        for labels, keep, proposed in zip(truth, kept, candidates, strict=True):
            _add(found, f"{CONSENSUS}, {name}", labels, np.where(keep[proposed], proposed, 0))
    return found


def _add(found: Measured, name: str, truth: Array, labels: Array) -> None:
    found.tallies.setdefault(name, []).append(tally(truth, labels))


def _in_all(image: Array, diameter: float) -> Consensus:
    return consensus_labels([each(image) for each in varied(watershed, diameter)])


def of_samples(mean: Array, drawn: Sequence[Array], diameter: float) -> dict[str, Consensus]:
    """Segment means and samples, and fuse them in every way."""
    several, average = varied(watershed, diameter), np.mean(drawn, axis=0)
    alike = [watershed(each, diameter) for each in drawn]
    unlike = [several[k % len(several)](each) for k, each in enumerate(drawn)]
    means = [each(average) for each in several]
    both, turns = laid(alike, means[:1]), laid(unlike, means[:1])
    return {
        "MMSE mean": consensus_labels([watershed(mean, diameter)]),
        "mean of the samples": consensus_labels(means[:1]),
        "mean of the samples, diameters varied": consensus_labels(means),
        "one sample": consensus_labels(alike[:1]),
        CONSENSUS: fused(both),
        DEFAULT: as_segment_does(both),
        VARIED: fused(turns),
        f"{CONSENSUS}, the samples alone": fused(laid(alike)),
        f"{CONSENSUS}, the samples alone, diameters varied": fused(laid(unlike)),
        f"{CONSENSUS}, diameters varied, the mean in all of them": fused(laid(unlike, means)),
        f"{CONSENSUS}, bic": fused(both, "bic"),
        f"{CONSENSUS}, average": fused(both, "average"),
        f"{CONSENSUS}, all candidates": fused(both, least_probability=0.0),
        f"{VARIED}, all candidates": fused(turns, least_probability=0.0),
    }


def as_segment_does(overlaid: Overlaid) -> Consensus:
    """Fuse segmentations of `watershed` as ``quietscope segment`` does where nothing is asked for."""
    return fused(overlaid, probability=lambda found: SIMULATED.apply(found.existence))


def laid(segmentations: Sequence[Array], proposals: Sequence[Array] = ()) -> Overlaid:
    """Lay segmentations over each other; proposals have no vote."""
    overlay = Overlay(segmentations[0].shape)
    for each in (*segmentations, *proposals):
        overlay.add(each)
    return overlay.done(num_proposals=len(proposals))


def _table(found: Consensus, truth: Array, reference: Array | None, image: Array, diameter: float) -> Array:
    """Return for each candidate its probability, whether it is real, whether the reference has it, and features.

    Its size is told in objects of the diameter, so that it means the same in other images.
    """
    real = overlaps(truth, found.labels).max(axis=0, initial=0.0) > 0.5
    seen = np.full(len(real), np.nan)
    if reference is not None:
        seen = overlaps(reference, found.labels).max(axis=0, initial=0.0) > 0.5
    features = object_features(found, image)
    features[:, 0] -= np.log(0.25 * np.pi * diameter**2)
    return np.column_stack([found.existence, real, seen, features])


def overlaps(truth: Array, found: Array) -> Array:
    """Return intersection over union of every true object with every one that was found."""
    width = int(found.max()) + 1
    both = np.bincount(truth.ravel().astype(np.int64) * width + found.ravel(), minlength=(int(truth.max()) + 1) * width)
    both = both.reshape(-1, width).astype(float)
    union = both.sum(1)[:, None] + both.sum(0)[None] - both
    return np.asarray((both / np.maximum(union, 1.0))[1:, 1:])


def tally(truth: Array, found: Array) -> Array:
    """Return true positives, false positives, false negatives, and the sum of SEG over true objects."""
    iou = overlaps(truth, found)
    num_true, num_found = (len(np.unique(each[each > 0])) for each in (truth, found))
    hits = int((iou > 0.5).sum())
    # An overlap above half of the true object is that of the best partner wherever IoU is above one half.
    seg = sum(_seg(truth == label, found) for label in np.unique(truth[truth > 0]))
    return np.array([hits, num_found - hits, num_true - hits, seg], float)


def _seg(mask: Array, found: Array) -> float:
    inside = np.bincount(found[mask])
    inside[0] = 0
    best = int(inside.argmax())
    if not 2 * inside[best] > mask.sum():
        return 0.0
    return float(inside[best] / (mask | (found == best)).sum())


def scores_of(tallies: Sequence[Array]) -> dict[str, float]:
    """Return the scores of all objects of some fields."""
    tp, fp, fn, seg = np.sum(tallies, axis=0)
    f1 = 2 * tp / (2 * tp + fp + fn)
    return {"ap": tp / (tp + fp + fn), "f1": f1, "seg": seg / (tp + fn), "tp": tp, "fp": fp, "fn": fn}


def chosen_by_others(tallies: Mapping[str, Sequence[Array]], num_fields: int) -> float:
    """Return the AP where each field has the way that is best on all other fields, see `WAYS`.

    Args:
        tallies: By row, for one draw of the fields after another.
        num_fields: How many fields a draw has.
    """
    mine: list[Array] = []
    for n in range(num_fields):
        others = {name: [each for k, each in enumerate(tallies[name]) if k % num_fields != n] for name in WAYS}
        best = max(WAYS, key=lambda name: scores_of(others[name])["ap"])
        mine += [each for k, each in enumerate(tallies[best]) if k % num_fields == n]
    return scores_of(mine)["ap"]
