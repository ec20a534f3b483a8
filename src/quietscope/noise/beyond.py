"""Noise of signals outside the range that a model was fitted on: the shape at the nearer end, as wide as the line says.

A mixture or a histogram knows nothing of signals brighter than the brightest that it was fitted on. The shape of the
noise changes slowly, but its width does not stop growing there: photons go on to be counted, and the photon-transfer
line ``v(s) = gain s + intercept`` goes on. So the density at the nearer end e of the range is kept and scaled,

    p(x|s) = p(e + (x - s) / r | e) / r,    r^2 = v(s) / v(e),    v(s) = v(e) + gain (s - e),

which has mean s and variance v(s), and is continuous at e. Below the range the line falls, and would reach zero: v(s)
there is a curve that begins along the line and never falls below a quarter of v(e).
"""

import torch
import torch.nn.functional as F
from torch import Tensor

LEAST_BELOW = 0.25
"""Least variance below the range, relative to that at its lower end."""


class Beyond:
    """What the variance of a model is multiplied by outside its fitted range.

    Args:
        ends: Lowest and highest signal that was fitted, intensity units.
        variances: Variance of the model at these two, positive, squared intensity units.
        gain: Slope of the photon-transfer line, intensity units, zero or more; 0 keeps the noise of the nearer end.
    """

    def __init__(self, ends: tuple[float, float], variances: tuple[float, float], gain: float) -> None:
        self._low, self._high = ends
        self._fall, self._rise = (gain / variance for variance in variances)

    def growth(self, s: Tensor) -> Tensor:
        """Return ``r^2``, the variance at each signal over that at the nearer end, 1 within the range.

        Args:
            s: Signals, float32, any shape, intensity units.

        Returns:
            Factors of the variance, positive, in the shape of `s`; differentiable in `s`.
        """
        above, below = F.relu(s - self._high), F.relu(self._low - s)
        # 1 - (1 - l) (1 - exp(-d / (1 - l))): slope -1 at d = 0, and l in the end
        room = 1.0 - LEAST_BELOW
        return 1.0 + self._rise * above + room * (torch.exp(-self._fall * below / room) - 1.0)
