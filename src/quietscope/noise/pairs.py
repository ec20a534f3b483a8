"""Pairs of clean signal and noisy observation: checked and flattened, the input of every fit."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from torch import Tensor

from quietscope.errors import NoiseError
from quietscope.noise.noise_model import Samples

FloatArray: TypeAlias = npt.NDArray[np.float64]

MIN_PAIRS = 64
"""Least number of pairs; the variance of fewer would have a relative error above 18 %."""


def flatten_pairs(signal: Samples, observation: Samples) -> tuple[FloatArray, FloatArray]:
    """Return (s, x) as flat float64 arrays.

    Args:
        signal: Clean signal in intensity units, any shape.
        observation: Noisy observation of that signal, the same shape.

    Returns:
        Two float64 arrays of shape (N,).

    Raises:
        NoiseError: If the shapes differ, there are too few pairs, or a value is NaN or infinite.
    """
    s, x = _to_array(signal), _to_array(observation)
    if s.shape != x.shape:
        raise NoiseError(
            f"an observation of the signal's shape {s.shape}",
            f"{x.shape}",
            "pass the clean and the noisy image of the same pixels",
        )
    s, x = s.ravel(), x.ravel()
    if s.size < MIN_PAIRS:
        raise NoiseError(
            f"at least {MIN_PAIRS} pairs of signal and observation", f"{s.size}", "pass a larger crop or more frames"
        )
    num_bad = int(np.count_nonzero(~(np.isfinite(s) & np.isfinite(x))))
    if num_bad:
        raise NoiseError("finite intensities", f"{num_bad} pairs with NaN or infinity", "leave those pixels out")
    return s, x


def _to_array(samples: Samples) -> FloatArray:
    array = samples.detach().cpu().numpy() if isinstance(samples, Tensor) else np.asarray(samples)
    return np.asarray(array, dtype=np.float64)
