"""Noise seen by a sensor that clips: a pixel at a limit says only that its intensity was there or beyond."""

from collections.abc import Callable
from typing import ClassVar, Self, final

import torch
from torch import Tensor

from quietscope.errors import NoiseError
from quietscope.noise.clipping import ClipLevels
from quietscope.noise.models import BASE_MODELS, base_model_from_record
from quietscope.noise.noise_model import NoiseModel, NoiseRecord, Samples
from quietscope.noise.poisson_gaussian import PoissonGaussian

_PREFIX = "base."


@final
class Censored(NoiseModel):
    """A noise model with the limits of the sensor: equation (3) of `quietscope.noise`.

    Without limits a saturated pixel would count as an exact measurement, and the signal around it would be estimated
    too dark. The probability of lying beyond the limit raises the estimate as far as the noise can explain, and no
    further. Mean and variance are those of the noise BEFORE clipping, because the stabilised scale
    (`quietscope.data.stabilize`) needs the noise of the detector, not what clipping has left of it.

    Source: Tobin, Econometrica 26 (1958).

    Args:
        base: Model of the noise before clipping; not a censored one.
        low: Lowest value that can be recorded, or minus infinity.
        high: Highest value that can be recorded, or infinity.
        step: Difference of neighbouring values: 1 for integer data, 0 for data that can take any value.

    Raises:
        NoiseError: If the base is censored already, or low is not below high by more than a step.
    """

    kind: ClassVar[str] = "censored"

    def __init__(
        self, base: NoiseModel, low: float = float("-inf"), high: float = float("inf"), step: float = 0.0
    ) -> None:
        super().__init__()
        if base.kind not in BASE_MODELS:
            raise NoiseError("a noise model without limits", base.describe(), "pass the model inside it")
        # Rounded to float32, as the pixels that are compared with the limits are.
        low, high = torch.tensor([low, high], dtype=torch.float32).tolist()
        if not (high - low > step and 0.0 <= step < float("inf")):
            raise NoiseError(
                "low below high by more than a step, and a step of zero or more",
                f"low={low}, high={high}, step={step}",
                "swap the limits or correct the step",
            )
        self.base = base
        self.limits = ClipLevels(low=low, high=high, step=float(step))

    @property
    def signal_range(self) -> tuple[float, float]:
        """The signal range of the base model."""
        return self.base.signal_range

    def log_prob(self, x: Tensor, s: Tensor) -> Tensor:
        """Return log p(x|s), broadcast over ``x`` and ``s``: a density inside the limits, a probability at them."""
        return self._with_tails(x.float(), s.float(), self.base.log_prob, self.base.log_tail)

    def quasi_log_prob(self, x: Tensor, s: Tensor) -> Tensor:
        """Return the base model's ``quasi_log_prob`` inside the limits, and its ``quasi_log_tail`` at them."""
        return self._with_tails(x.float(), s.float(), self.base.quasi_log_prob, self.base.quasi_log_tail)

    def _with_tails(
        self, x: Tensor, s: Tensor, inside: Callable[[Tensor, Tensor], Tensor], tail: Callable[..., Tensor]
    ) -> Tensor:
        limits, value = self.limits, inside(x, s)
        if limits.low > float("-inf"):
            value = torch.where(x <= limits.low, tail(limits.low_edge, s, upper=False), value)
        if limits.high < float("inf"):
            value = torch.where(x >= limits.high, tail(limits.high_edge, s, upper=True), value)
        return value

    def log_tail(self, limit: float, s: Tensor, *, upper: bool) -> Tensor:
        """Return the base model's tail, which is that of the intensity before clipping."""
        return self.base.log_tail(limit, s, upper=upper)

    def quasi_log_tail(self, limit: float, s: Tensor, *, upper: bool) -> Tensor:
        """Return the base model's training objective for a clipped pixel."""
        return self.base.quasi_log_tail(limit, s, upper=upper)

    def sample(self, s: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw from the base model and clip, in the shape of ``s``."""
        return self.base.sample(s, generator).clamp(self.limits.low, self.limits.high)

    def mean(self, s: Tensor) -> Tensor:
        """Return the mean BEFORE clipping, in the shape of ``s``."""
        return self.base.mean(s)

    def variance(self, s: Tensor) -> Tensor:
        """Return the variance BEFORE clipping, in the shape of ``s``."""
        return self.base.variance(s)

    @classmethod
    def fit(cls, signal: Samples, observation: Samples, *, clip: ClipLevels | None = None) -> Self:
        """Fit Poisson-Gaussian noise between limits; ``fit_noise`` finds the limits and fits any kind.

        Args:
            signal: Clean signal, any shape.
            observation: Noisy observation, the same shape.
            clip: Clipping levels; None if nothing is clipped.

        Returns:
            The fitted model.

        Raises:
            NoiseError: If the shapes differ, signal and observation are equal, or every pixel is clipped.
        """
        clip = ClipLevels() if clip is None else clip
        return cls(PoissonGaussian.fit(signal, observation, clip=clip), clip.low, clip.high, clip.step)

    def to_record(self) -> NoiseRecord:
        """Return the record of the base model, its names prefixed, together with the limits that are finite."""
        base = self.base.to_record()
        limits = {"low": self.limits.low, "high": self.limits.high}
        settings: dict[str, float | int | str] = {"base": base.kind, "step": self.limits.step}
        settings |= {name: value for name, value in limits.items() if abs(value) < float("inf")}
        settings |= {f"{_PREFIX}{name}": value for name, value in base.settings.items()}
        tensors = {f"{_PREFIX}{name}": tensor for name, tensor in base.tensors.items()}
        return NoiseRecord(kind=self.kind, tensors=tensors, settings=settings)

    @classmethod
    def from_record(cls, record: NoiseRecord) -> Self:
        """Rebuild the base model and put the limits around it."""
        settings = record.settings
        base = NoiseRecord(
            kind=str(settings["base"]),
            tensors={k.removeprefix(_PREFIX): v for k, v in record.tensors.items() if k.startswith(_PREFIX)},
            settings={k.removeprefix(_PREFIX): v for k, v in settings.items() if k.startswith(_PREFIX)},
        )
        low, high = float(settings.get("low", float("-inf"))), float(settings.get("high", float("inf")))
        return cls(base_model_from_record(base), low, high, float(settings["step"]))

    def describe(self) -> str:
        """Return, for example, ``Gaussian: sigma = 25; saturated at 0 and 255``."""
        ends = [f"{end:.6g}" for end in (self.limits.low, self.limits.high) if abs(end) < float("inf")]
        return f"{self.base.describe()}; saturated at {' and '.join(ends)}" if ends else self.base.describe()


def censor(model: NoiseModel, clip: ClipLevels) -> NoiseModel:
    """Return the model with these clipping levels, or the model itself if nothing is clipped."""
    return model if clip.is_open else Censored(model, clip.low, clip.high, clip.step)
