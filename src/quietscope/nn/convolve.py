"""Convolution of images with point spread functions, channel by channel, computed directly or with FFTs."""

from math import prod
from typing import Literal, TypeAlias

import torch
import torch.nn.functional as F
from scipy.fft import next_fast_len
from torch import Tensor

Way: TypeAlias = Literal["auto", "direct", "fft"]
_CONVOLVE = {2: F.conv2d, 3: F.conv3d}
# Largest number of taps for which the direct sum is faster, by number of axes. Measured on one CPU core, forward and
# backward: 16 patches of 64 x 64 with 21 x 21 taps take 2.2 ms directly and 2.7 ms with FFTs; 4 patches of 16 x 64 x 64
# take 15 and 11 ms with 3 x 3 x 3 taps, 115 and 16 ms with 7 x 7 x 7.
LARGEST_DIRECT = {2: 21**2, 3: 3**3 - 1}


def convolve(images: Tensor, kernels: Tensor, way: Way = "auto") -> Tensor:
    """Convolve images with kernels: ``out(p) = sum_q kernel(q) image(p - q)``, q counted from the kernel's middle.

    Beyond its borders an image is continued by its outermost pixels.

    Args:
        images: Images, shape (B, C, *S).
        kernels: Kernels, shape (C, *K), or (B, C, *K) for one kernel per image; every side odd.
        way: "direct" sums over the taps, "fft" multiplies Fourier spectra, "auto" uses the faster of both. The results
            agree up to rounding.

    Returns:
        Convolved images, shape (B, C, *S), float32.
    """
    dims = images.ndim - 2
    kernels = kernels.expand(len(images), *kernels.shape[-dims - 1 :])
    size = kernels.shape[2:]
    assert all(side % 2 for side in size), tuple(size)
    around = [side // 2 for side in reversed(size) for _ in range(2)]
    # bfloat16 would round the sums of many small taps.
    with torch.autocast(images.device.type, enabled=False):
        padded = F.pad(images.float(), around, mode="replicate")
        # Not every exchange format has FFTs.
        is_small = prod(size) <= LARGEST_DIRECT[dims] or torch.compiler.is_exporting()
        is_direct = is_small if way == "auto" else way == "direct"
        compute = _sum_taps if is_direct else _multiply_spectra
        return compute(padded, kernels.float())


def _sum_taps(padded: Tensor, kernels: Tensor) -> Tensor:
    batch, channels, *size = kernels.shape
    dims = len(size)
    flipped = kernels.flip(tuple(range(2, 2 + dims))).reshape(batch * channels, 1, *size)
    row = padded.reshape(1, batch * channels, *padded.shape[2:])
    out: Tensor = _CONVOLVE[dims](row, flipped, groups=batch * channels)
    return out.reshape(batch, channels, *out.shape[2:])


def _multiply_spectra(padded: Tensor, kernels: Tensor) -> Tensor:
    """Convolve periodically; values wrapped around the borders reach only the padding, which is cut off."""
    axes = tuple(range(2, padded.ndim))
    length = [next_fast_len(n, real=True) for n in padded.shape[2:]]
    spectrum = torch.fft.rfftn(padded, s=length, dim=axes) * torch.fft.rfftn(kernels, s=length, dim=axes)
    out: Tensor = torch.fft.irfftn(spectrum, s=length, dim=axes)
    for axis, side in zip(axes, kernels.shape[2:], strict=True):
        out = out.narrow(axis, side - 1, padded.shape[axis] - side + 1)
    return out
