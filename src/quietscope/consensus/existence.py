"""Probabilities of existing, corrected by objects of which it is known whether they are real.

Samples know what noise leaves open, and nothing of what a segmenter gets wrong in all of them: the share of samples
that have an object is too high a probability. A few fields that somebody has labelled say by how much, and how it hangs
on what an object is like, its size and its contrast.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.consensus.instances import Consensus
from quietscope.errors import SizeError

Numbers = npt.NDArray[np.float64]

_END = 0.02
"""How near a share of few samples may be to 0 or 1."""
_LEAST_OBJECTS = 10
NUM_FEATURES = 2
"""Of an object: its size and its contrast."""
_RING = 0.25
"""Width of what is taken for the surroundings of an object, in radii of a disc or ball of its size."""


@dataclass(frozen=True)
class ExistenceCorrection:
    """A straight line on the scale of log odds: ``logit q = slope * logit p + shift + weights . (f - centre) / width``.

    Attributes:
        slope: Its slope.
        shift: What it adds.
        weights: What each feature of an object adds; none where none were learnt from.
        centre: Means of the features, over the objects that were learnt from.
        width: Their deviations.
    """

    slope: float = 1.0
    shift: float = 0.0
    weights: tuple[float, ...] = ()
    centre: tuple[float, ...] = ()
    width: tuple[float, ...] = ()

    def apply(self, probability: npt.ArrayLike, features: npt.ArrayLike | None = None) -> Numbers:
        """Return corrected probabilities, 0 to 1.

        Args:
            probability: Probabilities of existing, (N,).
            features: What the objects are like, (N, F), the same features that were learnt from.

        Raises:
            SizeError: If there are other features.
        """
        p = np.clip(np.asarray(probability, np.float64), _END, 1.0 - _END)
        odds = self.slope * np.log(p / (1.0 - p)) + self.shift
        known = _features(features, len(p) if p.ndim else 1, len(self.weights))
        if self.weights:
            odds = odds + (known - np.asarray(self.centre)) / np.asarray(self.width) @ np.asarray(self.weights)
        return np.asarray(1.0 / (1.0 + np.exp(-odds)))


SIMULATED = ExistenceCorrection(slope=0.75, shift=-0.39)
"""Learnt from simulated fields of cells that `watershed` segmented, see ``benchmarks/consensus.py``: what all samples
have is real in 93 of 100 cases. It takes no labels, and makes the error on real fields smaller."""


def fit_existence(
    probability: npt.ArrayLike, is_real: npt.ArrayLike, features: npt.ArrayLike | None = None
) -> ExistenceCorrection:
    """Fit the correction to objects of which it is known whether they are real, by maximum likelihood.

    A weak pull towards no correction, that of a standard normal prior on all numbers, keeps few objects from deciding.

    Args:
        probability: Probabilities of existing, `Consensus.existence`, (N,).
        is_real: For each object whether it is real.
        features: What the objects are like, (N, F), such as `object_features` gives; None to go by probabilities alone.

    Returns:
        The correction.

    Raises:
        SizeError: If there are fewer than ten objects, or unequal numbers.
    """
    p, real = np.asarray(probability, np.float64), np.asarray(is_real, np.float64)
    if p.shape != real.shape or p.ndim != 1 or len(p) < _LEAST_OBJECTS:
        got = f"{p.size} probabilities and {real.size} answers"
        raise SizeError(f"at least {_LEAST_OBJECTS} objects with an answer each", got, "label another field")
    from scipy.optimize import minimize

    known = _features(features, len(p), None)
    centre, spread = tuple(known.mean(axis=0).tolist()), known.std(axis=0)
    width = tuple(np.where(spread > 0.0, spread, 1.0).tolist())

    def correction(at: npt.NDArray[Any]) -> ExistenceCorrection:
        slope, shift, *weights = (float(each) for each in at)
        return ExistenceCorrection(slope, shift, tuple(weights), centre, width)

    def cost(at: npt.NDArray[Any]) -> float:
        q = np.clip(correction(at).apply(p, known), 1e-9, 1.0 - 1e-9)
        likelihood = real * np.log(q) + (1.0 - real) * np.log(1.0 - q)
        return float(-likelihood.sum() + 0.5 * ((at[0] - 1.0) ** 2 + (at[1:] ** 2).sum()))

    start = np.concatenate([[1.0, 0.0], np.zeros(known.shape[1])])
    return correction(minimize(cost, start, method="BFGS").x)


def object_features(consensus: Consensus, image: npt.NDArray[Any]) -> Numbers:
    """Return what the objects of a consensus are like, for `fit_existence` and `ExistenceCorrection.apply`.

    Args:
        consensus: The consensus.
        image: What its outlines lie on, such as the mean of the samples, of the shape of its labels.

    Returns:
        A line for each object, (N, 2): the logarithm of its pixels, and by how much it is brighter than what lies
        around it, in deviations of the image.
    """
    return features_of(consensus.labels, image)


def features_of(labels: npt.NDArray[Any], image: npt.NDArray[Any]) -> Numbers:
    """Return the same of labels, 1 to N without gaps, see `object_features`."""
    from scipy import ndimage

    found = np.zeros((int(labels.max(initial=0)), NUM_FEATURES))
    spread = float(np.nanstd(image)) or 1.0
    background = float(np.nanmean(image[labels == 0])) if (labels == 0).any() else float(np.nanmean(image))
    for number, box in enumerate(ndimage.find_objects(labels), 1):
        pixels = int(np.count_nonzero(labels[box] == number))
        ring = max(round(_RING * _radius(pixels, labels.ndim)), 1)
        wider = tuple(slice(max(side.start - ring, 0), side.stop + ring) for side in box)
        inside, seen = labels[wider] == number, image[wider]
        near = (ndimage.distance_transform_edt(~inside) <= ring) & (labels[wider] == 0) & np.isfinite(seen)
        around = float(seen[near].mean()) if near.any() else background
        found[number - 1] = np.log(pixels), (float(np.nanmean(seen[inside])) - around) / spread
    return found


def corrected_by(correction: ExistenceCorrection, image: npt.NDArray[Any]) -> Callable[[Consensus], Numbers]:
    """Return what gives the corrected probability of every object of a consensus.

    Args:
        correction: The correction.
        image: What its outlines lie on, for size and contrast, where the correction knows of them.
    """

    def corrected(found: Consensus) -> Numbers:
        return correction.apply(found.existence, object_features(found, image) if correction.weights else None)

    return corrected


def _radius(pixels: int, dims: int) -> float:
    return float(np.sqrt(pixels / np.pi) if dims == 2 else np.cbrt(0.75 * pixels / np.pi))


def _features(features: npt.ArrayLike | None, num_objects: int, wanted: int | None) -> Numbers:
    """Return features as numbers, (N, F).

    Raises:
        SizeError: If there are not `num_objects` lines, or not as many columns as wanted.
    """
    known = np.zeros((num_objects, 0)) if features is None else np.asarray(features, np.float64)
    if known.ndim != 2 or len(known) != num_objects or known.shape[1] != (known.shape[1] if wanted is None else wanted):
        shape = f"({num_objects}, {'F' if wanted is None else wanted})"
        raise SizeError(f"features of the shape {shape}", f"{known.shape}", "pass those of `object_features`")
    return known
