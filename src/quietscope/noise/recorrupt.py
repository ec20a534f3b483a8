"""One noisy image as two whose noise is independent: the recorruption of Gaussian noise, the thinning of photons.

With a share a of what there is to know in the first part, x is split into two images of the same signal,

    x1 = x + e / a,    x2 = x - e / (1 - a),    E[e | x] = 0,    Var[e | x] = a (1 - a) w(x),                       (1)

where w estimates the noise's variance v(s) from x. With E[w] = v(s) the noise of the two parts has no covariance at any
signal, and variances v(s) / a and v(s) / (1 - a). Where v is linear in the signal, as that of Gaussian and of
Poisson-Gaussian noise, v(x) is such an estimate. It follows a pixel that is bright by chance, as photons do; but it
cannot follow its line below zero, and so is too large on average where there is less than a photon per pixel. So

    w(x) = v(x) v(<x>) / <v(x)>                                                                                     (2)

with means < > over a box, which is v(x) wherever v is linear over the box.

For Gaussian noise and a normal e the parts are independent: with ``tau^2 = (1 - a) / a`` they are the pair
``x + tau n``, ``x - n / tau`` of R2R. For photons they are independent where each photon falls to one part by itself. A
normal e matches the first two moments of that, which is enough for many photons and not for few. Where gains differ
from photon to photon, as in EMCCDs, whole photons cannot be told from x, and the normal e is nearer to independence.

Source: Pang, Zheng, Quan, Ji, CVPR 2021 (R2R); Monroy, Bacca, Tachella, arXiv 2412.04648 (generalised R2R, for noise of
other kinds); Krull et al., arXiv 2307.06607 (photons that fall to one of two images).
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from quietscope.noise.censored import Censored
from quietscope.noise.noise_model import NoiseModel
from quietscope.noise.poisson_gaussian import PoissonGaussian

_WHOLE = 0.5
"""Mean cosine of 2 pi times the photon numbers from which they count as whole: 1 where all are, 0 for any numbers."""

_BOX = 7
"""Side of the box of equation (2), in pixels; odd."""

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
        x: Noisy pixels (B, *S), intensity units.
        share: The share a of the first part, above 0 and below 1, broadcast against ``x``.
        model: The noise model.
        photons: Let photons fall to one part or the other, and split the rest of the noise as a normal variable; only
            for a model that has a `camera_of`. Otherwise all of it is split as a normal variable.

    Returns:
        The two parts, in the shape of ``x``, intensity units.
    """
    variance = local_variance(x, model)
    moved = torch.zeros_like(x)
    if photons:
        camera = camera_of(model)
        assert camera is not None, model.describe()
        # Rounded up or down at random, so that the expected number is exact where numbers are not whole.
        expected = ((x - camera.offset) / camera.gain).clamp(min=0.0).minimum(variance / camera.gain**2)
        number = torch.floor(expected + torch.rand_like(expected))
        taken = torch.binomial(number, share.expand(x.shape).contiguous())
        moved = camera.gain * (taken - share * number)
        variance = (variance - camera.gain**2 * expected).clamp(min=0.0)
    moved = moved + torch.sqrt(share * (1.0 - share) * variance) * torch.randn_like(x)
    return x + moved / share, x - moved / (1.0 - share)


def local_variance(x: Tensor, model: NoiseModel) -> Tensor:
    """Estimate the noise's variance at every pixel of x (B, *S), intensity units, by equation (2)."""
    at_pixels = model.variance(x)
    return at_pixels * model.variance(_box_mean(x)) / _box_mean(at_pixels)


def _box_mean(x: Tensor) -> Tensor:
    """Return the mean over a box in the plane around every pixel of x (B, *S), as far as it lies inside."""
    planes = x.reshape(-1, 1, *x.shape[-2:])
    mean = F.avg_pool2d(planes, _BOX, stride=1, padding=_BOX // 2, count_include_pad=False)
    return mean.reshape(x.shape)
