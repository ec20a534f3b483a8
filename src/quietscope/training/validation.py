"""The validation loss, on fixed patches with the same random numbers each time, and the weights of the lowest loss."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from quietscope.methods.base import AnnealedMethod, Loss
from quietscope.training.following import share_followed
from quietscope.training.learner import VALIDATION, Learner, Weights
from quietscope.training.schedule import LearningRate
from quietscope.training.settings import TrainingSettings
from quietscope.training.team import Team

FEWEST_IN_A_FIFTH = 2
"""Validations of a fifth of a run, below which nothing is said of how the loss goes."""

MATERIAL = (0.005, 0.01)
"""A fall that counts, in nats per pixel and as a share of the loss, whichever is less: an error of 1 % of the noise's
variance, for a likelihood and for a squared error."""

SURE = 3.0
"""Standard errors by which a loss must fall."""


def fall_at_the_end(losses: Sequence[float]) -> float:
    """Return how much of all that a loss has fallen by it fell by at the end: in the last fifth against the one before.

    It is near 0 for a run that has come to its end, 0.08 after three time constants of an exponential fall, 0.25 for a
    loss that falls along a line. What is not clear of the scatter of the losses about a line, or too small to matter to
    an image, is no fall.

    Args:
        losses: Validation losses in their order, since the weights were drawn.

    Returns:
        A share from 0 to 1; NaN where there are fewer than eight losses, or where one is not finite.
    """
    values = np.asarray(losses, np.float64)
    fifth = round(len(values) / 5)
    if fifth < FEWEST_IN_A_FIFTH or not np.isfinite(values).all():
        return math.nan
    end = values[-2 * fifth :]
    start, before, last = (float(part.mean()) for part in (values[:fifth], end[:fifth], end[fifth:]))
    at = np.arange(len(end))
    scatter = end - np.polyval(np.polyfit(at, end, 1), at)
    error = math.sqrt(float((scatter**2).sum()) / (len(end) - 2) * 2.0 / fifth)
    fall = before - last
    if fall <= SURE * error or fall < min(MATERIAL[0], MATERIAL[1] * abs(last)):
        return 0.0
    return min(1.0, fall / max(start - last, fall))


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
        self._batches = torch.split(patches, settings.at_once)
        self._shares = [len(batch) / len(patches) for batch in self._batches]
        self.loss = math.nan
        self.kl = math.nan
        """KL divergence in nats per pixel; NaN for a method that has none."""
        self.losses: list[float] = []
        """All validation losses since the weights were drawn."""
        self.best: Weights = {}
        """The weights of the lowest validation loss; empty before the first finite one."""

    def measure(self, *, decides: bool = True) -> None:
        """Measure the validation loss by the final loss, and keep the weights if it is the lowest so far.

        Args:
            decides: Whether weights and learning rate hang on it; if not, it is only measured.
        """
        learner, losses = self._learner, self._losses()
        self.loss = self._mean([each.total for each in losses])
        if isinstance(learner.method, AnnealedMethod):
            self.kl = self._mean([each.terms["kl"] for each in losses])
        if not decides:
            return
        self.losses.append(self.loss)
        if math.isfinite(self.loss) and self._rate.observe(*self._parts_of(losses)):
            self.best = learner.weights()

    def loss_of_now(self) -> float:
        """Return the final loss by the weights of now, on which nothing hangs here."""
        return self._mean([each.total for each in self._losses()])

    def followed(self) -> float:
        """Measure how far the output of a method that may collapse follows the patches, see `share_followed`."""
        method = self._learner.method
        assert isinstance(method, AnnealedMethod)
        self._learner.agree()
        method.eval()
        share = share_followed(method, self._batches)
        method.train()
        return self._team.mean(share)

    def forget(self) -> None:
        """Forget the losses and the best weights, because training starts again with fresh weights."""
        self.losses, self.best = [], {}

    def state(self) -> dict[str, Any]:
        """Return the state for the resume file."""
        return {"loss": self.loss, "kl": self.kl, "losses": list(self.losses), "best": self.best}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the state of an earlier run."""
        self.loss, self.kl = float(state["loss"]), float(state["kl"])
        self.losses = [float(each) for each in state.get("losses", [])]  # none in files of earlier versions
        self.best = {role: dict(weights) for role, weights in state["best"].items()}

    def _losses(self) -> list[Loss]:
        """Return the final loss of every batch."""
        learner = self._learner
        learner.agree()
        learner.set_loss(kl_weight=1.0, progress=1.0)
        learner.method.eval()
        with torch.no_grad():
            losses = [learner.loss(batch, number, VALIDATION) for number, batch in enumerate(self._batches)]
        learner.method.train()
        return losses

    def _parts_of(self, losses: list[Loss]) -> list[float]:
        """Return the loss that each learning rate depends on."""
        number = self._learner.num_rates
        if number == 1 or not all(len(each.parts) == number for each in losses):
            return [self.loss] * number
        return [self._mean([each.parts[part] for each in losses]) for part in range(number)]

    def _mean(self, values: list[Tensor]) -> float:
        return self._team.mean(sum(float(value) * share for value, share in zip(values, self._shares, strict=True)))
