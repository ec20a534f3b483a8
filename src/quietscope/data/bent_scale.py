"""A stabilised scale that learns: it is bent until noise has the same width on all of it, and leads back without bias.

Herbreteau, Unser, "Self-Calibrated Variance-Stabilizing Transformations for Real-World Image Denoising" (Noise2VST),
ICCV 2025, arXiv 2407.17399: a monotone piecewise linear transform before a fixed denoiser of white Gaussian noise,
learnt from hidden pixels. Here the curve starts from the stabilised scale of a noise model, so that little is left to
learn.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from quietscope.data.stabilize import NUM_KNOTS, Stabilizer, interpolate

NUM_DRAWS = 1024
_LEAST_STEP = 1e-4


class Table(NamedTuple):
    """A piecewise linear map of every channel.

    Attributes:
        knots: Increasing, shape (C, K).
        values: Values at the knots, shape (C, K).
    """

    knots: Tensor
    values: Tensor

    def at(self, x: Tensor) -> Tensor:
        """Map x (B, C, *S); beyond the knots the first and the last slope go on."""
        return torch.stack([interpolate(x[:, c], self.knots[c], self.values[c]) for c in range(x.shape[1])], dim=1)


class Curve(nn.Module):
    """A piecewise linear, increasing map g of every channel, at first the identity.

    ``g(k_j) = k_0 + sum_{i<j} exp(b_i) (k_{i+1} - k_i)``, with the bends b, one per piece, as parameters.

    Args:
        knots: Increasing knots k of each channel, shape (C, K).
    """

    knots: Tensor

    def __init__(self, knots: Tensor) -> None:
        super().__init__()
        self.register_buffer("knots", knots.float().clone())
        self.bends = nn.Parameter(torch.zeros(knots.shape[0], knots.shape[1] - 1, device=knots.device))

    def move(self, gain: Tensor, offset: Tensor) -> None:
        """Have every value v become ``gain v + offset``, one of both per channel, shape (C,)."""
        self.knots.mul_(gain[:, None]).add_(offset[:, None])

    def table(self) -> Table:
        """Return the map, differentiable in the bends."""
        steps = self.bends.exp() * self.knots.diff(dim=1)
        return Table(self.knots, torch.cat((self.knots[:, :1], self.knots[:, :1] + steps.cumsum(dim=1)), dim=1))


class BentScale(nn.Module):
    """A scale u = g(T(x)) of intensities x, T the stabilised scale of a noise model and g a `Curve`, and the way back.

    The way back is the exact unbiased inverse, ``h^{-1}`` for ``h(s) = E[g(T(x)) | s]``: what has the mean of the noisy
    values on the scale has the signal that causes this mean (Makitalo, Foi, IEEE TIP 2013). h is measured at signals
    that are evenly spaced on T, with noise that is drawn once; they are the knots of a second `Curve`.

    Args:
        stabilizer: T, on which noise has a standard deviation of about 1.
        quantiles: Evenly spaced quantiles of each channel's pixels, intensity units, shape (C, Q); their mean is 0 on
            the scale.
        sample: Draws a noisy intensity for every signal (C, J, M), intensity units.
        pieces: Pieces of each curve, a divisor of 1,024.
    """

    quantiles: Tensor
    noisy: Tensor

    def __init__(
        self, stabilizer: Stabilizer, quantiles: Tensor, sample: Callable[[Tensor], Tensor], pieces: int
    ) -> None:
        super().__init__()
        assert (NUM_KNOTS - 1) % pieces == 0, pieces
        self.stabilizer = stabilizer
        # Its knots are some of those of the stabiliser: both together are one piecewise linear map.
        step = (NUM_KNOTS - 1) // pieces
        self.curve = Curve(stabilizer.stabilized[:, ::step])
        signal = stabilizer.intensity[:, ::step]
        self.signal = Curve(signal)
        drawn = sample(signal[..., None].expand(*signal.shape, NUM_DRAWS).contiguous())
        self.register_buffer("noisy", stabilizer(drawn[None])[0].clone())
        self.register_buffer("quantiles", stabilizer(quantiles[None])[0].clone())

    def forward(self, x: Tensor) -> Tensor:
        """Map intensities (B, C, *S) to the scale."""
        return self.up().at(x.float())

    def inverse(self, u: Tensor) -> Tensor:
        """Map means (B, C, *S) of noisy values on the scale to signals in intensity units."""
        return self.down().at(u)

    def up(self) -> Table:
        """Return the map from intensities to the scale."""
        curve = self.curve.table()
        values = curve.at(self.stabilizer.stabilized[None])[0]
        return Table(self.stabilizer.intensity, values - self._middle(curve))

    def down(self) -> Table:
        """Return the map from means on the scale to signals; the means increase, whatever few draws say."""
        curve = self.curve.table()
        means = curve.at(self.noisy[None])[0].mean(dim=2) - self._middle(curve)
        rising = torch.arange(means.shape[1], device=means.device) * _LEAST_STEP
        return Table(torch.cummax(means, dim=1).values + rising, self.signal.table().values)

    def _middle(self, curve: Table) -> Tensor:
        """Return the mean of the pixels on the bent scale before it is shifted, (C, 1)."""
        return curve.at(self.quantiles[None])[0].mean(dim=1, keepdim=True)
