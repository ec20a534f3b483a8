"""Mean and probability of what a detector with gain counts beyond the end of its scale, few photons included.

The pixel is ``X = gain N + offset + read_noise e`` with N ~ Poisson(l) and e ~ N(0, 1). Where photons are few, X is a
row of peaks; the normal variable of the same variance has its lower tail elsewhere, and a dark pixel that was recorded
as 0 would be taken for one far below.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from scipy.special import erfcx, gammaln, log_ndtr, logsumexp, xlogy
from torch import Tensor

from quietscope.noise.pairs import FloatArray

NUM_KNOTS = 512
MOST_PHOTONS = 1000.0
"""Photons to which the table reaches; from there on a Poisson variable is normal to within a skewness of 3 %."""

_TERMS = 1280
"""Photon numbers that are added up: 9 standard deviations above ``MOST_PHOTONS``."""


class PhotonTail(NamedTuple):
    """A tail over photon numbers l, tabulated at ``sqrt l = 0, step, 2 step, ...``; float32, shape (NUM_KNOTS,).

    Args:
        log_mass: ``log P(X beyond the limit | l)``.
        mean: ``E[X | X beyond the limit, l]``, intensity units.
    """

    log_mass: Tensor
    mean: Tensor

    def at(self, photons: Tensor) -> "PhotonTail":
        """Interpolate at ``photons``, any shape; negative numbers count as none."""
        step = MOST_PHOTONS**0.5 / (NUM_KNOTS - 1)
        position = (photons.clamp(0.0, MOST_PHOTONS).sqrt() / step).clamp(max=NUM_KNOTS - 1.001)
        left = position.long()
        part = position - left
        log_mass, mean = (
            torch.lerp(table[left], table[left + 1], part)
            for table in (self.log_mass.to(photons.device), self.mean.to(photons.device))
        )
        return PhotonTail(log_mass=log_mass, mean=mean)


@lru_cache(maxsize=64)
def photon_tail(gain: float, offset: float, read_noise: float, limit: float, *, upper: bool) -> PhotonTail:
    """Tabulate the tail of ``gain N + offset + read_noise e`` beyond ``limit``.

    ``P = sum_n Poisson(n; l) Phi_n``, ``E[X | tail] = sum_n Poisson(n; l) (m_n Phi_n +- read_noise phi_n) / P``, with
    ``m_n = gain n + offset`` and Phi_n, phi_n the tail and the density of N(m_n, read_noise^2) at the limit.

    Args:
        gain: Intensity per photon, positive.
        offset: Intensity in the dark.
        read_noise: Standard deviation of the read noise, intensity units, positive.
        limit: Where the tail begins, intensity units.
        upper: Whether the tail lies above the limit.

    Returns:
        The table, on the CPU.
    """
    photons = np.linspace(0.0, MOST_PHOTONS**0.5, NUM_KNOTS)[:, None] ** 2
    number = np.arange(_TERMS, dtype=np.float64)
    sign = 1.0 if upper else -1.0
    centre = gain * number + offset
    z = sign * (centre - limit) / read_noise
    log_tail: FloatArray = log_ndtr(z)
    # phi / Phi, the mean excess of a peak beyond the limit; by erfcx it is exact far out, where both are zero.
    excess = np.sqrt(2.0 / np.pi) / erfcx(-z / np.sqrt(2.0))
    log_terms = xlogy(number, photons) - photons - gammaln(number + 1.0) + log_tail
    log_mass: FloatArray = logsumexp(log_terms, axis=1)
    share = np.exp(log_terms - log_mass[:, None])
    mean = share @ (centre + sign * read_noise * excess)
    return PhotonTail(log_mass=torch.from_numpy(log_mass).float(), mean=torch.from_numpy(mean).float())
