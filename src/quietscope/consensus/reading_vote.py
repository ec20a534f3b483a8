"""What stands at one place, by the readings of many samples: their probabilities, and the text that they agree on.

The text is that of least expected error under the readings: ``argmin_c sum_i p_i d(c, r_i)``, with d the number of
wrong characters, over the readings r and a vote by character. Votes of aligned readings are those of ROVER (Fiscus,
"A post-processing system to yield reduced word error rates", ASRU 1997).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from quietscope.consensus.reading_words import distance

FURTHER_SHARE = 0.05
"""What further ballots count, all together, where there are any. Chosen on the pages of ``benchmarks/reading.py``:
probabilities of all readings are off by least then, and with more those of words are worse."""
MOST_READINGS = 60
"""Readings that are compared with each other; what is rarer changes nothing."""


@dataclass(frozen=True)
class Ballot:
    """What one image says of a place: its reading, empty where nothing is read, and how much that counts, 0 to 1."""

    text: str
    weight: float


@dataclass(frozen=True)
class Reading:
    """One way to read a place.

    Attributes:
        text: The characters; empty for nothing there.
        probability: Share of the ballots that read it so, weighted by how sure they are, 0 to 1; of further ballots
            their share times `FURTHER_SHARE`.
        count: How many these are.
    """

    text: str
    probability: float
    count: int


def ranked(ballots: Sequence[Ballot]) -> tuple[Reading, ...]:
    """Return the readings of a place, the most probable first; equal ones in alphabetical order.

    Args:
        ballots: One for each image that was read.
    """
    weights: dict[str, float] = defaultdict(float)
    counts: dict[str, int] = defaultdict(int)
    for ballot in ballots:
        weights[ballot.text] += ballot.weight
        counts[ballot.text] += 1
    total = sum(weights.values())
    shares = {text: weight / total if total > 0.0 else counts[text] / len(ballots) for text, weight in weights.items()}
    readings = (Reading(text, share, counts[text]) for text, share in shares.items())
    return tuple(sorted(readings, key=lambda each: (-each.probability, each.text)))


def joined(readings: Sequence[Reading], further: Sequence[Reading]) -> tuple[Reading, ...]:
    """Return readings with those of further ballots, which count `FURTHER_SHARE`; ranked anew.

    Args:
        readings: Those that the text is made of.
        further: Those that tell what else it may be; none leave all as it is.
    """
    if not further:
        return tuple(readings)
    shares: dict[str, float] = defaultdict(float)
    counts: dict[str, int] = defaultdict(int)
    for group, weight in ((readings, 1.0 - FURTHER_SHARE), (further, FURTHER_SHARE)):
        for each in group:
            shares[each.text] += weight * each.probability
            counts[each.text] += each.count
    found = (Reading(text, share, counts[text]) for text, share in shares.items())
    return tuple(sorted(found, key=lambda each: (-each.probability, each.text)))


def agreed(readings: Sequence[Reading]) -> str:
    """Return the text of least expected error under readings that are ranked; empty for nothing there."""
    known = {each.text: each.probability for each in readings[:MOST_READINGS]}
    if len(known) == 1:
        return readings[0].text
    best = min(known, key=lambda text: (_expected(text, known), -known[text]))
    voted = by_character(best, known)
    return voted if _expected(voted, known) < _expected(best, known) else best


def _expected(text: str, readings: Mapping[str, float]) -> float:
    """Return the expected number of wrong characters of a text."""
    return sum(probability * distance(text, other) for other, probability in readings.items())


def by_character(pivot: str, readings: Mapping[str, float]) -> str:
    """Vote for every character of a text, and for what is missing between two of them.

    Args:
        pivot: The text that all readings are aligned with.
        readings: Probabilities of readings.

    Returns:
        The text of the characters that have most votes.
    """
    kept: list[dict[str, float]] = [defaultdict(float) for _ in pivot]
    between: list[dict[str, float]] = [defaultdict(float) for _ in range(len(pivot) + 1)]
    for text, probability in readings.items():
        instead, added = aligned(pivot, text)
        for votes, letter in zip((*kept, *between), (*instead, *added), strict=True):
            votes[letter] += probability
    out = ""
    for place, votes in enumerate(between):
        out += max(votes, key=lambda each: votes[each], default="")
        if place < len(kept):
            out += max(kept[place], key=lambda each: kept[place][each])
    return out


def aligned(pivot: str, text: str) -> tuple[list[str], list[str]]:
    """Align a text with another one by the fewest changes.

    Args:
        pivot: The text of reference, of n characters.
        text: The other one.

    Returns:
        What stands in place of each of the n characters, nothing or one; and what is added before each of them and
        after the last, n + 1 texts.
    """
    costs = [[max(i, j) if i * j == 0 else 0 for j in range(len(text) + 1)] for i in range(len(pivot) + 1)]
    for i, letter in enumerate(pivot, 1):
        for j, other in enumerate(text, 1):
            costs[i][j] = min(costs[i - 1][j - 1] + (letter != other), costs[i - 1][j] + 1, costs[i][j - 1] + 1)
    instead, added = [""] * len(pivot), [""] * (len(pivot) + 1)
    i, j = len(pivot), len(text)
    while i or j:
        if i and j and costs[i][j] == costs[i - 1][j - 1] + (pivot[i - 1] != text[j - 1]):
            i, j = i - 1, j - 1
            instead[i] = text[j]
        elif j and costs[i][j] == costs[i][j - 1] + 1:
            j -= 1
            added[i] = text[j] + added[i]
        else:
            i -= 1
    return instead, added
