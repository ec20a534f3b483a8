"""White noise made correlated along rows, by what is known of the correlation at a few distances."""

import torch
import torch.nn.functional as F
from torch import Tensor

from quietscope.nn.unit_noise import LAGS

_REACH = 16
"""Pixels on each side of the filter; beyond, and at this distance itself, there is no correlation."""


def row_filter(correlation: Tensor) -> Tensor:
    """Return the filter k whose autocorrelation is nearest to the wanted one, of sum of squares 1.

    The spectrum of noise is the Fourier transform of its autocorrelation; k has the square root of it, where it is not
    negative. Between the distances that are known the autocorrelation is interpolated.

    Args:
        correlation: Of noise along rows at the distances `LAGS`, shape (4,).

    Returns:
        The filter, symmetric, shape (2 * 16 + 1,).
    """
    known = correlation.new_tensor([0, *LAGS, _REACH])
    values = torch.cat((correlation.new_ones(1), correlation, correlation.new_zeros(1)))
    lags = torch.arange(_REACH + 1, dtype=correlation.dtype, device=correlation.device)
    after = torch.searchsorted(known, lags).clamp(min=1)
    share = (lags - known[after - 1]) / (known[after] - known[after - 1])
    half = values[after - 1] + share * (values[after] - values[after - 1])
    whole = torch.cat((half, half[1:-1].flip(0)))  # distances 0, 1, ..., 16, -15, ..., -1
    amplitude = torch.fft.fft(whole).real.clamp(min=0.0).sqrt()
    taps = torch.fft.ifft(amplitude).real.roll(_REACH)
    taps = torch.cat((taps, taps[:1]))  # the farthest distance lies on both sides
    taps[[0, -1]] *= 0.5
    return taps / taps.square().sum().sqrt()


def correlated(white: Tensor, correlation: Tensor) -> Tensor:
    """Filter white noise (N, 1, Y, X) of standard deviation 1 along its rows, see `row_filter`; that stays its width.

    At the ends of rows, where pixels of the filter lie outside, the others weigh more.
    """
    taps = row_filter(correlation)[None, None, None]
    filtered = F.conv2d(white, taps, padding=(0, _REACH))
    inside = F.conv2d(torch.ones_like(white[:1, :, :1]), taps.square(), padding=(0, _REACH))
    return filtered / inside.sqrt()
