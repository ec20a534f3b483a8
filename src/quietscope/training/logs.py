"""Logs of a run: numbers by step, as a table and for TensorBoard, and the settings at the start of the run."""

import csv
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

from quietscope.errors import OutputError
from quietscope.io.atomic import atomic_path, told_if_full
from quietscope.methods.base import Method
from quietscope.training.budget import Budget
from quietscope.training.event_file import EventFile
from quietscope.training.settings import TrainingSettings

LOGS = "logs"
METRICS, SETTINGS = "metrics.csv", "hparams.yaml"
STEP = "step"
Written: TypeAlias = Callable[[int, Mapping[str, float]], None]


def _nobody(step: int, values: Mapping[str, float]) -> None:
    """Tell nobody."""


class Logs:
    """Writes numbers to ``logs/metrics.csv``, one row per step, and to TensorBoard's event file beside it.

    A resumed run continues the files of the earlier run; rows written after the earlier run's resume file are removed.

    Args:
        folder: The run folder; None writes nothing.
        step: Steps so far.
        written: Called with every row besides: the steps so far, and numbers by name.
    """

    def __init__(self, folder: Path | None, step: int, written: Written = _nobody) -> None:
        self._path: Path | None = None
        self._written = written
        self._events: EventFile | None = None
        self._columns = [STEP]
        if folder is not None:
            logs = folder / LOGS
            logs.mkdir(parents=True, exist_ok=True)
            self._path = logs / METRICS
            self._columns, rows = _read(self._path)
            self._rewrite(row for row in rows if int(row[STEP]) <= step)
            with told_if_full(logs):
                self._events = EventFile(logs, step + 1 if step else None)

    def __enter__(self) -> Self:
        """Return the logs."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the event file."""
        if self._events is None or self._path is None:
            return
        try:
            with told_if_full(self._path):
                self._events.close()
        except OutputError:
            if error is None:  # otherwise that is what ended the run
                raise

    def write_settings(self, method: Method, settings: TrainingSettings, budget: Budget) -> None:
        """Write ``logs/hparams.yaml``: all settings of the network and of training, and the budget."""
        if self._path is None:
            return
        from ruamel.yaml import YAML

        values = {
            "method": method.name,
            "network": method.settings.model_dump(mode="json"),
            "training": settings.model_dump(mode="json"),
            "budget": {"seconds": budget.seconds, "steps": budget.steps},
        }
        path = self._path.with_name(SETTINGS)
        with told_if_full(path), path.open("w", encoding="utf-8") as file:
            YAML().dump(values, file)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Write a row of numbers.

        Args:
            step: Steps so far.
            values: Numbers by name; if empty, nothing is written.
        """
        if not values:
            return
        self._written(step, values)
        if self._path is None or self._events is None:
            return
        new = [name for name in values if name not in self._columns]
        if new:
            self._columns += new
            self._rewrite(_read(self._path)[1])
        with told_if_full(self._path):
            with self._path.open("a", newline="", encoding="utf-8") as file:
                csv.DictWriter(file, self._columns).writerow({STEP: step, **values})
            for name, value in values.items():
                self._events.add_scalar(name, value, step)

    def _rewrite(self, rows: Iterable[dict[str, Any]]) -> None:
        assert self._path is not None
        with (
            atomic_path(self._path, overwrite=True) as temporary,
            temporary.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.DictWriter(file, self._columns)
            writer.writeheader()
            writer.writerows(rows)


def _read(path: Path) -> tuple[list[str], list[dict[str, Any]]]:
    """Return the columns and rows of a table, without a last row that is incomplete because the run was killed."""
    if not path.is_file():
        return [STEP], []
    text = path.read_text(encoding="utf-8")
    lines = text[: text.rfind("\n") + 1].splitlines()
    reader = csv.DictReader(lines)
    return list(reader.fieldnames or [STEP]), list(reader)
