"""Two groups of images: do their numbers differ, given how sure each number is and how images of a group differ."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from quietscope.consensus.spread import USUAL_CONFIDENCE, Interval
from quietscope.errors import SettingsError

Samples = npt.NDArray[np.float64]
_DRAWS = 4000
_SAMPLE, _COUNT = "sample_", "count"


@dataclass(frozen=True)
class Difference:
    """How a number of one group differs from that of another.

    Attributes:
        column: What the number is.
        first: Mean of the first group.
        second: Mean of the second.
        between: Second less first, with its interval.
        num: Images of each group.
    """

    column: str
    first: float
    second: float
    between: Interval
    num: tuple[int, int]

    @property
    def is_clear(self) -> bool:
        """Whether the interval of the difference leaves out 0."""
        return not self.between.low <= 0.0 <= self.between.high

    @property
    def words(self) -> str:
        """The line that a person reads."""
        ends = f"{self.between.value:+.4g} ({self.between.low:+.4g} to {self.between.high:+.4g})"
        verdict = "different" if self.is_clear else "not told apart"
        alone = ", by the measurement alone: one image says nothing of others" if 1 in self.num else ""
        return f"{self.column}: {self.first:.4g} and {self.second:.4g}, {ends}: {verdict}{alone}"


def difference(
    first: Sequence[Samples],
    second: Sequence[Samples],
    column: str = "value",
    confidence: float = USUAL_CONFIDENCE,
    seed: int = 0,
) -> Difference:
    """Compare the means of two groups of images.

    The interval is that of a bootstrap in which images are drawn with replacement, and of each image one of its
    samples: it holds both how images differ and how sure each of them is.

    Args:
        first: For each image of the first group what its samples gave.
        second: For each image of the second group.
        column: What the number is.
        confidence: Probability of the interval, 0 to 1.
        seed: Seed of the bootstrap.

    Returns:
        The difference.
    """
    random = np.random.default_rng(seed)
    drawn = [_means(group, random) for group in (first, second)]
    tail = 0.5 * (1.0 - confidence)
    low, high = np.quantile(drawn[1] - drawn[0], [tail, 1.0 - tail])
    a, b = (float(np.mean([each.mean() for each in group])) for group in (first, second))
    return Difference(column, a, b, Interval(b - a, float(low), float(high)), (len(first), len(second)))


def compare_tables(first: Path, second: Path, confidence: float = USUAL_CONFIDENCE) -> list[Difference]:
    """Compare two tables of `quietscope measure`, or two of counts of `quietscope segment`, column by column.

    Args:
        first: One table. Several rows of an image count as one, their mean; without names of images a row is an image.
        second: The other one.
        confidence: Probability of the intervals.

    Returns:
        The differences, second less first, of the columns that both have.

    Raises:
        SettingsError: If one is no such table, or they have no column in common.
    """
    one, other = groups_in(first), groups_in(second)
    both = in_common(one, other)
    return [difference(one[column], other[column], column, confidence) for column in both]


def in_common(first: Iterable[str], second: Iterable[str]) -> list[str]:
    """Return the columns that two tables have in common.

    Raises:
        SettingsError: If there is none.
    """
    one, other = list(first), list(second)
    both = [column for column in one if column in other]
    if not both:
        got = f"{', '.join(one)} and {', '.join(other)}"
        raise SettingsError("tables with a column in common", got, "measure both with the same function")
    return both


def groups_in(path: Path) -> dict[str, list[Samples]]:
    """Read what the samples of every image gave, by column.

    Rows that one function gave of one image are no images: what counts is their mean, sample by sample, so that rows
    that err together in a sample still do. A table without names of images, such as counts, has an image in each line.

    Raises:
        SettingsError: If the file is no table with samples.
    """
    rows: dict[str, dict[str, list[dict[str, float]]]] = {}
    widening: dict[str, float] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            for line, row in enumerate(csv.DictReader(file)):
                given = {
                    name: float(value) for name, value in row.items() if name and name.startswith(_SAMPLE) and value
                }
                known = {name: value for name, value in given.items() if np.isfinite(value)}
                if known:
                    image = row.get("image") or f"line {line}"
                    rows.setdefault(row.get("column") or _COUNT, {}).setdefault(image, []).append(known)
                    widening[image] = float(row.get("widening") or 1.0)
    except (OSError, UnicodeDecodeError, csv.Error, ValueError) as error:
        words = " ".join(str(error).split())[:120]
        raise SettingsError("a table of `quietscope measure`", f"{path} ({words})", "name its .csv file") from error
    if not rows:
        raise SettingsError(
            "a table of `quietscope measure`, with what samples gave", f"{path} without", "name its .csv file"
        )
    return {
        column: [_of_image(given, widening[image]) for image, given in images.items()]
        for column, images in rows.items()
    }


def _of_image(rows: Sequence[dict[str, float]], widening: float) -> Samples:
    """Return what each sample of an image gave, the mean over its rows, widened about the median."""
    names = dict.fromkeys(name for row in rows for name in row)
    means = np.array([np.mean([row[name] for row in rows if name in row]) for name in names])
    middle = np.median(means)
    return np.asarray(middle + widening * (means - middle))


def _means(group: Sequence[Samples], random: np.random.Generator) -> Samples:
    """Return means over images of the group, drawn anew for each."""
    total = np.zeros(_DRAWS)
    for _ in group:
        for image, times in _picked(len(group), random):
            total[times] += random.choice(group[image], len(times))
    return total / len(group)


def _picked(num: int, random: np.random.Generator) -> list[tuple[int, npt.NDArray[np.int64]]]:
    """Return for every image the draws in which it is picked."""
    picks = random.integers(0, num, _DRAWS)
    return [(image, np.flatnonzero(picks == image)) for image in range(num)]
