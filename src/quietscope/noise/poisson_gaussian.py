"""Poisson-Gaussian noise: photon shot noise through a gain, plus read noise, as a Gaussian of that variance."""

import math
from functools import lru_cache
from typing import ClassVar, NamedTuple, Self, final

import numpy as np
import torch
import torch.nn.functional as F
from scipy.special import erfcx, gammaln, log_ndtr, logsumexp, xlogy
from torch import Tensor

from quietscope.errors import NoiseError
from quietscope.noise.clipping import ClipLevels, find_clip_levels
from quietscope.noise.noise_model import NoiseModel, NoiseRecord, Samples, standard_normal_like
from quietscope.noise.normal import normal_log_density, normal_log_tail
from quietscope.noise.pairs import FloatArray, flatten_pairs
from quietscope.noise.photon_transfer import bins_from_pairs, camera_terms, fit_line

FLOOR_IN_PHOTONS = 0.05
"""Standard deviation of the variance floor, in units of the gain, which is one photon's worth of intensity."""

FLOOR_IN_READ_NOISE = 0.1
"""Standard deviation of the variance floor, in units of the read noise."""

NORMAL_FROM_PHOTONS = 1000.0
"""Photons from which on the quasi-likelihood is the normal one: their skewness is 3 %, and float32 stays exact."""

NUM_KNOTS = 512
_TERMS = 1280
"""Photon numbers that are added up: 9 standard deviations above ``NORMAL_FROM_PHOTONS``."""


@final
class PoissonGaussian(NoiseModel):
    """Gaussian density whose variance grows with the signal, as that of a camera does.

    ``p(x|s) = N(x; s, v(s))``, ``v(s) = f + f softplus((u - f) / f)``, ``u = gain (s - offset) + read_noise^2``,
    ``f = (0.05 gain)^2 + (0.1 read_noise)^2``

    v equals u to within float32 from u = 20 f on, and never falls below f: a network that predicts a signal far below
    the offset gets a finite likelihood and a finite gradient. Nothing is added for the rounding of integer data: a fit
    measures its 1/12 with the read noise, and a model built from a camera's data sheet gains nothing visible from it.

    Source: Foi, Trimeche, Katkovnik, Egiazarian, IEEE TIP 17 (2008), equation 3.

    Args:
        gain: Variance per unit of signal, in intensity units; zero or more.
        offset: Signal in the dark, in intensity units.
        read_noise: Standard deviation in the dark, in intensity units; zero or more, not zero together with ``gain``.

    Raises:
        NoiseError: If a parameter is not finite, is negative, or both gain and read noise are zero.
    """

    kind: ClassVar[str] = "poisson-gaussian"
    _camera: Tensor

    def __init__(self, gain: float, offset: float = 0.0, read_noise: float = 0.0) -> None:
        super().__init__()
        usable = math.isfinite(gain) and math.isfinite(offset) and math.isfinite(read_noise)
        if not (usable and gain >= 0.0 and read_noise >= 0.0 and gain + read_noise > 0.0):
            raise NoiseError(
                "a finite offset, and gain and read_noise of zero or more that are not both zero",
                f"gain={gain}, offset={offset}, read_noise={read_noise}",
                "use Gaussian(sigma) for noise without a signal part",
            )
        self.gain, self.offset, self.read_noise = float(gain), float(offset), float(read_noise)
        floor = (FLOOR_IN_PHOTONS * self.gain) ** 2 + (FLOOR_IN_READ_NOISE * self.read_noise) ** 2
        values = torch.tensor([self.gain, self.offset, self.read_noise**2, floor], dtype=torch.float32)
        self.register_buffer("_camera", values, persistent=False)

    @property
    def signal_range(self) -> tuple[float, float]:
        """Every signal: the line goes on."""
        return -math.inf, math.inf

    def log_prob(self, x: Tensor, s: Tensor) -> Tensor:
        """Return log N(x; s, v(s)), broadcast over ``x`` and ``s``."""
        return normal_log_density(x.float(), s.float(), self.variance(s))

    def quasi_log_prob(self, x: Tensor, s: Tensor) -> Tensor:
        """Return the quasi-log-likelihood of a linear variance: that of a Poisson count, continued to real numbers.

        ``Q(x, s) = y log l - l - (y+ log y+ - y+) - 1/2 log(2 pi g^2 max(y, l))``, with ``l = v(s) / g^2`` and
        ``y = (g (x - offset) + read_noise^2) / g^2``, y+ its positive part. Only the first two terms depend on s (the
        l in the last counts as a constant); the others make Q the saddle-point approximation of the log density.

        In the dark, noise of few photons is a spike with a long tail. The normal density of the same variance calls a
        bright pixel there impossible, and a network that maximises it learns to draw the noise; the gradient of Q,
        ``(x - s) / v(s)``, is the one that needs no shape. Above 1000 photons, and without gain, Q is ``log_prob``.
        """
        gain, offset, read_variance, _ = self._camera.unbind()
        if self.gain == 0.0:
            return self.log_prob(x, s)
        x, variance = x.float(), self.variance(s)
        photons = variance / (gain * gain)
        observed = (gain * (x - offset) + read_variance) / (gain * gain)
        seen = observed.clamp(min=0.0)
        width = torch.maximum(observed, photons.detach())
        quasi = observed * torch.log(photons) - photons - (torch.xlogy(seen, seen) - seen)
        quasi = quasi - 0.5 * torch.log(2.0 * math.pi * gain * gain * width)
        return torch.where(photons > NORMAL_FROM_PHOTONS, self.log_prob(x, s), quasi)

    def log_tail(self, limit: float, s: Tensor, *, upper: bool) -> Tensor:
        """Return the log of the normal tail beyond ``limit``, in the shape of ``s``."""
        return normal_log_tail(limit, s.float(), self.variance(s), upper=upper)

    def quasi_log_tail(self, limit: float, s: Tensor, *, upper: bool) -> Tensor:
        """Return the log probability beyond ``limit``, with the gradient that a pixel at ``E[x | beyond]`` has.

        As ``(x - s) / v(s)`` is linear in x, that is its mean over the pixels that the limit hides, so that hidden and
        visible pixels together have the expectation zero that they had before. The gradient of the log probability is
        another: v(s) moves the tail too, and pulls a dark signal upwards. Mean and probability are those of Poisson
        photons through the gain plus normal read noise (``photon_tail``), above 1000 photons the normal ones.
        """
        s, variance = s.float(), self.variance(s)
        normal = normal_log_tail(limit, s, variance.detach(), upper=upper)
        floor = float(self._camera[3])
        read_variance = max(self.read_noise**2, floor)
        if self.gain**2 * NORMAL_FROM_PHOTONS <= read_variance:
            return normal
        table = photon_tail(self.gain, self.offset, math.sqrt(read_variance), limit, upper=upper)
        tail = table.at((s.detach() - self.offset) / self.gain)
        photons = variance / self.gain**2
        observed = ((self.gain * (tail.mean - self.offset) + self.read_noise**2) / self.gain**2).detach()
        visible = observed * torch.log(photons) - photons
        # A value and a gradient that belong to no common function: the difference is zero, its slope is not.
        few = tail.log_mass + visible - visible.detach()
        return torch.where(variance > NORMAL_FROM_PHOTONS * self.gain**2, normal, few)

    def sample(self, s: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return s + sqrt(v(s)) e with e ~ N(0, 1), in the shape of ``s``."""
        return s.float() + torch.sqrt(self.variance(s)) * standard_normal_like(s, generator)

    def mean(self, s: Tensor) -> Tensor:
        """Return ``s``: the noise has no bias."""
        return s.float()

    def variance(self, s: Tensor) -> Tensor:
        """Return v(s) in the shape of ``s``, at least the floor f."""
        gain, offset, read_variance, floor = self._camera.unbind()
        line = gain * (s.float() - offset) + read_variance
        return floor * (1.0 + F.softplus((line - floor) / floor))

    @classmethod
    def fit(
        cls,
        signal: Samples,
        observation: Samples,
        *,
        clip: ClipLevels | None = None,
        offset: float | None = None,
        num_bins: int = 100,
    ) -> Self:
        """Photon-transfer fit: a robust straight line through the residual variance of bins of the signal.

        Bins in which the detector clips take no part. From variances alone offset and read noise cannot be told
        apart (see ``camera_terms``); give ``offset`` where the camera's black level is known.

        Args:
            signal: Clean signal, any shape.
            observation: Noisy observation, the same shape.
            clip: Ends of the scale, or None to find them.
            offset: Known black level in intensity units, or None to choose the split with one term zero.
            num_bins: Number of bins of the signal.

        Returns:
            The fitted model.

        Raises:
            NoiseError: If the pairs do not match, do not differ, or are clipped throughout.
        """
        s, x = flatten_pairs(signal, observation)
        clip = find_clip_levels(x) if clip is None else clip
        gain, intercept = fit_line(bins_from_pairs(s, x, num_bins, clip), clip.low)
        return cls.from_line(gain, intercept, offset=offset)

    @classmethod
    def from_line(cls, gain: float, intercept: float, *, offset: float | None = None) -> Self:
        """Build the model of ``variance = gain s + intercept``.

        Args:
            gain: Slope of the line, zero or more.
            intercept: Variance at s = 0, any sign where the gain is positive.
            offset: Known black level, or None.

        Returns:
            The model.
        """
        if offset is None:
            offset, read_noise = camera_terms(gain, intercept)
        else:
            read_noise = math.sqrt(max(0.0, intercept + gain * offset))
        return cls(gain=gain, offset=offset, read_noise=read_noise)

    def to_record(self) -> NoiseRecord:
        """Return gain, offset and read noise as settings."""
        return NoiseRecord(
            kind=self.kind, settings={"gain": self.gain, "offset": self.offset, "read_noise": self.read_noise}
        )

    @classmethod
    def from_record(cls, record: NoiseRecord) -> Self:
        """Rebuild the model from its three numbers."""
        return cls(
            gain=float(record.settings["gain"]),
            offset=float(record.settings["offset"]),
            read_noise=float(record.settings["read_noise"]),
        )

    def describe(self) -> str:
        """Return, for example, ``Poisson-Gaussian: var = 17.1 (s - 0.3) + 2.1^2``."""
        sign = "-" if self.offset >= 0.0 else "+"
        read = f" + {self.read_noise:.4g}^2" if self.read_noise > 0.0 else ""
        return f"Poisson-Gaussian: var = {self.gain:.4g} (s {sign} {abs(self.offset):.4g}){read}"


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
        step = NORMAL_FROM_PHOTONS**0.5 / (NUM_KNOTS - 1)
        position = (photons.clamp(0.0, NORMAL_FROM_PHOTONS).sqrt() / step).clamp(max=NUM_KNOTS - 1.001)
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
    photons = np.linspace(0.0, NORMAL_FROM_PHOTONS**0.5, NUM_KNOTS)[:, None] ** 2
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
