"""The learning rate over a run, and when training stops early because the validation loss no longer improves."""

import math
from dataclasses import dataclass, field
from typing import Any

from quietscope.training.settings import TrainingSettings

FINAL_SHARE = 0.01
SMALLEST_IMPROVEMENT = 1e-4


@dataclass
class LearningRate:
    """The learning rate as a function of progress and of the validation losses so far.

    ``lr = base * warmup * (cosine | plateau cuts) * rollback cuts``, with
    ``cosine(p) = 0.01 + 0.99 (1 + cos(pi p)) / 2`` for progress p in [0, 1].

    Attributes:
        settings: Base rate and schedule.
        cuts: Product of all cuts so far.
        best: Lowest validation loss so far.
        stalled: Validations since the lowest loss was reached.
        waited: Validations since the lowest loss was reached or the rate was cut.
    """

    settings: TrainingSettings
    cuts: float = 1.0
    best: float = math.inf
    stalled: int = field(default=0)
    waited: int = field(default=0)

    def value(self, progress: float, step: int) -> float:
        """Return the learning rate at a step since the last start and a progress from 0 to 1."""
        rate = self.settings.learning_rate * self.cuts
        if step < self.settings.warmup_steps:
            rate *= (step + 1) / self.settings.warmup_steps
        if self.settings.schedule == "cosine":
            rate *= FINAL_SHARE + (1 - FINAL_SHARE) * (1 + math.cos(math.pi * progress)) / 2
        return rate

    def observe(self, validation_loss: float) -> bool:
        """Record a validation loss, and return whether it is the lowest so far."""
        if validation_loss < self.best - SMALLEST_IMPROVEMENT * abs(self.best if math.isfinite(self.best) else 0.0):
            self.best, self.stalled, self.waited = validation_loss, 0, 0
            return True
        self.stalled += 1
        self.waited += 1
        if self.settings.schedule == "plateau" and self.waited > self.settings.plateau_patience:
            self.cuts *= self.settings.plateau_factor
            self.waited = 0
        return False

    def forget(self) -> None:
        """Forget the losses of earlier weights, because training starts again with fresh weights."""
        self.cuts, self.best, self.stalled, self.waited = 1.0, math.inf, 0, 0

    @property
    def has_stalled(self) -> bool:
        """Whether early stopping is due."""
        return self.settings.early_stop is not None and self.stalled >= self.settings.early_stop

    def state(self) -> dict[str, float]:
        """Return the state for the resume file."""
        return {"cuts": self.cuts, "best": self.best, "stalled": self.stalled, "waited": self.waited}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the state of an earlier run."""
        self.cuts, self.best = float(state["cuts"]), float(state["best"])
        self.stalled, self.waited = int(state["stalled"]), int(state["waited"])
