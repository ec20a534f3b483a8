"""What a forward pass keeps for the gradients, counted by the tensors that autograd holds on to."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from quietscope.nn.recompute import blocks_of

Sizes = dict[int, int]
"""Bytes of storages by their address."""


class KeptMemory:
    """Counts the memory that is kept between a forward pass and its gradients, weights apart.

    Args:
        network: The network.
        checkpointing: Count as if blocks kept their input alone, and one block at a time computed the rest again. What
            is computed in a block is then dropped at its end, so that the passes counted have no gradients.
    """

    def __init__(self, network: nn.Module, checkpointing: bool) -> None:
        self._weights = {parameter.data_ptr() for parameter in network.parameters()}
        self._blocks = blocks_of(network) if checkpointing else []
        self._outside: Sizes = {}
        self._inside: list[Sizes] = []
        self._is_inside = False
        self._alive: list[Tensor] = []
        self._of_block: list[Tensor] = []

    @property
    def between_passes(self) -> int:
        """Bytes that are kept from a forward pass to its gradients."""
        return sum(self._outside.values())

    @property
    def num_bytes(self) -> int:
        """Bytes that are kept at most: those, and the largest block where blocks are computed again."""
        return self.between_passes + max((sum(sizes.values()) for sizes in self._inside), default=0)

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count the forward passes in this context."""
        with ExitStack() as stack:
            for block in self._blocks:
                stack.callback(block.register_forward_pre_hook(self._enter).remove)
                stack.callback(block.register_forward_hook(self._leave).remove)
            stack.enter_context(saved_tensors_hooks(self._pack, lambda tensor: tensor))
            yield
        self._alive.clear()

    def _enter(self, block: nn.Module, inputs: tuple[Any, ...]) -> None:
        for tensor in inputs:
            self._count(tensor)
            self._alive.append(tensor)  # so that nothing else gets its address
        self._inside.append({})
        self._is_inside = True

    def _leave(self, block: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        self._is_inside = False
        self._of_block.clear()

    def _pack(self, tensor: Tensor) -> Tensor | None:
        self._count(tensor)
        if not self._is_inside:
            return tensor
        self._of_block.append(tensor)
        return None

    def _count(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in self._weights:
            sizes = self._inside[-1] if self._is_inside else self._outside
            sizes[storage.data_ptr()] = storage.nbytes()
