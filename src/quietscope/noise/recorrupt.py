"""One noisy image as two whose noise is independent: the recorruption of Gaussian noise, the thinning of photons.

With a share a of what there is to know in the first part, x is split into two images of the same signal,

    x1 = x + e / a,    x2 = x - e / (1 - a),    E[e | x] = 0,    Var[e | x] = a (1 - a) v(x),                       (1)

where v is the variance of the noise model. Where v is linear in the signal, as that of Gaussian and Poisson-Gaussian
noise, ``E[v(x)] = v(s)``: at any signal the noise of the two parts has no covariance, and variances v(s) / a and
v(s) / (1 - a). For Gaussian noise and a normal e the parts are independent: with ``tau^2 = (1 - a) / a`` they are the
pair ``x + tau n``, ``x - n / tau`` of R2R. For photons they are independent where each photon falls to one part by
itself. A normal e matches the first two moments of that, which is enough for many photons and not for few.

Of less than a photon per pixel beside read noise, v(x) cannot follow its line below zero, and is too large on average:
by 15 % of v at 0.3 photons and a read noise of 0.25 photons.

Source: Pang, Zheng, Quan, Ji, CVPR 2021 (R2R); Monroy, Bacca, Tachella, arXiv 2412.04648 (generalised R2R, for noise of
other kinds); Krull et al., arXiv 2307.06607 (photons that fall to one of two images).
"""

import math

import torch
from torch import Tensor

from quietscope.noise.censored import Censored
from quietscope.noise.noise_model import NoiseModel
from quietscope.noise.poisson_gaussian import PoissonGaussian

_WHOLE = 0.5
"""Mean cosine of 2 pi times the photon numbers from which they count as whole: 1 where all are, 0 for any numbers."""

_FEWEST = 8
"""Quantiles with at least half a photon that it takes to tell."""


def camera_of(model: NoiseModel) -> PoissonGaussian | None:
    """Return the camera, limits aside, whose photons can be counted; None for a model without a gain."""
    base = model.base if isinstance(model, Censored) else model
    return base if isinstance(base, PoissonGaussian) and base.gain > 0.0 else None


def counts_photons(model: NoiseModel, pixels: Tensor) -> bool:
    """Tell whether pixels are whole numbers of photons, up to the camera's offset and gain.

    Args:
        model: The noise model.
        pixels: Quantiles of the noisy pixels, intensity units, any shape.
    """
    camera = camera_of(model)
    if camera is None:
        return False
    photons = (pixels.double() - camera.offset) / camera.gain
    bright = photons[photons >= 0.5]
    return len(bright) >= _FEWEST and float(torch.cos(2.0 * math.pi * bright).mean()) > _WHOLE


def recorrupt(x: Tensor, share: Tensor, model: NoiseModel, *, photons: bool) -> tuple[Tensor, Tensor]:
    """Split noisy pixels in two, equation (1), with torch's random numbers.

    Args:
        x: Noisy pixels, any shape, intensity units.
        share: The share a of the first part, above 0 and below 1, broadcast against ``x``.
        model: The noise model.
        photons: Let photons fall to one part or the other, and split the rest of the noise as a normal variable; only
            for a model that has a `camera_of`. Otherwise all of it is split as a normal variable.

    Returns:
        The two parts, in the shape of ``x``, intensity units.
    """
    variance = model.variance(x)
    moved = torch.zeros_like(x)
    if photons:
        camera = camera_of(model)
        assert camera is not None, model.describe()
        # Rounded up or down at random, so that the expected number is exact where numbers are not whole.
        expected = ((x - camera.offset) / camera.gain).clamp(min=0.0)
        number = torch.floor(expected + torch.rand_like(expected))
        taken = torch.binomial(number, share.expand(x.shape).contiguous())
        moved = camera.gain * (taken - share * number)
        variance = (variance - camera.gain**2 * expected).clamp(min=0.0)
    moved = moved + torch.sqrt(share * (1.0 - share) * variance) * torch.randn_like(x)
    return x + moved / share, x - moved / (1.0 - share)
