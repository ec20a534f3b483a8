"""What a step is said to take: less with checkpointing and with micro-batches, as much as autograd then keeps."""

import pytest
import torch
from torch import Tensor

from quietscope.methods.base import LearningMethod
from quietscope.methods.dvlae import DVLAE
from quietscope.methods.hdn import HDN
from quietscope.nn.recompute import recomputing
from quietscope.pipeline.effort import step_cost
from quietscope.pipeline.kept_memory import KeptMemory
from quietscope.testing.method_contract import toy_frames, toy_settings
from tests.tiny import untrained


def patches(number: int) -> Tensor:
    return 150 + 30 * torch.randn(number, 1, 16, 16, generator=torch.Generator().manual_seed(1))


def counted(method: LearningMethod, checkpointing: bool) -> KeptMemory:
    kept = KeptMemory(method, checkpointing)
    with kept.counted():
        method.loss(patches(4))
    return kept


@pytest.mark.parametrize("kind", [HDN, DVLAE])
def test_it_is_what_autograd_keeps_and_one_block(kind: type[HDN] | type[DVLAE]) -> None:
    method = untrained(kind, preset="paper").train()
    plain, less = (counted(method, checkpointing) for checkpointing in (False, True))
    with recomputing([method]):
        found = counted(method, checkpointing=False)
    assert less.between_passes == found.between_passes
    assert less.between_passes < less.num_bytes < 0.6 * plain.num_bytes
    assert plain.between_passes == plain.num_bytes


def test_it_grows_with_the_patches_that_are_computed_at_a_time() -> None:
    method = untrained(HDN, preset="paper")
    frames = toy_frames(method)
    whole, pieces, again = (
        step_cost(method, frames, toy_settings(batch_size=16, **more), torch.device("cpu"))
        for more in ({}, {"micro_batch": 4}, {"micro_batch": 4, "checkpointing": True})
    )
    assert again.num_bytes < pieces.num_bytes < 0.5 * whole.num_bytes
    assert whole.patch == pieces.patch == again.patch
    assert all(parameter.grad is None for parameter in method.parameters())
