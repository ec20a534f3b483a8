"""Whether a posterior follows the image: how much of what a pixel's neighbours tell of it the output tells.

Nats per pixel alone cannot say whether a posterior has collapsed: where a few spots lie on a dark ground, all that
there is to know of an image is less than a thousandth of a nat per pixel.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from quietscope.methods.base import AnnealedMethod
from quietscope.methods.missing import split_gaps

PITCH = 4
"""Distance of the pixels that are hidden at a time, along Y and X."""

OFFSETS = ((0, 0), (1, 2), (2, 3), (3, 1))
"""Where the hidden pixels begin, one lattice after the other: a quarter of all pixels."""

SURE = 5.0
"""Standard errors by which neighbours must tell of a pixel for there to be anything to follow."""


@torch.no_grad()
def share_followed(method: AnnealedMethod, batches: Sequence[Tensor]) -> float:
    """Return how well a method's output follows images, against the mean of a pixel's neighbours.

    With pixels x_h of a lattice hidden behind the means m_h of their eight neighbours in the plane, and f the decoded
    mean of the posterior, it is ``sum_h f_h x_h / sum_h m_h x_h``, where every pixel is counted from the mean of all
    patches at its place: 0 for an output that is the same for every image, about 1 or more for one that follows. The
    noise of x_h is in neither f_h nor m_h, so that noise learnt by heart does not count.

    Args:
        method: The method, in evaluation mode.
        batches: Noisy patches (B, C, *S), intensity units, as many as are computed at a time; NaN where nothing was
            measured.

    Returns:
        The share; 0 where neighbours tell nothing of a pixel, as in pure noise, or there is one patch alone.
    """
    x, known = split_gaps(torch.cat(list(batches)), method.statistics.mean)
    around = _mean_of_neighbours(x)
    triples = []
    for top, left in OFFSETS:
        at = (..., slice(top, None, PITCH), slice(left, None, PITCH))
        hidden = x.clone()
        hidden[at] = around[at]
        image = torch.cat([_mean_image(method, part) for part in torch.split(hidden, len(batches[0]))])
        pixels, neighbours, output = (_from_mean(method, each[at]) for each in (x, around, image))
        if known is not None:
            pixels = torch.where(known[at], pixels, 0.0)
        triples.append(torch.stack((pixels, neighbours, output)).flatten(1))
    pixels, neighbours, output = torch.cat(triples, dim=1).double()
    told, spread = float(pixels @ neighbours), float(pixels.norm() * neighbours.norm())
    return float(pixels @ output) / told if told > SURE * spread / len(pixels) ** 0.5 else 0.0


def _mean_of_neighbours(x: Tensor) -> Tensor:
    """Return the mean of the eight neighbours in the plane of every pixel of x (B, C, *S); mirrored at the edges."""
    planes = F.pad(x.reshape(-1, 1, *x.shape[-2:]), (1, 1, 1, 1), mode="reflect")
    kernel = torch.full((1, 1, 3, 3), 1 / 8, dtype=x.dtype, device=x.device)
    kernel[..., 1, 1] = 0.0
    return F.conv2d(planes, kernel).reshape(x.shape)


def _mean_image(method: AnnealedMethod, x: Tensor) -> Tensor:
    """Decode the mean of the posterior of images (B, C, *S), intensity units in and out."""
    zeros = [torch.zeros(spec.shape(len(x), x.shape[2:]), device=x.device) for spec in method.latents()]
    return method.decode(method.encode(x), zeros)


def _from_mean(method: AnnealedMethod, x: Tensor) -> Tensor:
    """Return images (B, C, *S) less the mean of all, in units of the images' deviation."""
    return method.statistics.normalize(x) - method.statistics.normalize(x).mean(dim=0)
