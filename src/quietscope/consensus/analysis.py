"""Any function over samples: numbers with intervals."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.consensus.posterior_samples import StoredSamples, stored_samples
from quietscope.consensus.sampling_runs import Failure, check_enough, over
from quietscope.consensus.spread import USUAL_CONFIDENCE, Interval, check_confidence, interval_of, spread_note
from quietscope.errors import SettingsError
from quietscope.io import ImageSource, as_image
from quietscope.model.trained import TrainedModel
from quietscope.tiling.walk import Progress

Measure = Callable[[npt.NDArray[np.float32]], Any]
"""Receives a sample, of the image's shape and in its units. Returns a number, several, or a table: names of columns
with a number or a column of numbers each."""

USUAL_SAMPLES = 30
_ALONE = "value"


@dataclass(frozen=True)
class MeasuredTable:
    """What a function gave on every sample.

    Attributes:
        columns: Names of the columns.
        values: Shape (K, rows, columns): what every sample gave.
        samples: Numbers of these samples.
        failures: Samples on which the function failed.
        widening: Factor on the distances from the median, see `quietscope.consensus.spread.interval_of`.
        confidence: Probability of the intervals.
        note: What is to be said of them.
    """

    columns: tuple[str, ...]
    values: npt.NDArray[np.float64]
    samples: tuple[int, ...]
    failures: tuple[Failure, ...] = ()
    widening: float = 1.0
    confidence: float = USUAL_CONFIDENCE
    note: str = ""

    @property
    def num_rows(self) -> int:
        """Rows of the table that each sample gave."""
        return int(self.values.shape[1])

    @property
    def mean(self) -> npt.NDArray[np.float64]:
        """Means over the samples, (rows, columns)."""
        return np.asarray(self.values.mean(axis=0))

    def of(self, column: str, row: int = 0) -> npt.NDArray[np.float64]:
        """Return what every sample gave, (K,).

        Raises:
            SettingsError: If there is no such column or row.
        """
        if column not in self.columns or not 0 <= row < self.num_rows:
            known = f"a column among {', '.join(self.columns)} and a row below {self.num_rows}"
            raise SettingsError(known, f"{column}, row {row}", f"ask e.g. for {self.columns[0]!r}")
        return self.values[:, row, self.columns.index(column)]

    def interval(self, column: str = _ALONE, row: int = 0) -> Interval:
        """Return the median of a number over the samples, with its interval."""
        return interval_of(self.of(column, row), self.widening, self.confidence)

    def save(self, path: str | os.PathLike[str], *, name: str = "image", overwrite: bool = False) -> None:
        """Write the table as a CSV file: a line for each number, its mean and interval, then what every sample gave.

        Args:
            path: The file.
            name: What the image is called there.
            overwrite: Whether an existing file may be replaced.

        Raises:
            OutputError: If it cannot be written, or exists and `overwrite` is false.
        """
        from quietscope.consensus.tables import write_tables

        write_tables(Path(path), [(name, self)], overwrite=overwrite)


def over_samples(
    model: TrainedModel,
    image: ImageSource,
    measure: Measure,
    *,
    num_samples: int = USUAL_SAMPLES,
    seed: int = 0,
    axes: str | None = None,
    tile: int | None = None,
    processes: int = 1,
    confidence: float = USUAL_CONFIDENCE,
    progress: Progress | None = None,
) -> MeasuredTable:
    """Measure something on every sample of an image, and say between what it lies.

    One sample is in memory at a time, or one in each process.

    Args:
        model: A trained model that samples, such as a `quietscope.Denoiser`.
        image: The noisy image.
        measure: What is measured, see `Measure`.
        num_samples: How many samples to draw, 2 at least.
        seed: Their seed.
        axes: Axes of the image where it does not name them.
        tile: Tile size in pixels; chosen from the free memory if None.
        processes: How many processes measure; with more than 1, `measure` has to be importable there.
        confidence: Probability of the intervals, 0 to 1.
        progress: Called with (done, total) samples of tiles.

    Returns:
        The table, with intervals that are widened where the model was recalibrated.

    Raises:
        SettingsError: If the model does not sample, or the function fails on more than half of the samples, returns no
            numbers, or other columns or rows from one sample to the next.
    """
    check_confidence(confidence)
    with stored_samples(
        model, as_image(image, axes), num_samples=num_samples, seed=seed, tile=tile, progress=progress
    ) as samples:
        return measured_table(samples, measure, model, processes=processes, confidence=confidence)


def measured_table(
    samples: StoredSamples, measure: Measure, model: TrainedModel, *, processes: int = 1, confidence: float
) -> MeasuredTable:
    """Measure something on samples that were drawn, see `over_samples`."""
    failures: list[Failure] = []
    tables: list[npt.NDArray[np.float64]] = []
    numbers: list[int] = []
    columns: tuple[str, ...] = ()
    for number, found in over(samples, measure, processes=processes):
        if isinstance(found, Failure):
            failures.append(found)
            continue
        names, table = _as_table(found, number)
        if tables:
            _check_alike(names, table, columns, tables[0], number)
        columns = names
        tables.append(table)
        numbers.append(number)
    check_enough(failures, len(samples), "the function")
    return MeasuredTable(
        columns=columns,
        values=np.stack(tables),
        samples=tuple(numbers),
        failures=tuple(failures),
        widening=model.spread,
        confidence=confidence,
        note=spread_note(model),
    )


def _as_table(found: Any, sample: int) -> tuple[tuple[str, ...], npt.NDArray[np.float64]]:
    """Return what a function gave as names of columns and numbers, (rows, columns)."""
    by_name: Mapping[Any, Any]
    if found is None:
        by_name = {}
    elif isinstance(found, Mapping) or (hasattr(found, "columns") and hasattr(found, "to_dict")):
        by_name = found if isinstance(found, Mapping) else {name: found[name] for name in found.columns}
    else:
        by_name = _named(found)
    try:
        parts = [np.atleast_1d(np.asarray(each, np.float64)) for each in by_name.values()]
        if not parts or any(part.ndim != 1 for part in parts):
            raise ValueError("no columns of numbers")  # or none at all
        return tuple(map(str, by_name)), np.stack(parts, axis=1)
    except (TypeError, ValueError) as error:
        kind = "None" if found is None else type(found).__name__
        raise SettingsError(
            "a function that returns a number, several, or columns of one length",
            f"{kind} on sample {sample} ({' '.join(str(error).split())[:100]})",
            'return e.g. {"area": 12.5}',
        ) from error


def _named(found: Any) -> Mapping[str, Any]:
    """Return numbers without names under names: "value" for one, "value_0" and so on for several."""
    if (isinstance(found, Sequence) and not isinstance(found, str | bytes)) or np.ndim(found) == 1:
        return {f"{_ALONE}_{number}": each for number, each in enumerate(found)}
    return {_ALONE: found}


def _check_alike(
    names: tuple[str, ...],
    table: npt.NDArray[np.float64],
    columns: tuple[str, ...],
    first: npt.NDArray[np.float64],
    sample: int,
) -> None:
    if names != columns:
        raise SettingsError(
            f"the columns {', '.join(columns)} of every sample",
            f"{', '.join(names)} of sample {sample}",
            "return the same columns always, NaN where there is no number",
        )
    if table.shape != first.shape:
        raise SettingsError(
            f"{len(first)} rows of every sample",
            f"{len(table)} of sample {sample}",
            "return one row, e.g. number and mean, or use `quietscope segment`, which matches objects",
        )
