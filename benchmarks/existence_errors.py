"""How honest probabilities of existing are: their error, how much of it chance makes, and after corrections."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.consensus.existence import SIMULATED, ExistenceCorrection, fit_existence

Array = npt.NDArray[Any]
BINS = 10
_FEATURES = 3
"""Column of the first feature of a table of objects: probability, whether it is real, whether a reference has it."""


def expected_error(probability: Array, answer: Array) -> float:
    """Return the expected calibration error over ten bins."""
    place = np.minimum((probability * BINS).astype(int), BINS - 1)
    parts = [place == each for each in range(BINS)]
    gaps = [part.sum() * abs(probability[part].mean() - answer[part].mean()) for part in parts if part.any()]
    return float(sum(gaps) / len(probability))


def by_chance(probability: Array, repeats: int = 500) -> tuple[float, float]:
    """Return the error that honest probabilities would show with so many objects: its mean, and what 95 % lie below."""
    random = np.random.default_rng(0)
    drawn = [expected_error(probability, random.uniform(size=len(probability)) < probability) for _ in range(repeats)]
    return float(np.mean(drawn)), float(np.quantile(drawn, 0.95))


def calibration(by_field: Sequence[Array], simulated: Array | None = None) -> dict[str, float]:
    """Return the errors of the probability of existing: as it is, and corrected in every way.

    Args:
        by_field: A table for every field, (objects, 3 + features), see `_FEATURES`.
        simulated: The same of simulated fields, from which a correction without labels can be learnt.
    """
    everything = np.concatenate(by_field)
    raw, real, seen = everything[:, :_FEATURES].T
    chance, most = by_chance(raw)
    found = {"objects": float(len(raw)), "error": expected_error(raw, real)}
    corrected = SIMULATED.apply(raw)
    found["error_as_segment_corrects"] = expected_error(corrected, real)
    found["error_of_honest_ones_like_these"], found["95_percent_of_them_below"] = by_chance(corrected)
    found |= {"error_of_honest_ones": chance, "95_percent_of_these_below": most}
    if np.isfinite(seen).all():
        found["error_against_reference"] = expected_error(raw, seen)
    for name, featured in (("recalibrated_error", False), ("recalibrated_by_features_error", True)):
        found[name] = expected_error(np.concatenate(recalibrated(by_field, featured=featured)), real)
        if simulated is not None:
            if not featured:
                line = _fitted(simulated, featured=False)
                found |= {"simulated_slope": line.slope, "simulated_shift": line.shift}
            guessed = _applied(_fitted(simulated, featured=featured), everything, featured=featured)
            found[f"simulated_{name}"] = expected_error(guessed, real)
    return found


def recalibrated(by_field: Sequence[Array], *, featured: bool) -> list[Array]:
    """Return the probabilities of every field, corrected by what is real in the other fields."""
    found = []
    for n, mine in enumerate(by_field):
        others = np.concatenate([each for m, each in enumerate(by_field) if m != n])
        found.append(_applied(_fitted(others, featured=featured), mine, featured=featured))
    return found


def _fitted(objects: Array, *, featured: bool) -> ExistenceCorrection:
    return fit_existence(objects[:, 0], objects[:, 1], objects[:, _FEATURES:] if featured else None)


def _applied(correction: ExistenceCorrection, objects: Array, *, featured: bool) -> Array:
    return correction.apply(objects[:, 0], objects[:, _FEATURES:] if featured else None)
