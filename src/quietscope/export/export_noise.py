"""The likelihood of noisy pixels in operations that every exchange format has, for methods that predict with it.

Formulas are traced as they are. ONNX has no binary search among the rows of a histogram, and no logarithm of a tail
that is exact far out; both depend on the signal alone, and are read off tables here.
"""

from typing import TypeAlias

import torch
from torch import Tensor, nn

from quietscope.export.export_scale import Lookup
from quietscope.noise.censored import Censored
from quietscope.noise.histogram import Histogram, Place
from quietscope.noise.noise_model import NoiseModel

NUM_KNOTS = 1 << 13
_FINE = 1 << 16
_MARGIN = 10.0
"""Standard deviations of the noise by which tables reach beyond the pixels of the training images."""


def export_noise(model: NoiseModel, pixels: Tensor) -> "ExportedNoise":
    """Return a module with the `quasi_log_prob` of a noise model, for export.

    Args:
        model: The noise model.
        pixels: Intensities of the channel's training images, of which the lowest and the highest count, any shape.

    Returns:
        The model itself, or a module in its place.
    """
    if isinstance(model, Censored):
        return ExportCensored(model, pixels)
    return ExportHistogram(model) if isinstance(model, Histogram) else model


class ExportHistogram(nn.Module):
    """A histogram whose rows are found by a `Lookup`.

    Args:
        model: The histogram.
    """

    def __init__(self, model: Histogram) -> None:
        super().__init__()
        self.model = model
        self.row = Lookup(model.knots, torch.arange(float(len(model.knots))))

    def quasi_log_prob(self, x: Tensor, s: Tensor) -> Tensor:
        """Return log p(x|s), broadcast over ``x`` and ``s``."""
        last = len(self.model.knots) - 1
        position = self.row(s).clamp(0, last)
        left = position.to(torch.int64).clamp(max=last - 1)
        place = Place(left=left, part=position - left, stretch=self.model.stretch(s))
        return self.model.log_prob_at(x - s, place)


class ExportCensored(nn.Module):
    """A noise model with limits, whose tails beyond them are tables of the signal.

    Knots are evenly spaced in units of the noise, and lines between them are off by about ``h^2 / 8`` nats, with h the
    distance of two knots in standard deviations: 0.002 where the training images cover 1000 of these. Far out, where
    tables end, the slope is that of their ends.

    Args:
        model: The model.
        pixels: Intensities of the training images, any shape.
    """

    def __init__(self, model: Censored, pixels: Tensor) -> None:
        super().__init__()
        self.base = export_noise(model.base, pixels)
        self.limits = model.limits
        edges = {"low": model.limits.low_edge, "high": model.limits.high_edge}
        self.tails = nn.ModuleDict()
        for name, edge in edges.items():
            if abs(edge) < float("inf"):
                signals = _signals(model, torch.cat((pixels.flatten().float(), torch.tensor([edge]))))
                tail = model.quasi_log_tail(edge, signals, upper=name == "high").detach()
                self.tails[name] = Lookup(signals, tail)

    def quasi_log_prob(self, x: Tensor, s: Tensor) -> Tensor:
        """Return the (quasi-)log-likelihood, broadcast over ``x`` and ``s``; a probability at the limits."""
        value: Tensor = self.base.quasi_log_prob(x, s)
        if "low" in self.tails:
            value = torch.where(x <= self.limits.low, self.tails["low"](s), value)
        if "high" in self.tails:
            value = torch.where(x >= self.limits.high, self.tails["high"](s), value)
        return value


ExportedNoise: TypeAlias = NoiseModel | ExportHistogram | ExportCensored
"""A likelihood in operations that every exchange format has: all of them have `quasi_log_prob`."""


def _signals(model: NoiseModel, pixels: Tensor) -> Tensor:
    """Return signals around some intensities, evenly spaced in units of the noise, (NUM_KNOTS,), increasing."""
    ends = torch.stack((pixels.min(), pixels.max()))
    width = model.variance(ends).sqrt()
    low, high = float(ends[0] - _MARGIN * width[0]), float(ends[1] + _MARGIN * width[1])
    fine = torch.linspace(low, high, _FINE, dtype=torch.float64)
    steps = 1.0 / model.variance(fine.float()).double().sqrt()
    reached = torch.cumsum(steps, 0)
    even = torch.linspace(float(reached[0]), float(reached[-1]), NUM_KNOTS, dtype=torch.float64)
    chosen = torch.searchsorted(reached, even).clamp(max=_FINE - 1)
    signals: Tensor = torch.unique(fine[chosen].float())
    return signals
