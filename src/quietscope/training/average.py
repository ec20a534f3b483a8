"""The mean of the weights of recent steps, which hardly shows how the last step happened to go."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from quietscope.methods.base import LearningMethod

SHARPNESS = 16
"""With k of these the mean of step n goes back over the last n / k steps or so."""


class RecentWeights:
    """The weighted mean of a method's weights since its start, ``m_n = m_(n-1) + (w_n - m_(n-1)) (k + 1) / (k + n)``.

    Step i has a weight that grows as i^k (polynomial decay: Shamir and Zhang, ICML 2013). While a learning rate is
    high, weights go to and fro by more than a network gains from step to step; their mean does not, and comes near to
    what they will be when the rate has fallen.

    Args:
        method: The method in training.
    """

    def __init__(self, method: LearningMethod) -> None:
        self._method = method
        self._mean: dict[str, Tensor] = {}
        self._num_steps = 0

    @torch.no_grad()
    def add(self) -> None:
        """Add the weights of now."""
        self._num_steps += 1
        weights = dict(self._method.named_parameters())
        if not self._mean:
            self._mean = {name: each.detach().clone() for name, each in weights.items()}
            return
        share = min(1.0, (SHARPNESS + 1) / (SHARPNESS + self._num_steps))
        for name, mean in self._mean.items():
            mean.lerp_(weights[name], share)

    def forget(self) -> None:
        """Begin anew, because training starts again with fresh weights."""
        self._mean, self._num_steps = {}, 0

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the method have the mean for as long as the block lasts; its own weights come back bit for bit."""
        own = {name: each.detach().clone() for name, each in self._method.named_parameters()}
        try:
            self._set(self._mean)
            yield
        finally:
            self._set(own)

    @torch.no_grad()
    def _set(self, weights: dict[str, Tensor]) -> None:
        for name, each in self._method.named_parameters():
            each.copy_(weights[name])

    def state(self) -> dict[str, Any]:
        """Return the state for the resume file."""
        return {"mean": dict(self._mean), "num_steps": self._num_steps}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the state of an earlier run."""
        home = {name: each.device for name, each in self._method.named_parameters()}
        self._mean = {name: each.to(home[name]) for name, each in state["mean"].items()}
        self._num_steps = int(state["num_steps"])
