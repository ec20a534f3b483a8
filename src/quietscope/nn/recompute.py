"""Training in less memory: blocks of a network forget what they computed, and compute it again for their gradients.

Chen, Xu, Zhang, Guestrin, "Training Deep Nets with Sublinear Memory Cost", 2016, arXiv 1604.06174.
"""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

from torch import nn
from torch.utils.checkpoint import checkpoint

from quietscope.nn.autoregressive import CausalBlock
from quietscope.nn.ladder import Merge
from quietscope.nn.signal_decoder import SignalDecoder

BLOCKS = (nn.Sequential, Merge, CausalBlock, SignalDecoder)
"""Modules that are computed as one."""
_NORMS = (nn.BatchNorm2d, nn.BatchNorm3d)


def blocks_of(network: nn.Module) -> list[nn.Module]:
    """Return the outermost modules of a network that are computed as one, see `BLOCKS`."""
    if isinstance(network, BLOCKS):
        return [network]
    return [block for child in network.children() for block in blocks_of(child)]


@contextmanager
def recomputing(networks: Iterable[nn.Module]) -> Iterator[None]:
    """Let the blocks of networks keep their input alone, for passes inside this context and the gradients of these.

    Loss, gradients and running statistics are those of a pass outside, bit for bit: random numbers are drawn again from
    the same state, and batch normalisation does not count what it sees for the second time.

    Args:
        networks: The networks; they may be used as ever afterwards.
    """
    blocks = [block for network in networks for block in blocks_of(network)]
    try:
        for block in blocks:
            block.__dict__["forward"] = partial(_run, block, block.forward)
        yield
    finally:
        for block in blocks:
            block.__dict__.pop("forward", None)


def _run(block: nn.Module, forward: Any, *args: Any) -> Any:
    norms = [module for module in block.modules() if isinstance(module, _NORMS)]
    return checkpoint(forward, *args, use_reentrant=False, context_fn=partial(_contexts, norms))


def _contexts(
    norms: list[nn.BatchNorm2d | nn.BatchNorm3d],
) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    return nullcontext(), _seen_before(norms)


@contextmanager
def _seen_before(norms: list[nn.BatchNorm2d | nn.BatchNorm3d]) -> Iterator[None]:
    """Keep running statistics as they are: momentum 0 leaves each its value."""
    momenta = [norm.momentum for norm in norms]
    counts = [None if norm.num_batches_tracked is None else norm.num_batches_tracked.clone() for norm in norms]
    try:
        for norm in norms:
            norm.momentum = 0.0
        yield
    finally:
        for norm, momentum, count in zip(norms, momenta, counts, strict=True):
            norm.momentum = momentum
            if count is not None and norm.num_batches_tracked is not None:
                norm.num_batches_tracked.copy_(count)
