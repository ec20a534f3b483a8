"""Probabilities of existing, corrected by objects of which it is known whether they are real.

Samples know what noise leaves open, and nothing of what a segmenter gets wrong in all of them: the share of samples
that have an object is too high a probability. A few fields that somebody has labelled say by how much.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.errors import SizeError

_END = 0.02
"""How near a share of few samples may be to 0 or 1."""
_LEAST_OBJECTS = 10


@dataclass(frozen=True)
class ExistenceCorrection:
    """A straight line on the scale of log odds: ``logit q = slope * logit p + shift``.

    Attributes:
        slope: Its slope.
        shift: What it adds.
    """

    slope: float = 1.0
    shift: float = 0.0

    def apply(self, probability: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return corrected probabilities, 0 to 1."""
        p = np.clip(np.asarray(probability, np.float64), _END, 1.0 - _END)
        return np.asarray(1.0 / (1.0 + np.exp(-(self.slope * np.log(p / (1.0 - p)) + self.shift))))


def fit_existence(probability: npt.ArrayLike, is_real: npt.ArrayLike) -> ExistenceCorrection:
    """Fit the correction to objects of which it is known whether they are real, by maximum likelihood.

    A weak pull towards no correction, that of a standard normal prior on both numbers, keeps few objects from deciding.

    Args:
        probability: Probabilities of existing, `Consensus.existence`.
        is_real: For each object whether it is real.

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

    def cost(at: npt.NDArray[Any]) -> float:
        q = np.clip(ExistenceCorrection(*at).apply(p), 1e-9, 1.0 - 1e-9)
        likelihood = real * np.log(q) + (1.0 - real) * np.log(1.0 - q)
        return float(-likelihood.sum() + 0.5 * ((at[0] - 1.0) ** 2 + at[1] ** 2))

    slope, shift = minimize(cost, np.array([1.0, 0.0]), method="Nelder-Mead").x
    return ExistenceCorrection(float(slope), float(shift))
