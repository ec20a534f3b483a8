"""Intervals of what was measured on samples, and what is said of a model whose samples may lie too close together."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from quietscope.errors import SettingsError
from quietscope.model.trained import TrainedModel
from quietscope.wording import typed

USUAL_CONFIDENCE = 0.9


@dataclass(frozen=True)
class Interval:
    """What a number may be.

    Attributes:
        value: The median of the samples.
        low: Lower end.
        high: Upper end.
    """

    value: float
    low: float
    high: float


def interval_of(values: npt.ArrayLike, widening: float = 1.0, confidence: float = USUAL_CONFIDENCE) -> Interval:
    """Return the interval of what samples gave.

    Of K samples the ends are such that one more would lie between them with the confidence asked for, as far as K
    allows: 19 of them for 90 %; of fewer they are the least and the greatest.

    Args:
        values: One number per sample; NaN for those that gave none.
        widening: Factor on the distances from the median, 1 or what the model was recalibrated to.
        confidence: Probability of the interval, 0 to 1.

    Returns:
        The interval; NaN where no sample gave a number.
    """
    known = np.asarray(values, np.float64)
    known = known[np.isfinite(known)]
    if not known.size:
        return Interval(np.nan, np.nan, np.nan)
    tail = 0.5 * (1.0 - confidence)
    low, value, high = np.quantile(known, [tail, 0.5, 1.0 - tail], method="weibull")
    return Interval(float(value), float(value + widening * (low - value)), float(value + widening * (high - value)))


def check_confidence(confidence: float) -> None:
    """Refuse what is no probability of an interval.

    Raises:
        SettingsError: If it is not between 0 and 1.
    """
    if not 0.0 < confidence < 1.0:
        raise SettingsError("a confidence between 0 and 1", f"{confidence:g}", f"pass e.g. `{typed(confidence=0.9)}`")


def spread_note(model: TrainedModel) -> str:
    """Return what is to be said of intervals made of a model's samples."""
    if model.spread != 1.0:
        return f"intervals are {model.spread:.3g} times as wide as those of the samples, as the model was recalibrated"
    return (
        "intervals are those of the samples, which may be too narrow: `quietscope recalibrate` corrects the model's "
        "spread, by a reference or without one"
    )
