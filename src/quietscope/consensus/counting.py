"""How many objects there are, and whether two groups of images differ in it, given how sure each count is."""

from collections.abc import Sequence

import numpy as np

from quietscope.consensus.instances import Consensus
from quietscope.consensus.spread import USUAL_CONFIDENCE, Interval, interval_of

SURE, DOUBTFUL = 0.9, 0.7
"""Probabilities of existing above which an object is sure, and below which it is doubtful."""


def sure_and_doubtful(probabilities: Sequence[float]) -> tuple[int, int]:
    """Return how many objects are sure, and how many doubtful."""
    return sum(p > SURE for p in probabilities), sum(p < DOUBTFUL for p in probabilities)


def count_interval(consensus: Consensus, widening: float = 1.0, confidence: float = USUAL_CONFIDENCE) -> Interval:
    """Return how many objects there are: those of the consensus, and the interval of what samples have.

    The ends are whole numbers, the lower one rounded down, the upper one up, so that the interval holds at least what
    was asked for; it always holds the number of the consensus.

    Args:
        consensus: The consensus.
        widening: Factor on the distances from the median.
        confidence: Probability of the interval.
    """
    spread = interval_of(consensus.counts, widening, confidence)
    num = consensus.num_objects
    low, high = max(0.0, float(np.floor(spread.low))), float(np.ceil(spread.high))
    return Interval(float(num), min(low, float(num)), max(high, float(num)))
