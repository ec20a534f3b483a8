"""Variance stabilisation: an intensity scale on which noise is equally strong everywhere, for any variance function.

On the scale ``u(s) = integral dt / sqrt(v(t) + 3/8 v'(t)^2)`` noise of variance v(s) has about unit variance; for
Poisson-Gaussian noise this is the generalised Anscombe transform. For a network that works on this scale, dim and
bright structures have the same contrast to the noise, and the likelihood has about the same curvature everywhere.

Source: Anscombe, Biometrika 35 (1948); Starck, Murtagh, Bijaoui, Image Processing and Data Analysis (1998).
"""

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

NUM_KNOTS = 1025
_FINE = 1 << 15
ANSCOMBE_SHARE = 3.0 / 8.0
Unit: TypeAlias = Literal["image", "noise"]


class Stabilizer(nn.Module):
    """Piecewise linear maps between intensities and the stabilised scale, one per channel, extended at both ends.

    Args:
        intensity: Knots in intensity units, shape (C, K), increasing.
        stabilized: Values of the knots on the stabilised scale, shape (C, K), increasing.
    """

    intensity: Tensor
    stabilized: Tensor

    def __init__(self, intensity: Tensor, stabilized: Tensor) -> None:
        super().__init__()
        self.register_buffer("intensity", intensity.float().clone())
        self.register_buffer("stabilized", stabilized.float().clone())

    @classmethod
    def of_variances(
        cls,
        variances: Sequence[Callable[[Tensor], Tensor]],
        quantiles: Tensor,
        darkest: Tensor | None = None,
        *,
        unit: Unit = "image",
    ) -> "Stabilizer":
        """Integrate variance functions over the range of the data.

        Args:
            variances: Variance function v(s) of each channel, squared intensity units.
            quantiles: Increasing quantiles of each channel's pixels, from the lowest to the highest, shape (C, Q).
            darkest: Darkest signal of each channel, shape (C,); None for the lowest quantile. Noise produces pixels
                below it, where a photon-transfer line approaches zero and would stretch the scale without bound (a
                third of the scale for 3 % of the pixels, for correlated noise). There the width of the noise at the
                darkest signal is used.
            unit: What is 1 on the new scale: the standard deviation of the image, or that of the noise.

        Returns:
            The maps, shifted and scaled so that the quantiles have mean 0 and, if that is the unit, standard
            deviation 1 on the new scale.
        """
        knots, values = [], []
        lowest = quantiles[:, 0] if darkest is None else darkest
        for variance, pixels, dark in zip(variances, quantiles.double(), lowest.double(), strict=True):
            t = torch.linspace(float(pixels[0]), float(pixels[-1]), _FINE, dtype=torch.float64, device=pixels.device)
            step = t[1] - t[0]
            v = variance(t.float()).double().detach()
            slope = torch.gradient(v, spacing=float(step))[0]
            width = torch.sqrt(v + ANSCOMBE_SHARE * slope.square())
            first = min(int(torch.searchsorted(t, dark)), _FINE - 1)
            width[:first] = width[first]
            areas = 0.5 * step * (1.0 / width[1:] + 1.0 / width[:-1])
            u = torch.cat((t.new_zeros(1), torch.cumsum(areas, 0)))
            # Knots are evenly spaced on the stabilised scale: equally many per noise width at any brightness.
            even = torch.linspace(0.0, float(u[-1]), NUM_KNOTS, dtype=torch.float64, device=pixels.device)
            knots.append(interpolate(even, u, t))
            seen = interpolate(pixels, t, u)
            values.append((even - seen.mean()) / (seen.std(correction=0) if unit == "image" else 1.0))
        return cls(torch.stack(knots), torch.stack(values))

    def forward(self, x: Tensor) -> Tensor:
        """Map intensities (B, C, *S) to the normalised stabilised scale, or those of W frames at once, (B, W C, *S)."""
        return self._map(x, self.intensity, self.stabilized)

    def inverse(self, u: Tensor) -> Tensor:
        """Map the normalised stabilised scale (B, C, *S) to intensities; the inverse of `forward`."""
        return self._map(u, self.stabilized, self.intensity)

    def _map(self, x: Tensor, start: Tensor, end: Tensor) -> Tensor:
        known = len(start)
        channels = [interpolate(x[:, c].float(), start[c % known], end[c % known]) for c in range(x.shape[1])]
        return torch.stack(channels, dim=1)


def interpolate(x: Tensor, knots: Tensor, values: Tensor) -> Tensor:
    """Interpolate linearly; beyond the knots, extrapolate with the first and the last slope.

    Args:
        x: Where to evaluate, any shape.
        knots: Increasing, shape (K,).
        values: Values at the knots, shape (K,).

    Returns:
        Values in the shape of ``x``, differentiable in `x` and `values`.
    """
    left = (torch.searchsorted(knots, x.detach().contiguous()) - 1).clamp(0, knots.numel() - 2)
    slope = (values[1:] - values[:-1]) / (knots[1:] - knots[:-1])
    return values[left] + (x - knots[left]) * slope[left]
