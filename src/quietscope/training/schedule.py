"""The learning rate over a run, and when training stops early because the validation loss no longer improves."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from quietscope.training.settings import TrainingSettings

FINAL_SHARE = 0.01
SMALLEST_IMPROVEMENT = 1e-4
_OTHERS = "others"


@dataclass
class Plateau:
    """The validation losses of one part of a method so far.

    Attributes:
        cuts: Product of all cuts of the learning rate so far.
        best: Lowest loss so far.
        stalled: Validations since the lowest loss was reached, by the measure of early stopping.
        waited: Validations since the lowest loss was reached or the rate was cut.
        lowest: Lowest loss so far by the measure of early stopping.
    """

    cuts: float = 1.0
    best: float = math.inf
    stalled: int = 0
    waited: int = 0
    lowest: float = math.inf

    def observe(self, loss: float, settings: TrainingSettings) -> bool:
        """Record a loss, cut the rate where that is due, and return whether the loss is the lowest so far."""
        delta = settings.early_stop_delta
        is_best = loss < self.best - _share(self.best)
        falls = is_best if delta is None else loss < self.lowest - delta
        if falls:
            self.lowest = loss
        self.stalled = 0 if falls else self.stalled + 1
        self.waited = 0 if is_best else self.waited + 1
        if is_best:
            self.best = loss
        elif settings.has_plateaus and self.waited > settings.plateau_patience:
            self.cuts *= settings.plateau_factor
            self.waited = 0
        return is_best

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> "Plateau":
        """Return what a resume file holds; files of earlier versions have no `lowest`."""
        best = float(state["best"])
        return cls(
            cuts=float(state["cuts"]),
            best=best,
            stalled=int(state["stalled"]),
            waited=int(state["waited"]),
            lowest=float(state.get("lowest", best)),
        )


class LearningRate:
    """The learning rate as a function of progress and of the validation losses so far.

    ``lr = base * warmup * (cosine | plateau cuts) * rollback cuts``, with
    ``cosine(p) = 0.01 + 0.99 (1 + cos(pi p)) / 2`` for progress p in [0, 1].

    Args:
        settings: Base rate and schedule.
        num_parts: Number of parts that have a rate each; the first one decides on early stopping and the best weights.
    """

    def __init__(self, settings: TrainingSettings, num_parts: int = 1) -> None:
        self.settings = settings
        self.parts = [Plateau() for _ in range(num_parts)]

    def value(self, progress: float, step: int, part: int = 0) -> float:
        """Return the learning rate of a part at a step since the last start and a progress from 0 to 1."""
        rate = self.settings.learning_rate * self.parts[part].cuts
        if step < self.settings.warmup_steps:
            rate *= (step + 1) / self.settings.warmup_steps
        if self.settings.schedule == "cosine":
            rate *= FINAL_SHARE + (1 - FINAL_SHARE) * (1 + math.cos(math.pi * progress)) / 2
        return rate

    def values(self, progress: float, step: int) -> list[float]:
        """Return the learning rate of every part, see `value`."""
        return [self.value(progress, step, part) for part in range(len(self.parts))]

    def observe(self, *losses: float) -> bool:
        """Record the validation loss of every part, and return whether the first one is the lowest so far."""
        found = [part.observe(loss, self.settings) for part, loss in zip(self.parts, losses, strict=True)]
        return found[0]

    def cut(self, factor: float) -> None:
        """Multiply the rate of every part by a factor."""
        for part in self.parts:
            part.cuts *= factor

    def forget(self) -> None:
        """Forget the losses of earlier weights, because training starts again with fresh weights."""
        self.parts = [Plateau() for _ in self.parts]

    @property
    def cuts(self) -> float:
        """Product of all cuts of the first part's rate so far."""
        return self.parts[0].cuts

    @property
    def best(self) -> float:
        """Lowest validation loss of the first part so far."""
        return self.parts[0].best

    @property
    def has_stalled(self) -> bool:
        """Whether early stopping is due."""
        return self.settings.early_stop is not None and self.parts[0].stalled >= self.settings.early_stop

    def state(self) -> dict[str, Any]:
        """Return the state for the resume file."""
        first, *others = (asdict(part) for part in self.parts)
        return {**first, _OTHERS: others}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the state of an earlier run."""
        parts = [Plateau.of(each) for each in (state, *state.get(_OTHERS, []))]
        if len(parts) != len(self.parts):
            raise ValueError(f"{len(parts)} learning rates, not {len(self.parts)}")
        self.parts = parts


def _share(loss: float) -> float:
    """Return by how much a loss must fall to count as lower than this one."""
    return SMALLEST_IMPROVEMENT * abs(loss) if math.isfinite(loss) else 0.0
