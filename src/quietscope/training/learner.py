"""One step of training, taken apart: loss, gradients, clipping, and the weights that change."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeAlias

import torch
from torch import Tensor

from quietscope.methods.base import AnnealedMethod, LearningMethod, Loss, ScheduledMethod
from quietscope.nn.hardware import gains_from_bf16, place
from quietscope.training.companion import Companion
from quietscope.training.settings import TrainingSettings
from quietscope.training.team import Team

METHOD, COMPANION = "method", "companion"

Weights: TypeAlias = dict[str, dict[str, Tensor]]
"""State of everything that is trained: that of the method under "method", and of its companion under "companion"."""

TRAINING, VALIDATION = 0, 1
"""Streams of random numbers, which never meet."""

_COMPANION_SEED = 1 << 31
"""Steps stay below it, so that the companion's random numbers are never the method's."""

_PROCESS_SEED = 1 << 26
"""Steps apart at which the processes of a team draw, so that they do not all draw the same."""

_RATE = "relative_rate"


class Learner:
    """A method with its optimiser, and with a companion that may be trained along; both are placed on the device.

    Everything random in step n is seeded by (seed, n), so nothing depends on how often the run was interrupted. Parts
    that share no gradients add to one loss, and each is clipped by the norm of its own.

    Args:
        method: What is trained, in place.
        settings: How to train.
        team: The processes that train together, and the device of this one.
        companion: Another method to train along, in place.
    """

    def __init__(
        self, method: LearningMethod, settings: TrainingSettings, team: Team, companion: Companion | None = None
    ) -> None:
        self.method = method
        self.companion = None if companion is None else companion.method
        self._settings, self._team = settings, team
        self._roles = {METHOD: method} if companion is None else {METHOD: method, COMPANION: companion.method}
        for each in self._roles.values():
            place(each, team.device, method.spatial_dims)
            # A method that has been at work, such as one that was pruned, comes in evaluation mode.
            each.train()
        rates = (1.0, 1.0 if companion is None else companion.relative_rate)
        groups = [
            {"params": list(each.parameters()), _RATE: rate}
            for each, rate in zip(self._roles.values(), rates, strict=False)
        ]
        self.optimizer = _optimizer(groups, settings)
        self._loss: Callable[[Tensor], Loss] = torch.compile(method.loss) if settings.compile else method.loss

    @property
    def methods(self) -> tuple[LearningMethod, ...]:
        """The method, and its companion where there is one."""
        return tuple(self._roles.values())

    def set_rate(self, rate: float) -> None:
        """Set the learning rate of the next step."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group[_RATE]

    @property
    def rate(self) -> float:
        """The learning rate of the method."""
        return float(self.optimizer.param_groups[0]["lr"])

    def set_loss(self, *, kl_weight: float, progress: float) -> None:
        """Set the loss of a method whose loss changes while it is trained; 1 and 1 give the loss that counts.

        Args:
            kl_weight: Weight of the KL divergence, 0 to 1.
            progress: Share of the budget used up since the last start, 0 to 1.
        """
        if isinstance(self.method, AnnealedMethod):
            self.method.kl_weight.fill_(kl_weight)
        if isinstance(self.method, ScheduledMethod):
            self.method.advance(progress)

    def loss(self, patches: Tensor, number: int, stream: int) -> Loss:
        """Return the loss of the method, with random numbers of its own.

        Args:
            patches: Shape (B, C, *S), intensity units.
            number: Number of the step, or of the batch in validation.
            stream: `TRAINING` or `VALIDATION`.
        """
        with self._precision():
            return self._seeded(self._loss, patches, (stream << 32) + number)

    def backward(self, patches: Tensor, step: int) -> Loss:
        """Compute the gradients of a step, means over the team.

        Args:
            patches: Shape (B, C, *S), intensity units.
            step: Number of the step, from 0.

        Returns:
            The loss of the method, with that of the companion among its terms.
        """
        own = self.loss(patches, step, TRAINING)
        total, terms = own.total, own.terms
        if self.companion is not None:
            with self._precision():
                other = self._seeded(self.companion.loss, patches, _COMPANION_SEED + step)
            total, terms = total + other.total, {**terms, self.companion.name: other.total.detach()}
        self.optimizer.zero_grad()
        torch.autograd.backward(total)
        self._team.average(p.grad for each in self._roles.values() for p in each.parameters() if p.grad is not None)
        return Loss(own.total.detach(), terms)

    def clip(self) -> set[str]:
        """Scale the gradients of each part down to the largest norm that is allowed.

        Returns:
            "method", "companion", both or none: whose gradients are not finite.
        """
        broken = set()
        if self.companion is not None and not self._clip(list(self.companion.parameters())):
            broken.add(COMPANION)
        if not all(self._clip(part) for part in self.method.parts()):
            broken.add(METHOD)
        return broken

    def weights(self) -> Weights:
        """Return a copy of the weights."""
        return {
            role: {name: value.detach().clone() for name, value in each.state_dict().items()}
            for role, each in self._roles.items()
        }

    def load(self, weights: Weights) -> None:
        """Take up weights that `weights` copied."""
        for role, each in self._roles.items():
            each.load_state_dict(weights[role])

    def drop_gradients(self, role: str, safe: Weights) -> None:
        """Leave the method or its companion out of the step, as if it had not seen these patches.

        Args:
            role: "method" leaves both out, "companion" the companion alone.
            safe: Where the buffers are taken from: running statistics hold NaN although no weight has moved yet.
        """
        if role == METHOD:
            self.optimizer.zero_grad(set_to_none=True)
        else:
            self._roles[role].zero_grad(set_to_none=True)
        with torch.no_grad():
            for name, buffer in self._roles[role].named_buffers():
                if name in safe[role]:
                    buffer.copy_(safe[role][name])

    def agree(self) -> None:
        """Take over the buffers of the team's first process: the statistics of each one follow its own patches."""
        self._team.copy_first(buffer for each in self._roles.values() for buffer in each.buffers())

    def _clip(self, parameters: list[torch.nn.Parameter]) -> bool:
        return bool(torch.isfinite(torch.nn.utils.clip_grad_norm_(parameters, self._settings.clip_norm)))

    def _seeded(self, loss: Callable[[Tensor], Loss], patches: Tensor, number: int) -> Loss:
        devices = [patches.device] if patches.device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            torch.manual_seed(((self._settings.seed * 2) << 32) + number + self._team.rank * _PROCESS_SEED)
            return loss(patches)

    def _precision(self) -> AbstractContextManager[Any]:
        device, wanted = self._team.device, self._settings.precision
        lower = wanted == "bfloat16" or (wanted == "auto" and gains_from_bf16(device))
        # Without a cache: weights cast where no gradients are wanted would stay without them.
        return torch.autocast(device.type, dtype=torch.bfloat16, enabled=lower, cache_enabled=False)


def _optimizer(groups: list[dict[str, Any]], settings: TrainingSettings) -> torch.optim.Optimizer:
    if settings.optimizer == "adamax":
        return torch.optim.Adamax(groups, lr=settings.learning_rate)
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=settings.betas, weight_decay=0.0)
