"""Antithetic pairs of samples, whose mean comes closer to the posterior's than that of as many independent samples.

Hammersley and Morton, "A new Monte Carlo technique: antithetic variates", Proc. Cambridge Phil. Soc. 52 (1956).
"""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Which samples pair: the second of a pair takes the latent noise of the first with its sign turned.

    A sample is a function ``f(z)`` of its latent noise z, and -z is as probable as z, so that each sample of a pair is
    distributed as the posterior is. With odd part ``o(z) = (f(z) - f(-z)) / 2`` and even part
    ``e(z) = (f(z) + f(-z)) / 2``, the variance of a sample is ``var o + var e``. The mean of n samples has the variance

    * ``(var o + var e) / n`` where they are independent,
    * ``2 var e / n`` where they pair: smaller wherever ``var e < var o``, and zero where f is linear in z.

    The two of a pair are not independent, so whatever is more than an expectation is made of the first alone, together
    with the samples that have no partner.

    Attributes:
        first: Number of the first sample of the first pair, even; samples before it have no partner.
        count: Number of pairs: ``first + 2 k`` and ``first + 2 k + 1`` for k below it.
    """

    first: int = 0
    count: int = 0

    @property
    def end(self) -> int:
        """Number after that of the last sample of the last pair."""
        return self.first + 2 * self.count

    def source(self, number: int) -> tuple[int, float]:
        """Return whose latent noise a sample takes, and its sign: that of its own number, or of its partner's, -1."""
        return (number - 1, -1.0) if self._is_second(number) else (number, 1.0)

    def serves(self, number: int, *, expectation: bool) -> bool:
        """Tell whether an estimate sees a sample.

        Args:
            number: Number of the sample.
            expectation: Whether the estimate is the mean of the samples, or of a function of each of them.

        Returns:
            True without pairs; else, for an expectation, whether the sample is one of a pair, and otherwise whether it
            is independent of all samples of smaller number.
        """
        if not self.count:
            return True
        return self.first <= number < self.end if expectation else not self._is_second(number)

    def seen(self, num_samples: int, *, expectation: bool) -> int:
        """Return how many of the samples 0 to ``num_samples - 1`` an estimate sees, see `serves`."""
        if not self.count:
            return num_samples
        return 2 * self.count if expectation else num_samples - self.count

    def of_turn(self, turn: int, num_turns: int, num_samples: int) -> Iterator[int]:
        """Return the samples that are drawn in one of several orientations of the image: pairs stay together."""
        return (number for number in range(num_samples) if self._unit(number) % num_turns == turn)

    def _is_second(self, number: int) -> bool:
        return number % 2 == 1 and self.first <= number < self.end

    def _unit(self, number: int) -> int:
        """Return the position of a sample where a pair counts once."""
        if number < self.first:
            return number
        return self.first + (number - self.first) // 2 if number < self.end else number - self.count


NO_PAIRS = Pairs()
ENOUGH_PAIRS = 5
ENOUGH_FOR_ORIENTATIONS = 8


def last_pairs(num_samples: int, count: int) -> Pairs:
    """Return a number of pairs among so many samples: the last ones, so that the first samples are independent."""
    return Pairs(first=2 * (num_samples // 2 - count), count=count)


def usual_pairs(num_samples: int, *, alone: bool, enough: int = ENOUGH_PAIRS) -> int:
    """Return the number of pairs that serves both an expectation and what is wanted beside it.

    Five pairs make a mean as good as that of 240 independent samples or more (``benchmarks/antithetic.py``: HDN on FISH
    and W2S, DivNoising on W2S), beside which the model's own error is all that is left.

    Args:
        num_samples: Number of samples.
        alone: Whether nothing but expectations is wanted.
        enough: How many make a good mean; more where the image is looked at in several orientations, one for each.

    Returns:
        All pairs there can be, where expectations are alone; else `enough`, or a tenth of the samples where that is
        more, or a quarter of them where that is less: each pair takes one independent sample from other estimates.
    """
    return num_samples // 2 if alone else min(num_samples // 4, max(enough, num_samples // 10))
