"""The parts of one training step: loss, gradients, clipping, and the weights."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeAlias

import torch
from torch import Tensor

from quietscope.errors import SettingsError
from quietscope.methods.base import AnnealedMethod, LearningMethod, Loss
from quietscope.methods.blind_first import AFTER_A_COLLAPSE, BlindFirstMethod
from quietscope.methods.scheduled import ScheduledMethod
from quietscope.methods.window import mismatched
from quietscope.nn.hardware import gains_from_bf16, place
from quietscope.nn.recompute import blocks_of, recomputing
from quietscope.nn.seeding import seeded
from quietscope.training.companion import Companion
from quietscope.training.settings import TrainingSettings
from quietscope.training.team import Team

METHOD, COMPANION = "method", "companion"

Weights: TypeAlias = dict[str, dict[str, Tensor]]
"""Weights and buffers by name, those of the method under "method", those of its companion under "companion"."""

TRAINING, VALIDATION = 0, 1
"""Numbers of two streams of random numbers, whose seeds never coincide."""

_COMPANION_SEED = 1 << 31
"""Offset of the companion's seeds; step numbers stay below it, so method and companion never share random numbers."""

_PLACE_SEED = 1 << 26
"""Offset between the seeds of the pieces of a batch, and so of the processes of a team: each draws other numbers."""

_RATE = "relative_rate"


class Learner:
    """A method with its optimiser, and optionally a companion trained in the same run; both are put on the device.

    Everything random in step n is seeded by (seed, n), so results do not depend on how often the run was interrupted.
    Parts that share no gradients are added to one loss, and the gradients of each part are clipped separately.

    Args:
        method: The method, trained in place.
        settings: Training settings.
        team: The processes that train together, and the device of this process.
        companion: A second method, trained in place in the same run.

    Raises:
        SettingsError: If the setting `checkpointing` finds nothing to compute again.
    """

    def __init__(
        self, method: LearningMethod, settings: TrainingSettings, team: Team, companion: Companion | None = None
    ) -> None:
        self.method = method
        self.companion = None if companion is None else companion.method
        self._settings, self._team = settings, team
        self._roles = {METHOD: method} if companion is None else {METHOD: method, COMPANION: companion.method}
        if settings.checkpointing and not all(map(blocks_of, self.methods)):
            raise SettingsError(
                "networks with blocks that can be computed again",
                f"checkpointing of {' and '.join(each.name for each in self.methods)}",
                "set checkpointing to false",
            )
        for each in self._roles.values():
            place(each, team.device, method.spatial_dims)
            # A method that has been at work, such as one that was pruned, comes in evaluation mode.
            each.train()
        parts = method.parts() if settings.schedule == "plateaus" else (list(method.parameters()),)
        self.num_rates = len(parts)
        """Number of learning rates: that of the method's parts with the schedule "plateaus", otherwise 1."""
        groups: list[dict[str, Any]] = [{"params": part, _RATE: 1.0} for part in parts]
        if companion is not None:
            groups.append({"params": list(companion.method.parameters()), _RATE: companion.relative_rate})
        self.optimizer = _optimizer(groups, settings)
        self._loss: Callable[[Tensor], Loss] = torch.compile(method.loss) if settings.compile else method.loss

    @property
    def methods(self) -> tuple[LearningMethod, ...]:
        """The method, and its companion if there is one."""
        return tuple(self._roles.values())

    @property
    def learns(self) -> bool:
        """Whether there is anything to learn."""
        return any(map(learns_anything, self.methods))

    @property
    def settled_share(self) -> float:
        """Share of training, from a start, before which the method's final loss decides nothing; mostly 0."""
        return self.method.settled_share if isinstance(self.method, ScheduledMethod) else 0.0

    @property
    def final_share(self) -> float:
        """Share of training, from a start, before which the method's loss still changes; mostly 0."""
        return self.method.final_share if isinstance(self.method, ScheduledMethod) else 0.0

    def set_rates(self, rates: Sequence[float]) -> None:
        """Set the learning rates of the next step, `num_rates` of them; a companion follows the first."""
        for number, group in enumerate(self.optimizer.param_groups):
            group["lr"] = rates[number if number < len(rates) else 0] * group[_RATE]

    @property
    def rate(self) -> float:
        """The learning rate of the method, or of its first part."""
        return float(self.optimizer.param_groups[0]["lr"])

    def teach_blind(self) -> None:
        """Teach the method blind first from its next start on, if it can be taught so: its posterior has collapsed."""
        if isinstance(self.method, BlindFirstMethod):
            self.method.least_share = AFTER_A_COLLAPSE

    def set_loss(self, *, kl_weight: float, progress: float) -> None:
        """Set the loss of a method whose loss changes during training; 1 and 1 set the final loss.

        Args:
            kl_weight: Weight of the KL divergence, 0 to 1.
            progress: Share of the budget used up since the last start, 0 to 1.
        """
        if isinstance(self.method, AnnealedMethod):
            self.method.kl_weight.fill_(kl_weight)
        if isinstance(self.method, ScheduledMethod):
            self.method.advance(progress)

    def loss(self, patches: Tensor, number: int, stream: int, place: int | None = None) -> Loss:
        """Return the loss of the method, with random numbers that depend only on seed, number and stream.

        Args:
            patches: Shape (B, C, *S), intensity units.
            number: Number of the step, or of the batch in validation.
            stream: `TRAINING` or `VALIDATION`.
            place: Number of a piece of a batch; that of the process if None.
        """
        with self._precision():
            place = self._team.rank if place is None else place
            is_mismatched = stream == TRAINING and self.method.neighbours and self._settings.mismatch
            loss = self._loss_of_mismatched if is_mismatched else self._loss
            return self._seeded(loss, patches, (stream << 32) + number, place)

    def backward(self, patches: Tensor, step: int) -> Loss:
        """Compute the gradients of a step, averaged over the team.

        Every piece of a batch, see the setting `micro_batch`, draws the random numbers of a process of its number.

        Args:
            patches: Shape (B, C, *S), intensity units.
            step: Number of the step, from 0.

        Returns:
            The loss of the method; the companion's loss is one of its terms.
        """
        self.optimizer.zero_grad()
        pieces = torch.tensor_split(patches, self._settings.num_pieces(len(patches)))
        shares = [len(piece) / len(patches) for piece in pieces]
        first = self._team.rank * len(pieces)
        losses = [
            self._backward(piece, step, first + number, share)
            for number, (piece, share) in enumerate(zip(pieces, shares, strict=True))
        ]
        self._team.average(p.grad for each in self._roles.values() for p in each.parameters() if p.grad is not None)
        return losses[0] if len(losses) == 1 else _mean_of(losses, shares)

    def _backward(self, patches: Tensor, step: int, place: int, share: float) -> Loss:
        """Add the share of a piece, whose place is that in the batches of all processes, to the gradients of a step."""
        with recomputing(self.methods) if self._settings.checkpointing else nullcontext():
            own = self.loss(patches, step, TRAINING, place)
            total, terms = own.total, own.terms
            if self.companion is not None:
                with self._precision():
                    other = self._seeded(self.companion.loss, patches, _COMPANION_SEED + step, place)
                total, terms = total + other.total, {**terms, self.companion.name: other.total.detach()}
        torch.autograd.backward(total if share == 1.0 else share * total)
        return Loss(own.total.detach(), terms)

    def clip(self) -> set[str]:
        """Scale the gradients of each part down to the largest norm allowed.

        Returns:
            Names of the learners whose gradients are not finite: "method", "companion", both or none.
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
        """Load weights that `weights` returned."""
        for role, each in self._roles.items():
            each.load_state_dict(weights[role])

    def drop_gradients(self, role: str, safe: Weights) -> None:
        """Leave the method or its companion out of the step, as if these patches had not been processed.

        Args:
            role: "method" leaves out both, "companion" only the companion.
            safe: Weights and buffers of an earlier state, from which the buffers are restored: running statistics may
                contain NaN although no weight has changed yet.
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
        """Copy the buffers of the team's first process, because running statistics differ between the processes."""
        self._team.copy_first(buffer for each in self._roles.values() for buffer in each.buffers())

    def _loss_of_mismatched(self, patches: Tensor) -> Loss:
        """Return the loss of patches some of whose neighbours do not fit, see the setting `mismatch`."""
        num_channels = self.method.statistics.num_channels
        return self._loss(mismatched(patches, num_channels, self._settings.mismatch))

    def _clip(self, parameters: list[torch.nn.Parameter]) -> bool:
        return bool(torch.isfinite(torch.nn.utils.clip_grad_norm_(parameters, self._settings.clip_norm)))

    def _seeded(self, loss: Callable[[Tensor], Loss], patches: Tensor, number: int, place: int) -> Loss:
        seed = ((self._settings.seed * 2) << 32) + number + place * _PLACE_SEED
        with seeded(seed, patches.device):
            return loss(patches)

    def _precision(self) -> AbstractContextManager[Any]:
        device, wanted = self._team.device, self._settings.precision
        lower = wanted == "bfloat16" or (wanted == "auto" and gains_from_bf16(device))
        # No cache: weights that were cast without gradients would be reused, and would then get no gradients.
        return torch.autocast(device.type, dtype=torch.bfloat16, enabled=lower, cache_enabled=False)


def learns_anything(method: LearningMethod) -> bool:
    """Tell whether a method has anything to learn; a network that comes trained may have nothing."""
    return any(parameter.requires_grad for parameter in method.parameters())


def _mean_of(losses: Sequence[Loss], shares: Sequence[float]) -> Loss:
    """Return the mean of the losses of the pieces of a batch, and of their terms, each weighted by its share."""
    weights = torch.tensor(shares, device=losses[0].total.device)

    def mean(values: list[Tensor]) -> Tensor:
        return (weights * torch.stack(values)).sum()

    terms = {name: mean([each.terms[name] for each in losses]) for name in losses[0].terms}
    return Loss(mean([each.total for each in losses]), terms)


def _optimizer(groups: list[dict[str, Any]], settings: TrainingSettings) -> torch.optim.Optimizer:
    if settings.optimizer == "adamax":
        return torch.optim.Adamax(groups, lr=settings.learning_rate)
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=settings.betas, weight_decay=0.0)
