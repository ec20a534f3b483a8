"""Censoring: a pixel at the end of the detector's scale says only that its intensity lies beyond."""

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
    """A noise model seen through a detector whose scale ends.

    ``log p(x|s)`` is that of the base model inside the scale; at ``x >= high`` it is ``log P(X >= high | s)``, at
    ``x <= low`` it is ``log P(X <= low | s)``, X the intensity before clipping.

    To the base model a saturated pixel is a measurement like any other, and its surroundings are drawn too dark; its
    probability of lying beyond pulls as far up as the noise explains and no further. With a ``step``, that of integer
    data, the tails begin half a step inside, where rounding began to give the end of the scale. Limits are recorded
    values; either may be infinite. Mean and variance are those of the noise BEFORE clipping: a stabilised scale needs
    the noise of the detector, not the noise that was left of it.

    Source: Tobin, Econometrica 26 (1958).

    Args:
        base: The model of the unclipped noise; no censored one.
        low: Lowest value of the scale, at which pixels are clipped, or minus infinity.
        high: Highest value of the scale, or infinity.
        step: Distance of neighbouring values: 1 for integer data, 0 for data that can take any value.

    Raises:
        NoiseError: If the base is censored already, or the limits are no interval longer than a step.
    """

    kind: ClassVar[str] = "censored"

    def __init__(
        self, base: NoiseModel, low: float = float("-inf"), high: float = float("inf"), step: float = 0.0
    ) -> None:
        super().__init__()
        if base.kind not in BASE_MODELS:
            raise NoiseError("a noise model without limits", base.describe(), "pass the model inside it")
        # float32, as the pixels that are compared with them; also where a limit was found in float64.
        low, high = torch.tensor([low, high], dtype=torch.float32).tolist()
        if not (high - low > step and 0.0 <= step < float("inf")):
            raise NoiseError("low below high, more than a step of zero or more apart", f"{low}, {high}, {step}", "swap")
        self.base = base
        self.limits = ClipLevels(low=low, high=high, step=float(step))

    @property
    def signal_range(self) -> tuple[float, float]:
        """Those of the base model."""
        return self.base.signal_range

    def log_prob(self, x: Tensor, s: Tensor) -> Tensor:
        """Return log p(x|s), broadcast over ``x`` and ``s``: a density inside the limits, a probability at them."""
        x, s, limits = x.float(), s.float(), self.limits
        value = self.base.log_prob(x, s)
        if limits.low > float("-inf"):
            value = torch.where(x <= limits.low, self.base.log_tail(limits.low_edge, s, upper=False), value)
        if limits.high < float("inf"):
            value = torch.where(x >= limits.high, self.base.log_tail(limits.high_edge, s, upper=True), value)
        return value

    def quasi_log_prob(self, x: Tensor, s: Tensor) -> Tensor:
        """Return the base's ``quasi_log_prob``, at the limits its ``quasi_log_tail``."""
        x, s, limits = x.float(), s.float(), self.limits
        value = self.base.quasi_log_prob(x, s)
        if limits.low > float("-inf"):
            value = torch.where(x <= limits.low, self.base.quasi_log_tail(limits.low_edge, s, upper=False), value)
        if limits.high < float("inf"):
            value = torch.where(x >= limits.high, self.base.quasi_log_tail(limits.high_edge, s, upper=True), value)
        return value

    def log_tail(self, limit: float, s: Tensor, *, upper: bool) -> Tensor:
        """Return the tail of the base model: that of the intensity before clipping."""
        return self.base.log_tail(limit, s, upper=upper)

    def quasi_log_tail(self, limit: float, s: Tensor, *, upper: bool) -> Tensor:
        """Return the tail that the base model trains with."""
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
            clip: Ends of the scale, or None for none.

        Returns:
            The fitted model.

        Raises:
            NoiseError: If the pairs do not match, do not differ, or are clipped throughout.
        """
        clip = ClipLevels() if clip is None else clip
        return cls(PoissonGaussian.fit(signal, observation, clip=clip), clip.low, clip.high, clip.step)

    def to_record(self) -> NoiseRecord:
        """Return the base's record under a prefix, and the limits that are finite."""
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
    """Return the model between the ends of the scale, or the model itself where there are none."""
    return model if clip.is_open else Censored(model, clip.low, clip.high, clip.step)
