"""Two groups of images: do their numbers differ, given how sure each number is and how images of a group differ."""

import csv
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from quietscope.consensus.spread import USUAL_CONFIDENCE, Interval
from quietscope.errors import SettingsError
from quietscope.io.segment_names import COUNTS

Samples = npt.NDArray[np.float64]
Group: TypeAlias = Mapping[str, Sequence[Samples]]
"""What the samples of every image of a group gave, by column."""
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
        return f"{self.column}: {self.first:.4g} and {self.second:.4g}, {ends}: {self.verdict}"

    @property
    def verdict(self) -> str:
        """Whether they differ, in words."""
        alone = ", by the measurement alone: one image says nothing of others" if 1 in self.num else ""
        return f"{'different' if self.is_clear else 'not told apart'}{alone}"


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
    return differences(groups_in(first), groups_in(second), confidence)


def differences(first: Group, second: Group, confidence: float = USUAL_CONFIDENCE) -> list[Difference]:
    """Compare two groups, see `groups_in`, in all columns that both have.

    Raises:
        SettingsError: If there is none.
    """
    return [difference(first[each], second[each], each, confidence) for each in in_common(first, second)]


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
            "a table of `quietscope measure` or `segment`, with what samples gave",
            f"{path} without",
            "name its .csv file",
        )
    return {
        column: [_of_image(given, widening[image]) for image, given in images.items()]
        for column, images in rows.items()
    }


def counts_in(path: Path) -> dict[str, list[Samples]]:
    """Read how many objects each sample of every image has, of what `quietscope segment` has written.

    Args:
        path: A folder of it, in which every image has a table of counts; or such a table. Frames of a series count as
            one image, their mean, where there are other images, and as images where it is the only one.

    Returns:
        The counts, under "count".

    Raises:
        SettingsError: If there is no table of counts.
    """
    tables = [path] if path.is_file() else sorted(_tables_below(path))
    if not tables:
        raise SettingsError(f"a folder of `quietscope segment`, with {COUNTS}", f"{path} without", "name its -o folder")
    return counts_of(tables)


def counts_of(tables: Sequence[Path]) -> dict[str, list[Samples]]:
    """Read tables of counts, see `counts_in`."""
    every = [_counts_of(table) for table in tables]
    if len(every) == 1:
        return {_COUNT: every[0]}
    return {_COUNT: [np.mean([frame[: min(map(len, frames))] for frame in frames], axis=0) for frames in every]}


def _counts_of(table: Path) -> list[Samples]:
    found = groups_in(table)
    if _COUNT not in found:
        got = f"{table}, which has {', '.join(found)}"
        raise SettingsError("counts of `quietscope segment`", got, f"name its -o folder, or {COUNTS} in it")
    return found[_COUNT]


def _tables_below(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.endswith(".zarr")]
        if COUNTS in files:
            yield Path(place) / COUNTS


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
