"""Everything that changes during training, and is therefore stored in the resume file."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

from torch import Tensor

from quietscope.data.preparation import Notify
from quietscope.errors import ModelFileError
from quietscope.methods.base import AnnealedMethod, Loss
from quietscope.training.budget import Budget
from quietscope.training.clock import Clock
from quietscope.training.collapse import CollapseGuard
from quietscope.training.learner import Learner
from quietscope.training.restart import draw_weights
from quietscope.training.rollback import Rollback
from quietscope.training.schedule import LearningRate
from quietscope.training.settings import TrainingSettings
from quietscope.training.settling import Judge, Settling
from quietscope.training.team import Team
from quietscope.training.validation import Validation
from quietscope.training.watch import TrainingState
from quietscope.wording import typed

_REGIONS = "regions"


class TrainingRun:
    """The parts of a training run, and the operations that involve several parts.

    Args:
        learner: The learner whose weights are trained.
        fixed: Validation patches (B, C, *S), intensity units.
        settings: Training settings.
        budget: Limit of time or steps.
        team: The processes that train together.
        notify: Called with one line at every restart and every return to an earlier state.
        regions: Regions of frames that are held out from training, see `HeldOut.record`.
        judge: What tells how good the method is, for a run that ends where nothing more is gained; None where the
            validation loss does.
    """

    def __init__(
        self,
        learner: Learner,
        fixed: Tensor,
        settings: TrainingSettings,
        budget: Budget,
        team: Team,
        notify: Notify,
        regions: Sequence[Sequence[int]] = (),
        judge: Judge | None = None,
    ) -> None:
        self.step = 0
        """Optimiser steps so far, earlier parts of a resumed run included."""
        self.clock = Clock(budget, team)
        self.rate = LearningRate(settings, learner.num_rates)
        self.collapse = CollapseGuard()
        self.rollback = Rollback(learner, self.rate, notify)
        self.validation = Validation(learner, fixed, settings, self.rate, team)
        self.settling = Settling(
            learner.method,
            self._negative_loss if judge is None else partial(self._psnr, judge),
            None if judge is None else judge.name,
            least_steps=settings.least_steps,
            is_wanted=settings.stop_when_settled,
        )
        self._learner, self._team, self._seed, self._notify = learner, team, settings.seed, notify
        self._validate_every = settings.validate_every
        self._regions = [list(row) for row in regions]

    @property
    def is_over(self) -> bool:
        """Whether budget or gain are at their end; however small a budget is, one step is made."""
        return (self.clock.tick(self.step) >= 1.0 and self.step > 0) or self.settling.is_over(self.step)

    @property
    def has_settled(self) -> bool:
        """Whether training ended because nothing more was gained."""
        return self.settling.is_over(self.step)

    @property
    def losses_before_the_fall(self) -> list[float]:
        """Validation losses by which to tell whether they still fall: without those for which the rate fell at last."""
        fell_at = self.settling.fell_at
        if fell_at is None:
            return self.validation.losses
        after = self.step // self._validate_every - fell_at // self._validate_every + 1  # the last is that of the end
        return self.validation.losses[:-after]

    def set_schedule(self) -> None:
        """Set learning rate, weight of the KL divergence and the loss's own schedule for the next step."""
        progress = self.clock.progress
        if self.collapse.restarts:
            self._learner.teach_blind()
        self.collapse.settled_share = self._learner.settled_share
        fallen = self.settling.fallen(progress, self.step)
        self._learner.set_rates(self.rate.values(fallen, self.step - self.collapse.started_at))
        self._learner.set_loss(
            kl_weight=self.collapse.kl_weight(progress), progress=self.collapse.progress_since_start(progress)
        )

    def settle(self) -> dict[str, float]:
        """Look whether anything more is gained, where that is asked for and due; return what was measured, for the log.

        A loss that still changes by its own schedule, or while a collapse is cured, tells nothing yet.
        """
        progress, collapse = self.clock.progress, self.collapse
        is_final = collapse.progress_since_start(progress) >= self._learner.final_share
        is_final = is_final and collapse.kl_weight(progress) >= 1.0
        return self.settling.observe(self.step, self.step - collapse.started_at, progress, is_final=is_final)

    def tell_if_settled(self) -> None:
        """Say why training ended, where that was because nothing more was gained."""
        if self.has_settled:
            self._notify(self.settling.words(self.step, self.clock.progress))

    def _negative_loss(self) -> float:
        return -self.validation.loss_of_now()

    def _psnr(self, judge: Judge) -> float:
        return self._team.of_first(lambda: judge.psnr(self._learner.method))

    def restart_if_collapsed(self, loss: Loss) -> None:
        """Start again with fresh weights if the posterior no longer depends on the image.

        Args:
            loss: Loss of the latest step.

        Raises:
            TrainingError: If the posterior has collapsed in spite of fresh starts and annealing.
        """
        method = self._learner.method
        if not isinstance(method, AnnealedMethod):
            return
        kl = self._team.mean(float(loss.terms.get("kl", math.nan)))
        if not self.collapse.must_restart(self.step, self.clock.progress, kl, self.validation.followed):
            return
        draw_weights(method, self._seed + (self.collapse.restarts << 32))
        self._learner.optimizer.state.clear()
        self.rate.forget()
        self.validation.forget()
        self.settling.forget()
        self.rollback.keep()
        self._notify(f"The posterior collapsed: start {self.collapse.restarts + 1}, with fresh weights.")

    def refuse_collapse(self) -> None:
        """Raise an error if training ends with a collapsed posterior; a run too short to tell raises none.

        Raises:
            TrainingError: If the posterior has collapsed.
        """
        can_tell = self.collapse.can_tell(self.step, self.clock.progress)
        is_judged = isinstance(self._learner.method, AnnealedMethod) and can_tell
        if is_judged and self.collapse.has_collapsed(self.validation.kl, self.validation.followed):
            raise self.collapse.error(self.validation.kl)

    def describe(self, loss: Loss) -> TrainingState:
        """Return the state of training, for a progress display.

        Args:
            loss: Loss of the latest step.
        """
        return TrainingState(
            step=self.step,
            seconds=self.clock.seconds,
            progress=self.clock.progress,
            loss=float(loss.total),
            terms={name: float(value) for name, value in loss.terms.items()},
            validation_loss=self.validation.loss,
            learning_rate=self._learner.rate,
            method=self._learner.method,
        )

    def numbers(self, loss: Loss) -> dict[str, float]:
        """Return the numbers of the latest step for the log, by name.

        Args:
            loss: Loss of the latest step.
        """
        terms = {f"train/{name}": float(value) for name, value in loss.terms.items()}
        return {"train/loss": float(loss.total), **terms, "learning_rate": self._learner.rate}

    def validate(self) -> dict[str, float]:
        """Measure the validation loss, keep the weights as a state to return to, and return the loss for the log."""
        self.validation.measure(decides=self.collapse.is_settled(self.clock.progress))
        self.rollback.keep()
        return {"validation/loss": self.validation.loss}

    def state(self) -> dict[str, Any]:
        """Return the state for the resume file, so that a resumed run does exactly what an uninterrupted one does."""
        return {
            "step": self.step,
            "seconds": self.clock.seconds,
            "weights": self._learner.weights(),
            "optimizer": self._learner.optimizer.state_dict(),
            "rate": self.rate.state(),
            "collapse": self.collapse.state(),
            "rollback": self.rollback.state(),
            "validation": self.validation.state(),
            "settling": self.settling.state(),
            _REGIONS: self._regions,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the state of an earlier run.

        Args:
            state: The state, as returned by the method `state`.

        Raises:
            ModelFileError: If the state belongs to another network, or to a run that held out other regions, such as
                one of a version that held out none.
        """
        if state.get(_REGIONS, []) != self._regions:
            raise ModelFileError(
                "a resume file of a run that held out the same parts of the images to validate on",
                "one that held out none or others, as earlier versions did",
                f"start anew with `{typed(overwrite=True)}`, or go on with the version that wrote it",
            )
        try:
            self._learner.load(state["weights"])
            self._learner.optimizer.load_state_dict(state["optimizer"])
            self._restore_course(state)
        except (RuntimeError, ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError) as error:
            raise ModelFileError(
                f"a resume file of the same {self._learner.method.name} network",
                "one of another network",
                f"resume with the settings that the run began with, or start anew with `{typed(overwrite=True)}`",
            ) from error

    def _restore_course(self, state: dict[str, Any]) -> None:
        self.step = int(state["step"])
        self.clock.start(float(state["seconds"]))
        self.rate.restore(state["rate"])
        self.collapse.restore(state["collapse"])
        self.rollback.restore(state["rollback"])
        self.validation.restore(state["validation"])
        self.settling.restore(state.get("settling", {}), self.clock.tick(self.step))
