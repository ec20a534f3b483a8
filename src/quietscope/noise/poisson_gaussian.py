"""Poisson-Gaussian noise: photon shot noise times a gain, plus read noise; the density is a Gaussian of that variance.

Mean and variance are exact, the Gaussian shape is not: training uses the quasi-likelihood, equations (2) and (4) of
`quietscope.noise`.
"""

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
"""Square root of the least variance, in units of the gain, which is the intensity of one photon."""

FLOOR_IN_READ_NOISE = 0.1
"""Square root of the least variance, in units of the read noise; both parts are added."""

NORMAL_FROM_PHOTONS = 1000.0
"""Photons above which the normal density replaces the quasi-likelihood: the skewness is down to 3 %, and the normal
density stays exact in float32."""

NUM_KNOTS = 512
_TERMS = 1280
"""Photon numbers that are summed over, up to 9 standard deviations above ``NORMAL_FROM_PHOTONS``."""


@final
class PoissonGaussian(NoiseModel):
    """Gaussian density whose variance grows linearly with the signal, as the noise of a camera does.

    ``p(x|s) = N(x; s, v(s))``, ``v(s) = f + f softplus((u - f) / f)``, ``u = gain (s - offset) + read_noise^2``,
    ``f = (0.05 gain)^2 + (0.1 read_noise)^2``

    v equals u to float32 precision for u > 20 f, and never falls below f. So a network that predicts a signal far below
    the offset still gets a finite likelihood and a finite gradient. There is no term for the rounding of integer data:
    a fit measures it as part of the read noise, and to a model from a camera's data sheet it adds nothing visible.

    Source: Foi, Trimeche, Katkovnik, Egiazarian, IEEE TIP 17 (2008), equation 3.

    Args:
        gain: Variance per unit of signal, in intensity units; zero or more.
        offset: Signal without light, in intensity units.
        read_noise: Standard deviation without light, in intensity units; zero or more. Gain and read noise must not
            both be zero.

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
        """Any signal: the formula holds at all intensities."""
        return -math.inf, math.inf

    def log_prob(self, x: Tensor, s: Tensor) -> Tensor:
        """Return log N(x; s, v(s)), broadcast over ``x`` and ``s``."""
        return normal_log_density(x.float(), s.float(), self.variance(s))

    def quasi_log_prob(self, x: Tensor, s: Tensor) -> Tensor:
        """Return the quasi-likelihood of a linear variance: that of a Poisson count, continued to real numbers.

        ``Q(x, s) = y log l - l - (y+ log y+ - y+) - 1/2 log(2 pi g^2 max(y, l))``, with ``l = v(s) / g^2`` (expected
        photons), ``y = (g (x - offset) + read_noise^2) / g^2`` (observed photons), and y+ the positive part of y.

        Its gradient is ``(x - s) / v(s)``, equation (2). Only the first two terms depend on s (l in the last term
        counts as a constant); the other terms make Q the saddle-point approximation of the log density. The choice
        matters for few photons, whose noise is a spike with a long tail: the normal density of the same variance makes
        a bright pixel in the dark next to impossible. Above 1000 photons, and for gain 0, Q is ``log_prob``.
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
        """Return the log probability beyond ``limit``, with the gradient of equation (4).

        (2) is linear in x, so its mean over the hidden intensities is its value at ``E[X | X beyond the limit, s]``.
        The log probability itself has another gradient: it includes that v(s) widens the tail, which pulls a dark
        signal upwards. Mean and probability are those of Poisson photons times the gain plus normal read noise
        (``photon_tail``); above 1000 photons, those of a normal variable.
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
        # The value is the log probability, the gradient that of `visible`, whose own value cancels.
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

        Clipped bins are left out. Variances alone do not determine offset and read noise separately (see
        ``camera_terms``); pass ``offset`` if the black level of the camera is known.

        Args:
            signal: Clean signal, any shape.
            observation: Noisy observation, the same shape.
            clip: Clipping levels, or None to find them.
            offset: Known black level in intensity units, or None for the solution in which offset or read noise is 0.
            num_bins: Number of bins of the signal.

        Returns:
            The fitted model.

        Raises:
            NoiseError: If the shapes differ, signal and observation are equal, or every pixel is clipped.
        """
        s, x = flatten_pairs(signal, observation)
        clip = find_clip_levels(x) if clip is None else clip
        gain, intercept = fit_line(bins_from_pairs(s, x, num_bins, clip, rare=True), clip.low)
        return cls.from_line(gain, intercept, offset=offset)

    @classmethod
    def from_line(cls, gain: float, intercept: float, *, offset: float | None = None) -> Self:
        """Build the model from the line ``variance = gain s + intercept``.

        Args:
            gain: Slope of the line in intensity units, zero or more.
            intercept: Variance at s = 0 in squared intensity units; it may be negative if the gain is positive.
            offset: Known black level in intensity units, or None.

        Returns:
            The model.
        """
        if offset is None:
            offset, read_noise = camera_terms(gain, intercept)
        else:
            read_noise = math.sqrt(max(0.0, intercept + gain * offset))
        return cls(gain=gain, offset=offset, read_noise=read_noise)

    def to_record(self) -> NoiseRecord:
        """Return a record with gain, offset and read noise."""
        return NoiseRecord(
            kind=self.kind, settings={"gain": self.gain, "offset": self.offset, "read_noise": self.read_noise}
        )

    @classmethod
    def from_record(cls, record: NoiseRecord) -> Self:
        """Rebuild the model from gain, offset and read noise."""
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
    """A tail as a function of the expected photons l, tabulated at ``sqrt l = 0, step, 2 step, ...``.

    Attributes:
        log_mass: ``log P(X beyond the limit | l)``, shape (NUM_KNOTS,), float32.
        mean: ``E[X | X beyond the limit, l]``, intensity units, shape (NUM_KNOTS,), float32.
    """

    log_mass: Tensor
    mean: Tensor

    def at(self, photons: Tensor) -> "PhotonTail":
        """Interpolate both at ``photons``, any shape; negative numbers count as zero."""
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
    """Tabulate the tail beyond ``limit`` of ``X = gain N + offset + read_noise e``, N ~ Poisson(l) and e ~ N(0, 1).

    For few photons the density of X is a row of peaks, one per photon number, and its tails are not those of a normal
    variable of the same variance: with the normal tail, a pixel clipped at 0 would count as one far below.

    ``P = sum_n Poisson(n; l) Phi_n``, ``E[X | tail] = sum_n Poisson(n; l) (m_n Phi_n +- read_noise phi_n) / P``, with
    ``m_n = gain n + offset`` and Phi_n, phi_n the tail and the density of N(m_n, read_noise^2) at the limit.

    Args:
        gain: Intensity per photon, positive.
        offset: Intensity without light.
        read_noise: Standard deviation of the read noise, intensity units, positive.
        limit: Limit at which the tail begins, intensity units.
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
    # phi / Phi, the mean excess of a peak beyond the limit; erfcx keeps it exact where both are zero in float64.
    excess = np.sqrt(2.0 / np.pi) / erfcx(-z / np.sqrt(2.0))
    log_terms = xlogy(number, photons) - photons - gammaln(number + 1.0) + log_tail
    log_mass: FloatArray = logsumexp(log_terms, axis=1)
    share = np.exp(log_terms - log_mass[:, None])
    mean = share @ (centre + sign * read_noise * excess)
    return PhotonTail(log_mass=torch.from_numpy(log_mass).float(), mean=torch.from_numpy(mean).float())
