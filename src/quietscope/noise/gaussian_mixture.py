"""Gaussian mixture whose parameters are polynomials of the signal: the noise model of PPN2V, for any detector."""

import math
from typing import ClassVar, Self, final

import torch
from torch import Tensor

from quietscope.errors import NoiseError
from quietscope.noise.beyond import Beyond
from quietscope.noise.clipping import ClipLevels
from quietscope.noise.mixture_density import (
    Components,
    mixture_components,
    mixture_log_density,
    mixture_log_tail,
    mixture_variance,
)
from quietscope.noise.mixture_fit import MixtureFitSettings, fit_mixture
from quietscope.noise.noise_model import NoiseModel, NoiseRecord, Samples, standard_normal_like
from quietscope.noise.normal import broadcast

MIN_SIGMA = 50.0
"""Lower bound of the VARIANCE of each component, in squared intensity units; published files call it min_sigma."""


@final
class GaussianMixture(NoiseModel):
    """Mixture of K Gaussians whose means, variances and weights are polynomials of the signal.

    With t = (s - min_signal) / (max_signal - min_signal), clamped to [0, 1], and w = ``weight``:

    ``m_k = sum_i w[k, i] t^i``, ``v_k = max(min_sigma, sum_i exp(w[K+k, i]) t^i)``,
    ``a = softmax_k(sum_i w[2K+k, i] t^i)``, ``p(x|s) = sum_k a_k N(x; s + m_k - sum_j a_j m_j, v_k)``

    The shift of the means makes E[x|s] = s at every signal. Outside [min_signal, max_signal], where nothing was fitted,
    the shape of the noise is that at the nearer end, and its variance goes on along the photon-transfer line
    (`quietscope.noise.beyond`). Densities are added by log-sum-exp; the common trick of adding a
    small number before taking the logarithm would make all distant pixels equally likely, with gradient zero.

    Source: Prakash, Lalit, Tomancak, Krull, Jug, "Fully unsupervised probabilistic Noise2Void", ISBI 2020.

    Args:
        weight: Polynomial coefficients w, shape (3 K, C): K rows for the means, K rows with logarithms of the
            coefficients of the variances, K rows for the logits of the weights; C coefficients each.
        min_signal: Lowest signal that was fitted, in intensity units.
        max_signal: Highest signal that was fitted, above ``min_signal``.
        min_sigma: Lower bound of the VARIANCE of each component, in squared intensity units (published name).
        gain: Slope of the photon-transfer line outside the range, intensity units; 0 keeps the width of the noise at
            the nearer end, which is what files without a gain mean.

    Raises:
        NoiseError: If the weight has another shape or is not finite, the range is empty, or the gain is negative.
    """

    kind: ClassVar[str] = "gaussian-mixture"
    weight: Tensor

    def __init__(
        self,
        weight: Tensor,
        min_signal: float,
        max_signal: float,
        min_sigma: float = MIN_SIGMA,
        gain: float = 0.0,
    ) -> None:
        super().__init__()
        if weight.ndim != 2 or weight.shape[0] == 0 or weight.shape[0] % 3 or weight.shape[1] == 0:
            raise NoiseError("a weight of shape (3 K, C)", f"{tuple(weight.shape)}", "fit the mixture again")
        usable = math.isfinite(min_signal) and math.isfinite(max_signal) and max_signal > min_signal
        usable = usable and math.isfinite(gain) and gain >= 0.0
        if not (usable and min_sigma > 0.0 and bool(torch.isfinite(weight).all())):
            raise NoiseError(
                "finite weights, min_signal below max_signal, min_sigma above zero and a gain of zero or more",
                f"min_signal={min_signal}, max_signal={max_signal}, min_sigma={min_sigma}, gain={gain}",
                "fit the mixture again",
            )
        self.min_signal, self.max_signal, self.min_sigma = float(min_signal), float(max_signal), float(min_sigma)
        self.gain = float(gain)
        self.register_buffer("weight", weight.detach().float().clone(), persistent=False)
        ends = torch.tensor([0.0, 1.0], device=weight.device)
        first, last = mixture_variance(mixture_components(self.weight, ends, self.min_sigma)).tolist()
        self._beyond = Beyond(self.signal_range, (first, last), self.gain)

    @property
    def signal_range(self) -> tuple[float, float]:
        """``min_signal`` and ``max_signal``."""
        return self.min_signal, self.max_signal

    def log_prob(self, x: Tensor, s: Tensor) -> Tensor:
        """Return the log density of the mixture, broadcast over ``x`` and ``s``."""
        x, s = broadcast(x, s)
        return mixture_log_density(x, s, self._components(s))

    def quasi_log_prob(self, x: Tensor, s: Tensor) -> Tensor:
        """Return ``log_prob``: the density is fitted to the noise, so no quasi-likelihood is needed."""
        return self.log_prob(x, s)

    def log_tail(self, limit: float, s: Tensor, *, upper: bool) -> Tensor:
        """Return the log probability beyond ``limit``, in the shape of ``s``."""
        s = s.float()
        return mixture_log_tail(limit, s, self._components(s), upper=upper)

    def quasi_log_tail(self, limit: float, s: Tensor, *, upper: bool) -> Tensor:
        """Return ``log_tail``: the density is fitted to the noise, so no quasi-likelihood is needed."""
        return self.log_tail(limit, s, upper=upper)

    def sample(self, s: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw a component, then a pixel from it, in the shape of ``s``."""
        log_weights, shifts, variances = self._components(s.float())
        device = s.device if generator is None else generator.device
        uniform = torch.rand(s.shape, generator=generator, device=device).to(s.device)
        thresholds = log_weights.exp().cumsum(dim=0)[:-1]
        component = (uniform >= thresholds).sum(dim=0, keepdim=True)
        shift, variance = shifts.gather(0, component)[0], variances.gather(0, component)[0]
        return s.float() + shift + variance.sqrt() * standard_normal_like(s, generator)

    def mean(self, s: Tensor) -> Tensor:
        """Return ``s``: the components are shifted so that the noise has no bias."""
        return s.float()

    def variance(self, s: Tensor) -> Tensor:
        """Return sum_k a_k (v_k + (m_k - mean m)^2) in the shape of ``s``."""
        return mixture_variance(self._components(s.float()))

    def _components(self, s: Tensor) -> Components:
        t = ((s - self.min_signal) / (self.max_signal - self.min_signal)).clamp(0.0, 1.0)
        inside = mixture_components(self.weight, t, self.min_sigma)
        if self.gain == 0.0:
            return inside
        growth = self._beyond.growth(s)
        return Components(inside.log_weights, inside.shifts * growth.sqrt(), inside.variances * growth)

    @classmethod
    def fit(
        cls,
        signal: Samples,
        observation: Samples,
        *,
        clip: ClipLevels | None = None,
        num_components: int = 3,
        num_coefficients: int = 2,
        min_sigma: float | None = None,
        percentiles: tuple[float, float] = (0.0, 100.0),
        num_iterations: int = 2000,
        batch_size: int = 8_000,
        seed: int = 0,
    ) -> Self:
        """Fit by maximum likelihood with Adam, from the photon-transfer line, learning rate 0.1 falling to zero.

        The published settings are 2000 iterations of 250,000 pairs at a constant rate from a random start. Starting at
        the line and with a falling rate, batches a thirtieth of that size reach the same likelihood: on a confocal
        stack of 4 frames, -2.874 to -2.879 nats per pixel in 4 s instead of -2.873 in 116 s.

        Args:
            signal: Clean signal, or its estimate by a first denoiser, any shape.
            observation: Noisy observation, the same shape.
            clip: Clipping levels; pixels there count with the probability of lying beyond, equation (3) of
                `quietscope.noise`.
            num_components: Number K of Gaussians.
            num_coefficients: Coefficients of each polynomial; 2 for straight lines.
            min_sigma: Lower bound of the variance of a component, in squared intensity units. None for 50, or a tenth
                of the smallest variance of the data if that is less.
            percentiles: Range of the signal that the shape is fitted on, in percent; (0.5, 99.5) for an estimated
                signal. The photon-transfer line, along which the variance goes on outside, is that of all pairs.
            num_iterations: Steps of Adam.
            batch_size: Pairs per step.
            seed: Seed of the initial means and of the batches.

        Returns:
            The fitted model.

        Raises:
            NoiseError: If the shapes differ, signal and observation are equal, or all pixels have the same signal.
        """
        settings = MixtureFitSettings(
            num_components=num_components,
            num_coefficients=num_coefficients,
            min_variance=min_sigma,
            percentiles=percentiles,
            num_iterations=num_iterations,
            batch_size=batch_size,
            seed=seed,
        )
        fitted = fit_mixture(signal, observation, MIN_SIGMA, settings, clip)
        return cls(fitted.weight, fitted.min_signal, fitted.max_signal, fitted.min_variance, fitted.gain)

    def to_record(self) -> NoiseRecord:
        """Return a record with the weight as a tensor, and the three bounds and the gain, where not 0, as settings."""
        settings = {"min_signal": self.min_signal, "max_signal": self.max_signal, "min_sigma": self.min_sigma}
        if self.gain > 0.0:
            settings["gain"] = self.gain
        return NoiseRecord(kind=self.kind, tensors={"weight": self.weight.detach().cpu()}, settings=settings)

    @classmethod
    def from_record(cls, record: NoiseRecord) -> Self:
        """Rebuild the model from its weight, bounds and gain; records of older versions have no gain."""
        return cls(
            weight=record.tensors["weight"],
            min_signal=float(record.settings["min_signal"]),
            max_signal=float(record.settings["max_signal"]),
            min_sigma=float(record.settings["min_sigma"]),
            gain=float(record.settings.get("gain", 0.0)),
        )

    def describe(self) -> str:
        """Return, for example, ``Gaussian mixture: 3 components, sigma 3.1 to 48 over signals 4 to 251``."""
        ends = torch.tensor([self.min_signal, self.max_signal], device=self.weight.device)
        low, high = self.variance(ends).sqrt().tolist()
        return (
            f"Gaussian mixture: {self.weight.shape[0] // 3} components, sigma {low:.4g} to {high:.4g} "
            f"over signals {self.min_signal:.4g} to {self.max_signal:.4g}"
        )
