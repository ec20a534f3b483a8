"""The validation loss, on fixed patches with the same random numbers each time, and the weights of the lowest loss."""

import math
from typing import Any

import torch
from torch import Tensor

from quietscope.methods.base import AnnealedMethod
from quietscope.training.learner import VALIDATION, Learner, Weights
from quietscope.training.schedule import LearningRate
from quietscope.training.settings import TrainingSettings
from quietscope.training.team import Team


class Validation:
    """Measures the validation loss, passes it on to the learning rate, and keeps the best weights.

    Args:
        learner: The learner whose weights are trained.
        patches: Fixed patches (B, C, *S), intensity units.
        settings: Training settings.
        rate: The learning rate, which depends on the validation loss.
        team: The processes that train together; every process measures all patches.
    """

    def __init__(
        self, learner: Learner, patches: Tensor, settings: TrainingSettings, rate: LearningRate, team: Team
    ) -> None:
        self._learner, self._rate, self._team = learner, rate, team
        self._parts = torch.split(patches, settings.batch_size)
        self._shares = [len(part) / len(patches) for part in self._parts]
        self.loss = math.nan
        self.kl = math.nan
        """KL divergence in nats per pixel; NaN for a method that has none."""
        self.best: Weights = {}
        """The weights of the lowest validation loss; empty before the first finite one."""

    def measure(self) -> None:
        """Measure the validation loss by the final loss, and keep the weights if it is the lowest so far."""
        learner = self._learner
        learner.agree()
        learner.set_loss(kl_weight=1.0, progress=1.0)
        learner.method.eval()
        with torch.no_grad():
            losses = [learner.loss(part, number, VALIDATION) for number, part in enumerate(self._parts)]
        learner.method.train()
        self.loss = self._mean([each.total for each in losses])
        if isinstance(learner.method, AnnealedMethod):
            self.kl = self._mean([each.terms["kl"] for each in losses])
        if math.isfinite(self.loss) and self._rate.observe(self.loss):
            self.best = learner.weights()

    def forget(self) -> None:
        """Forget the best weights, because training starts again with fresh weights."""
        self.best = {}

    def state(self) -> dict[str, Any]:
        """Return the state for the resume file."""
        return {"loss": self.loss, "kl": self.kl, "best": self.best}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the state of an earlier run."""
        self.loss, self.kl = float(state["loss"]), float(state["kl"])
        self.best = {role: dict(weights) for role, weights in state["best"].items()}

    def _mean(self, values: list[Tensor]) -> float:
        return self._team.mean(sum(float(value) * share for value, share in zip(values, self._shares, strict=True)))
