"""The contract of a noise model: the density p(x|s) of an observed intensity x, given the clean signal s.

Everything is in intensity units: x and s as they stand in the file, log densities per intensity unit, variances in
squared intensity units. Networks work in normalised units and convert before they ask.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar, Self, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from quietscope.noise.clipping import ClipLevels

Samples: TypeAlias = Tensor | npt.NDArray[np.generic]
"""Pixels handed to a fit: a tensor or an array of any shape and real dtype."""


@dataclass(frozen=True, kw_only=True)
class NoiseRecord:
    """A noise model at rest: what a file stores and what another machine rebuilds it from.

    Args:
        kind: Name of the model in ``NOISE_MODELS``.
        tensors: Learnt arrays by name; empty where numbers say it all.
        settings: The numbers and words that complete the model; all of them JSON values.
    """

    kind: str
    tensors: Mapping[str, Tensor] = field(default_factory=lambda: MappingProxyType({}))
    settings: Mapping[str, float | int | str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kind of the model, and that of the model inside it where it is a censored one."""
        return (self.kind, *([str(self.settings["base"])] if "base" in self.settings else []))


class NoiseModel(nn.Module, ABC):
    """The conditional density p(x|s), elementwise and differentiable in s.

    All methods broadcast x against s, compute in float32 whatever came in (a likelihood in bfloat16 has lost the
    gradient that it is for), and stay on the device of their inputs. Parameters are buffers, so the model moves with
    the network that it trains.
    """

    kind: ClassVar[str]

    @property
    @abstractmethod
    def signal_range(self) -> tuple[float, float]:
        """Lowest and highest signal that was fitted; minus and plus infinity for a model that knows no range."""

    @abstractmethod
    def log_prob(self, x: Tensor, s: Tensor) -> Tensor:
        """Return log p(x|s) per intensity unit, in the broadcast shape of ``x`` and ``s``."""

    @abstractmethod
    def quasi_log_prob(self, x: Tensor, s: Tensor) -> Tensor:
        """Return what a network is trained to maximise, in the broadcast shape of ``x`` and ``s``.

        Either ``log_prob`` itself, or, where the density is only an approximation with the right mean and variance,
        the quasi-log-likelihood: its gradient in s is ``(x - s) / v(s)``, which has expectation zero at the true
        signal whatever the shape of the noise (Wedderburn, Biometrika 61 (1974)).
        """

    @abstractmethod
    def log_tail(self, limit: float, s: Tensor, *, upper: bool) -> Tensor:
        """Return ``log P(X >= limit | s)``, or ``log P(X <= limit | s)`` for the lower tail, in the shape of ``s``.

        What is known of a pixel beyond the end of the detector's scale. Finite, with a finite gradient, however far
        out the limit lies.
        """

    @abstractmethod
    def quasi_log_tail(self, limit: float, s: Tensor, *, upper: bool) -> Tensor:
        """Return what training maximises for a pixel beyond ``limit``, in the shape of ``s``.

        Its gradient is the mean of that of ``quasi_log_prob`` over the tail, so that both together stay free of bias;
        ``log_tail`` itself, where ``quasi_log_prob`` is the density.
        """

    @abstractmethod
    def sample(self, s: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw one x ~ p(x|s) per element of ``s``; the same generator state gives the same draw."""

    @abstractmethod
    def mean(self, s: Tensor) -> Tensor:
        """Return E[x|s] in the shape of ``s``."""

    @abstractmethod
    def variance(self, s: Tensor) -> Tensor:
        """Return Var[x|s] in the shape of ``s``, bounded away from zero."""

    @classmethod
    @abstractmethod
    def fit(cls, signal: Samples, observation: Samples, *, clip: ClipLevels | None = None) -> Self:
        """Fit the model to pairs of clean signal and noisy observation of one shape.

        Pixels at the ends of the scale ``clip`` count as what they are: somewhere beyond. ``fit_noise`` finds the ends.
        """

    @abstractmethod
    def to_record(self) -> NoiseRecord:
        """Return the model at rest; ``from_record`` of it is the same model."""

    @classmethod
    @abstractmethod
    def from_record(cls, record: NoiseRecord) -> Self:
        """Rebuild the model that ``to_record`` described."""

    @abstractmethod
    def describe(self) -> str:
        """Return one line that names the model and its parameters, for a table."""


def standard_normal_like(s: Tensor, generator: torch.Generator | None) -> Tensor:
    """Draw float32 N(0, 1) in the shape and on the device of ``s``, from ``generator`` where one is given.

    A CPU generator serves signals on any device: the draw is made where the generator lives and then moved, so that
    one seed gives one picture on every machine.
    """
    device = s.device if generator is None else generator.device
    return torch.randn(s.shape, generator=generator, device=device, dtype=torch.float32).to(s.device)
