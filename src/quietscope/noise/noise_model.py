"""The contract of a noise model: the density p(x|s) of a recorded intensity x, given the clean signal s.

Everything is in intensity units: x and s as in the file, log densities per intensity unit, variances in squared
intensity units. Networks work in normalised units and convert their output before they evaluate a noise model.
Equations (1) to (4) are those of `quietscope.noise`.
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
"""Pixels that a model is fitted to: a tensor or an array of any shape and real data type."""


@dataclass(frozen=True, kw_only=True)
class NoiseRecord:
    """Everything that a file stores of a noise model, and from which the model is rebuilt.

    Attributes:
        kind: Name of the model in ``NOISE_MODELS``.
        tensors: Fitted arrays by name; empty for models that are described by a few numbers.
        settings: Numbers and words that complete the model; all of them JSON values.
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

    All methods broadcast x against s, compute in float32 whatever the type of their inputs (in bfloat16 a likelihood
    is too coarse for a useful gradient), and stay on the device of their inputs. Parameters are buffers, so the model
    moves to a device together with the network that is trained with it.
    """

    kind: ClassVar[str]

    @property
    @abstractmethod
    def signal_range(self) -> tuple[float, float]:
        """Lowest and highest signal that the model was fitted on; infinite for a formula that holds at any signal."""

    @abstractmethod
    def log_prob(self, x: Tensor, s: Tensor) -> Tensor:
        """Return log p(x|s) per intensity unit, in the broadcast shape of ``x`` and ``s``."""

    @abstractmethod
    def quasi_log_prob(self, x: Tensor, s: Tensor) -> Tensor:
        """Return the function that training maximises, in the broadcast shape of ``x`` and ``s``.

        ``log_prob`` itself; or the quasi-likelihood, equation (2), if the density is an approximation of which only
        mean and variance are right.
        """

    @abstractmethod
    def log_tail(self, limit: float, s: Tensor, *, upper: bool) -> Tensor:
        """Return ``log P(X >= limit | s)``, or ``log P(X <= limit | s)`` for the lower tail, in the shape of ``s``.

        This is the log likelihood of a clipped pixel, equation (3). It is finite, with a finite gradient, however far
        the limit lies from s.
        """

    @abstractmethod
    def quasi_log_tail(self, limit: float, s: Tensor, *, upper: bool) -> Tensor:
        """Return the function that training maximises for a pixel clipped at ``limit``, in the shape of ``s``.

        ``log_tail`` itself if ``quasi_log_prob`` is ``log_prob``; otherwise a function with the gradient of
        equation (4).
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
        """Fit the model to pairs of clean signal and noisy observation of the same shape.

        Pixels at the clipping levels ``clip`` count as lying at the level or beyond, equation (3). ``fit_noise`` finds
        these levels.
        """

    @abstractmethod
    def to_record(self) -> NoiseRecord:
        """Return a record of the model; ``from_record`` rebuilds the same model from it."""

    @classmethod
    @abstractmethod
    def from_record(cls, record: NoiseRecord) -> Self:
        """Rebuild the model from a record that ``to_record`` made."""

    @abstractmethod
    def describe(self) -> str:
        """Return one line that names the model and its parameters, for a table."""


def standard_normal_like(s: Tensor, generator: torch.Generator | None) -> Tensor:
    """Draw float32 N(0, 1) in the shape and on the device of ``s``, from ``generator`` if there is one.

    Numbers are drawn on the device of the generator and then moved to that of ``s``. So a CPU generator with one seed
    gives the same noise on every machine, whatever device the signal is on.
    """
    device = s.device if generator is None else generator.device
    return torch.randn(s.shape, generator=generator, device=device, dtype=torch.float32).to(s.device)
