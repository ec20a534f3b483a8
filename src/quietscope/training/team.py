"""Training on several devices: processes train one model together, each on its share of every batch.

A process in a process group of `torch.distributed` (as started by ``torchrun``) trains as part of a team; any other
process trains alone. All processes of a team start from the same weights and average their gradients before clipping,
so all make the same step. Values that decide about the run (clock, KL divergence, validation loss, signals) are made
equal in all processes before the decision.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, distributed

from quietscope.errors import SettingsError
from quietscope.wording import typed


@dataclass(frozen=True, kw_only=True)
class Team:
    """The processes that train together.

    Attributes:
        device: Device on which this process computes.
        rank: Number of this process, from 0.
        size: Number of processes; 1 for a process that trains alone.
    """

    device: torch.device
    rank: int = 0
    size: int = 1

    @classmethod
    def of_process(cls, device: torch.device) -> "Team":
        """Return the team that this process belongs to."""
        if not (distributed.is_available() and distributed.is_initialized()):
            return cls(device=device)
        return cls(device=device, rank=distributed.get_rank(), size=distributed.get_world_size())

    @property
    def is_first(self) -> bool:
        """Whether this process writes logs and resume files for all."""
        return self.rank == 0

    def share(self, step: int, batch_size: int) -> tuple[int, int]:
        """Return the patches of a step that this process computes: number of the first patch, and number of patches.

        Args:
            step: Number of the step, from 0.
            batch_size: Patches per step, for all processes together.

        Raises:
            SettingsError: If the batch cannot be shared evenly.
        """
        if batch_size % self.size:
            fewer = next(count for count in range(min(self.size, batch_size), 0, -1) if batch_size % count == 0)
            raise SettingsError(
                f"a batch that {self.size} processes can share",
                f"{batch_size} patches",
                f"pass `{typed(devices=fewer)}`, or set the training setting batch_size to a multiple of {self.size}",
            )
        count = batch_size // self.size
        return step * batch_size + self.rank * count, count

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Replace each tensor by its mean over the team, in place."""
        if self.size == 1:
            return
        together = list(tensors)
        flat = torch.cat([each.flatten() for each in together])
        distributed.all_reduce(flat)
        flat /= self.size
        for each, mean in zip(together, torch.split(flat, [each.numel() for each in together]), strict=True):
            each.copy_(mean.view_as(each))

    def copy_first(self, tensors: Iterable[Tensor]) -> None:
        """Replace each tensor by the tensor of the first process, in place."""
        if self.size > 1:
            for each in tensors:
                distributed.broadcast(each, 0)

    def of_first(self, compute: Callable[[], float]) -> float:
        """Return a number that the first process computes, in all of them."""
        value = compute() if self.is_first else 0.0
        if self.size == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64, device=self.device)
        distributed.broadcast(shared, 0)
        return float(shared)

    def mean(self, value: float) -> float:
        """Return the mean of a number over the team."""
        if self.size == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64, device=self.device)
        self.average([shared])
        return float(shared)

    def largest(self, value: float) -> float:
        """Return the largest value of a number over the team."""
        if self.size == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64, device=self.device)
        distributed.all_reduce(shared, op=distributed.ReduceOp.MAX)
        return float(shared)
