"""One training step as Lightning sees it: patches by index, keyed randomness, and a guard against broken steps."""

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import lightning as L
import torch
from torch import Tensor

from quietscope.data.patches import Patches
from quietscope.errors import TrainingError
from quietscope.methods.base import AnnealedMethod, LearningMethod, Loss, Method, ScheduledMethod
from quietscope.training.budget import Budget
from quietscope.training.collapse import CollapseGuard
from quietscope.training.schedule import LearningRate
from quietscope.training.settings import TrainingSettings

SKIPS_BEFORE_ROLLBACK = 10
ROLLBACKS_BEFORE_ERROR = 3
ROLLBACK_FACTOR = 0.5
_VALIDATION_STREAM = 1
_RATE = "relative_rate"
_COMPANION_SEED = 1 << 31
"""Steps stay below it, so that the companion's random numbers are never the method's."""


@dataclass(frozen=True)
class Companion:
    """Another method to train along, such as one that learns from the first.

    Its loss is added, with random numbers, gradients and clipping of its own: the first comes out as it would alone.

    Attributes:
        method: What is trained along, in place; for images of the same axes.
        relative_rate: Its learning rate relative to the first one's.
    """

    method: LearningMethod
    relative_rate: float = 1.0


class TrainingModule(L.LightningModule):
    """Method, optimiser and schedule in one object whose checkpoint resumes exactly.

    Everything random in step n is seeded by (seed, n), so nothing depends on how often the run was interrupted.

    Args:
        method: What is trained, in place.
        patches: Training patches.
        validation: Fixed validation patches (B, C, *S).
        settings: How to train.
        budget: When to stop.
        companion: Another method to train along.
    """

    def __init__(
        self,
        method: LearningMethod,
        patches: Patches,
        validation: Tensor,
        settings: TrainingSettings,
        budget: Budget,
        *,
        companion: Companion | None = None,
    ) -> None:
        super().__init__()
        self.method = method
        self.companion = None if companion is None else companion.method
        self._companion_rate = 1.0 if companion is None else companion.relative_rate
        self.companion_best: dict[str, Tensor] = {}
        self.settings = settings
        self.budget = budget
        self.rate = LearningRate(settings)
        self.best_state: dict[str, Tensor] = {}
        self.skipped_steps = 0
        self.rollbacks = 0
        self.last_loss: Loss | None = None
        self.validation_loss = math.nan
        self._validation_kl = math.nan
        self.collapse = CollapseGuard()
        self._patches, self._validation = patches, validation
        self._loss: Callable[[Tensor], Loss] = torch.compile(method.loss) if settings.compile else method.loss
        self._skipped_in_a_row = 0
        self._safe: dict[str, Any] = {}
        self._earlier_seconds = 0.0
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Training time so far, resumed runs included."""
        return self._earlier_seconds + time.monotonic() - self._started

    @property
    def progress(self) -> float:
        """Share of the budget used up, 0 to 1."""
        return self.budget.progress(self.seconds, self.global_step)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Make the optimiser; the learning rate is set anew before every step."""
        groups: list[dict[str, Any]] = [{"params": list(self.method.parameters()), _RATE: 1.0}]
        if self.companion is not None:
            groups.append({"params": list(self.companion.parameters()), _RATE: self._companion_rate})
        if self.settings.optimizer == "adamax":
            return torch.optim.Adamax(groups, lr=self.settings.learning_rate)
        return torch.optim.AdamW(groups, lr=self.settings.learning_rate, betas=self.settings.betas, weight_decay=0.0)

    def on_train_start(self) -> None:
        """Start the clock, and keep a state to roll back to."""
        self._started = time.monotonic()
        self._keep_safe_state()

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> int | None:
        """End the run where the budget is used up, else set this step's learning rate."""
        if self.progress >= 1.0:
            self.trainer.should_stop = True
            return -1
        rate = self.rate.value(self.progress, self.global_step - self.collapse.started_at)
        for group in self._optimizer.param_groups:
            group["lr"] = rate * group.get(_RATE, 1.0)
        self._set_kl_weight(self.collapse.kl_weight(self.progress))
        self._advance(self.collapse.progress_since_start(self.progress))
        return None

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Return the loss of the patches that belong to this step."""
        size = self.settings.batch_size
        patches = self._patches.batch(self.global_step * size, size)
        self.last_loss = self._seeded_loss(patches, self.global_step, 0)
        if self.companion is None:
            return self.last_loss.total
        # After the method's own: under autocast, weights first cast without gradients would stay without.
        other = self._seeded(self.companion.loss, patches, _COMPANION_SEED + self.global_step)
        terms = {**self.last_loss.terms, self.companion.name: other.total.detach()}
        self.last_loss = Loss(self.last_loss.total, terms)
        return self.last_loss.total + other.total

    def configure_gradient_clipping(self, optimizer: Any, *_: Any, **__: Any) -> None:
        """Clip by global norm; a step whose loss or gradient is not finite is skipped and counted."""
        self._clip_companion()
        norms = [torch.nn.utils.clip_grad_norm_(part, self.settings.clip_norm) for part in self.method.parts()]
        if all(bool(torch.isfinite(norm)) for norm in norms):
            self._skipped_in_a_row = 0
            return
        optimizer.zero_grad(set_to_none=True)
        self._restore_buffers(self.method, "method")
        self.skipped_steps += 1
        self._skipped_in_a_row += 1
        if self._skipped_in_a_row >= SKIPS_BEFORE_ROLLBACK:
            self._roll_back()

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Log, validate where it is time to, and start again where the posterior has collapsed."""
        assert self.last_loss is not None
        self._watch_for_collapse(self.last_loss)
        if self.global_step % self.trainer.log_every_n_steps == 0:
            self.log("train/loss", self.last_loss.total.detach())
            self.log_dict({f"train/{name}": value for name, value in self.last_loss.terms.items()})
            self.log("learning_rate", self._optimizer.param_groups[0]["lr"])
        if self.global_step % self.settings.validate_every == 0:
            self.validate()
            self.log("validation/loss", self.validation_loss)
            self._keep_safe_state()
            if self.rate.has_stalled:
                self.trainer.should_stop = True

    def validate(self) -> None:
        """Measure the loss of the fixed patches, with the same latent noise each time; keep the best weights.

        Lightning's own validation loop is not used: it wants loaders and epochs, and costs more than these few
        batches on a small machine.
        """
        parts = torch.split(self._validation, self.settings.batch_size)
        self.method.eval()
        self._set_kl_weight(1.0)
        self._advance(1.0)
        with torch.no_grad(), self.trainer.precision_plugin.forward_context():
            losses = [self._seeded_loss(part, n, _VALIDATION_STREAM) for n, part in enumerate(parts)]
        self.method.train()
        sizes = [len(part) / len(self._validation) for part in parts]
        self.validation_loss = sum(float(each.total) * size for each, size in zip(losses, sizes, strict=True))
        if isinstance(self.method, AnnealedMethod):
            kls = zip(losses, sizes, strict=True)
            self._validation_kl = sum(float(each.terms["kl"]) * size for each, size in kls)
        if math.isfinite(self.validation_loss) and self.rate.observe(self.validation_loss):
            self.best_state = _copy_of(self.method)
            self.companion_best = _copy_of(self.companion)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the state that lies outside weights and optimiser."""
        checkpoint["quietscope"] = {
            "seconds": self.seconds,
            "rate": self.rate.state(),
            "best_state": self.best_state,
            "companion_best": self.companion_best,
            "skipped_steps": self.skipped_steps,
            "rollbacks": self.rollbacks,
            "collapse": self.collapse.state(),
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take up where the checkpoint left off."""
        state = checkpoint["quietscope"]
        self._earlier_seconds = float(state["seconds"])
        self.rate.restore(state["rate"])
        self.best_state = dict(state["best_state"])
        self.companion_best = dict(state.get("companion_best", {}))
        self.skipped_steps, self.rollbacks = int(state["skipped_steps"]), int(state["rollbacks"])
        self.collapse.restore(state["collapse"])

    @property
    def _optimizer(self) -> torch.optim.Optimizer:
        optimizer = self.optimizers(use_pl_optimizer=False)
        assert isinstance(optimizer, torch.optim.Optimizer)
        return optimizer

    def _seeded_loss(self, patches: Tensor, step: int, stream: int) -> Loss:
        return self._seeded(self._loss, patches, (stream << 32) + step)

    def _seeded(self, loss: Callable[[Tensor], Loss], patches: Tensor, number: int) -> Loss:
        devices = [patches.device] if patches.device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            torch.manual_seed(((self.settings.seed * 2) << 32) + number)
            return loss(patches)

    def _clip_companion(self) -> None:
        """Clip the companion by its own norm, and skip its step, not the method's, where that is not finite."""
        if self.companion is None:
            return
        norm = torch.nn.utils.clip_grad_norm_(self.companion.parameters(), self.settings.clip_norm)
        if not torch.isfinite(norm):
            self.companion.zero_grad(set_to_none=True)
            self._restore_buffers(self.companion, "companion")

    def _advance(self, progress: float) -> None:
        if isinstance(self.method, ScheduledMethod):
            self.method.advance(progress)

    def _set_kl_weight(self, weight: float) -> None:
        if isinstance(self.method, AnnealedMethod):
            self.method.kl_weight.fill_(weight)

    def _watch_for_collapse(self, loss: Loss) -> None:
        if not isinstance(self.method, AnnealedMethod):
            return
        if not self.collapse.must_restart(self.global_step, self.progress, float(loss.terms["kl"])):
            return
        with torch.random.fork_rng([]):
            torch.manual_seed(self.settings.seed + (self.collapse.restarts << 32))
            fresh = self.method.build(self.method.settings, self.method.statistics, self.method.channel_noise)
        self.method.load_state_dict(fresh.state_dict())
        self._optimizer.state.clear()
        self.rate.forget()
        self.best_state = {}
        self._keep_safe_state()
        self.print(f"The posterior collapsed: start {self.collapse.restarts + 1}, with fresh weights.")

    def refuse_collapse(self) -> None:
        """Raise if training ends with a collapsed posterior, unless it was too short to tell.

        Raises:
            TrainingError: If it has.
        """
        if not isinstance(self.method, AnnealedMethod) or not self.collapse.was_judged(self.global_step):
            return
        if self.collapse.has_collapsed(self._validation_kl):
            raise self.collapse.error(self._validation_kl)

    def _keep_safe_state(self) -> None:
        states = {"method": _copy_of(self.method), "companion": _copy_of(self.companion)}
        self._safe = {**states, "optimizer": copy.deepcopy(self._optimizer.state_dict())}

    def _restore_buffers(self, trained: Method, key: str) -> None:
        # Running statistics of a broken step hold NaN although no weight has moved yet.
        with torch.no_grad():
            for name, buffer in trained.named_buffers():
                if name in self._safe[key]:
                    buffer.copy_(self._safe[key][name])

    def _roll_back(self) -> None:
        if self.rollbacks >= ROLLBACKS_BEFORE_ERROR:
            raise TrainingError(
                "a loss that stays finite",
                f"{self.skipped_steps} steps without one, also after {self.rollbacks} returns to an earlier state",
                "check the noise model with `quietscope noise show FILE`, or train with `--precision float32`",
            )
        self.method.load_state_dict(self._safe["method"])
        if self.companion is not None:
            self.companion.load_state_dict(self._safe["companion"])
        self._optimizer.load_state_dict(copy.deepcopy(self._safe["optimizer"]))
        self.rate.cuts *= ROLLBACK_FACTOR
        self.rollbacks += 1
        self._skipped_in_a_row = 0
        self.print(
            f"The loss was not finite {SKIPS_BEFORE_ROLLBACK} times in a row: "
            f"back to the last validated state with {self.rate.cuts:g} times the learning rate."
        )


def _copy_of(method: Method | None) -> dict[str, Tensor]:
    return {} if method is None else {k: v.detach().clone() for k, v in method.state_dict().items()}
