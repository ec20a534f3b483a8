"""Places of a page where words stand, found by the words that many samples were read as.

Samples cut lines into words differently: two words may run together in one, or a word fall apart. So nothing of one
sample is taken for the truth: lines are where the lines of all samples crowd, and a place for a word ends where most
samples have a gap.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d

from quietscope.consensus.reading_vote import Ballot, ranked
from quietscope.consensus.reading_words import Box, Word, distance, mean_confidence

_GRID = 4
"""Steps per pixel in which gaps between words are found."""
_CUTS = 3
"""Characters by which the cut of a word that fills two places may lie off where its letters would be evenly spaced."""
_BANDWIDTH, _SAME_LINE = 0.25, 0.5
"""Width of the crowd of a line, and what lies apart at least, in heights of words."""
_STEPS, _MARGIN = 4, 20
"""Steps in which the density of rows is looked at, in the width of a crowd, and beyond its ends."""
_CLEARLY = 0.3
"""Share of a place that a word covers at least where it is said to fill it."""


@dataclass(frozen=True)
class Place:
    """A place for a word.

    Attributes:
        line: Number of its line, from the top.
        box: Where it is.
        ballots: What each sample says of it, in their order.
        further: What each of the images says of it that do not decide where places are.
    """

    line: int
    box: Box
    ballots: tuple[Ballot, ...]
    further: tuple[Ballot, ...] = ()


def places_of(samples: Sequence[Sequence[Word]], further: Sequence[Sequence[Word]] = ()) -> list[Place]:
    """Return the places of a page, line by line from the top, each line from the left.

    Args:
        samples: The words of each sample.
        further: The words of each image that only says what stands at these places; what it has elsewhere is left out.
    """
    usual = [mean_confidence(words) for words in (*samples, *further)]
    return [
        place
        for number, line in enumerate(_lines(samples, further))
        for place in _places_of_line(line, number, usual, len(samples))
    ]


def _lines(samples: Sequence[Sequence[Word]], further: Sequence[Sequence[Word]]) -> list[list[list[Word]]]:
    """Return for each line the words of each sample, then of each further image, from the left."""
    middles, others = _middles(samples), _middles(further)
    if not middles:
        return []
    rows, weights = np.array([each[0] for each in middles]), np.array([each[1] for each in middles])
    height = float(np.median([word.height for words in samples for word in words]))
    tops = crowds(rows, weights, height)
    lines: list[list[list[Word]]] = [[[] for _ in (*samples, *further)] for _ in tops]
    for middle, _, number, words in middles:
        lines[int(np.argmin(np.abs(tops - middle)))][number] += words
    for middle, _, number, words in others:
        line = int(np.argmin(np.abs(tops - middle)))
        if abs(tops[line] - middle) <= _SAME_LINE * height:
            lines[line][len(samples) + number] += words
    return [[sorted(words, key=lambda word: word.box[0]) for words in line] for line in lines]


def _middles(samples: Sequence[Sequence[Word]]) -> list[tuple[float, float, int, list[Word]]]:
    """Return for every line of every sample its middle, its weight, the number of the sample, and its words."""
    middles: list[tuple[float, float, int, list[Word]]] = []
    for number, words in enumerate(samples):
        by_line: dict[int, list[Word]] = defaultdict(list)
        for word in words:
            by_line[word.line].append(word)
        for line in by_line.values():
            letters = [max(word.confidence, 0.01) * len(word.text) for word in line]
            middle = float(np.average([word.middle for word in line], weights=letters))
            middles.append((middle, sum(letters), number, line))
    return middles


def crowds(rows: npt.NDArray[np.float64], weights: npt.NDArray[np.float64], height: float) -> npt.NDArray[np.float64]:
    """Return where rows crowd: the modes of their density, from the top.

    Args:
        rows: Middles of lines, in pixels.
        weights: How much each counts.
        height: Height of a word, in pixels.
    """
    step = max(_BANDWIDTH * height, 0.5) / _STEPS
    start = float(rows.min()) - _MARGIN * step
    at = np.round((rows - start) / step).astype(int)
    density = gaussian_filter1d(np.bincount(at, weights, minlength=int(at.max()) + _MARGIN), _STEPS, mode="constant")
    modes = 1 + np.flatnonzero((density[1:-1] >= density[:-2]) & (density[1:-1] > density[2:]))
    found: list[float] = []
    for mode in modes[np.argsort(-density[modes], kind="stable")]:
        row = start + step * float(mode)
        if all(abs(row - other) > _SAME_LINE * height for other in found):
            found.append(row)
    return np.sort(np.array(found))


def _places_of_line(
    line: Sequence[Sequence[Word]], number: int, usual: Sequence[float], num_samples: int
) -> list[Place]:
    """Cut one line into places by the words of the samples, and give them everyone's words."""
    own = line[:num_samples]
    spans = spans_of(own)
    heads = [dict(_whole(words, spans)) for words in own]
    leading = [_leading([head[place] for head in heads if place in head]) for place in range(len(spans))]
    shares = [_shared(words, spans, leading) for words in line]
    places: list[Place] = []
    for place, (left, right) in enumerate(spans):
        ballots = []
        for texts, words, confidence in zip(shares, line, usual, strict=True):
            mine = [word for word in words if word.box[2] > left and word.box[0] < right]
            weight = mean_confidence(mine) if texts[place] else mean_confidence(words) or confidence
            ballots.append(Ballot(texts[place], weight))
        inside = [word for words in own for word in words if left <= 0.5 * (word.box[0] + word.box[2]) < right]
        edges = np.median([(word.box[1], word.box[3]) for word in inside], axis=0) if inside else (0.0, 0.0)
        box = (left, float(edges[0]), right, float(edges[1]))
        places.append(Place(number, box, tuple(ballots[:num_samples]), tuple(ballots[num_samples:])))
    return places


def spans_of(line: Sequence[Sequence[Word]]) -> list[tuple[float, float]]:
    """Return where places begin and end: runs of columns that at least half of the samples have a word in.

    Args:
        line: The words of each sample in one line; samples without any have no say.
    """
    said = [words for words in line if words]
    if not said:
        return []
    start = min(words[0].box[0] for words in said)
    end = max(word.box[2] for words in said for word in words)
    columns = start + (np.arange(max(1, round((end - start) * _GRID))) + 0.5) / _GRID
    covered, total = np.zeros(len(columns)), 0.0
    for words in said:
        weight = max(mean_confidence(words), 0.01)
        inside = np.zeros(len(columns), bool)
        for word in words:
            inside |= (columns > word.box[0]) & (columns < word.box[2])
        covered += weight * inside
        total += weight
    filled = np.concatenate([[False], covered >= 0.5 * total, [False]])
    edges = np.flatnonzero(filled[1:] != filled[:-1]).reshape(-1, 2)
    return [(float(start + a / _GRID), float(start + b / _GRID)) for a, b in edges]


def _filled(word: Word, spans: Sequence[tuple[float, float]]) -> list[int]:
    """Return the places that a word fills clearly; that which it covers most of where there is no such place."""
    shares = [(min(right, word.box[2]) - max(left, word.box[0])) / (right - left) for left, right in spans]
    clearly = [place for place, share in enumerate(shares) if share >= _CLEARLY]
    if clearly or not shares or max(shares) <= 0.0:
        return clearly
    return [int(np.argmax(shares))]


def _whole(words: Sequence[Word], spans: Sequence[tuple[float, float]]) -> list[tuple[int, str]]:
    """Return the places of which a sample's words fill no other, and their texts."""
    texts: dict[int, list[str]] = defaultdict(list)
    for word in words:
        filled = _filled(word, spans)
        if len(filled) == 1:
            texts[filled[0]].append(word.text)
    return [(place, " ".join(parts)) for place, parts in texts.items()]


def _leading(texts: Sequence[str]) -> str:
    """Return the text that most samples have of a place; empty where none has it by itself."""
    return ranked([Ballot(text, 1.0) for text in texts])[0].text if texts else ""


def _shared(words: Sequence[Word], spans: Sequence[tuple[float, float]], leading: Sequence[str]) -> list[str]:
    """Return a sample's text of every place: words that fill several are cut, parts of a word are put side by side."""
    parts: list[list[str]] = [[] for _ in spans]
    for word in words:
        filled = _filled(word, spans)
        for place, text in zip(filled, cut(word, [spans[each] for each in filled], [leading[each] for each in filled]),
                               strict=True):  # fmt: skip
            parts[place] += [text] * bool(text)
    return [" ".join(each) for each in parts]


def cut(word: Word, spans: Sequence[tuple[float, float]], leading: Sequence[str]) -> list[str]:
    """Cut the text of a word that fills several places.

    Args:
        word: The word.
        spans: Where each of the places begins and ends, from the left.
        leading: What others read there, by which the cut is found near where evenly spaced letters would have it.

    Returns:
        Its text at each of the places.
    """
    rest, texts = word.text, []
    left, right = word.box[0], word.box[2]
    for place in range(len(spans) - 1):
        border = 0.5 * (spans[place][1] + spans[place + 1][0])
        even = round(len(rest) * (border - left) / max(right - left, 1e-6))
        wanted, after = leading[place], "".join(leading[place + 1 :])
        choices = range(max(0, even - _CUTS), min(len(rest), even + _CUTS) + 1)
        costs = {at: distance(rest[:at], wanted) + distance(rest[at:], after) for at in choices}
        best = min(costs, key=lambda at: (costs[at], abs(at - even))) if wanted or after else min(even, len(rest))
        texts.append(rest[:best])
        rest, left = rest[best:], border
    return [*texts, rest] if spans else []
