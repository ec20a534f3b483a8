"""The noise of a reference image: an exposure, or the mean of several, that is used in place of the clean image."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from quietscope.metrics.coverage import Exposure
from quietscope.noise.noise_model import NoiseModel

Plane = npt.NDArray[Any]


def exposure_of(model: NoiseModel, num_exposures: int = 1, seed: int = 0) -> Exposure:
    """Return the noise of the mean of n exposures: ``v(s) / n``, and draws that are the mean of n draws.

    Args:
        model: Noise of one exposure.
        num_exposures: Number n of exposures that the reference is the mean of.
        seed: Seed of the draws.

    Returns:
        The noise of the reference, which widens the intervals that are compared with it.
    """
    generator = torch.Generator().manual_seed(seed)
    device = next((buffer.device for buffer in model.buffers()), torch.device("cpu"))

    def tensor(plane: Plane) -> torch.Tensor:
        return torch.from_numpy(np.asarray(plane, np.float32).copy()).to(device)

    def draw(plane: Plane) -> Plane:
        signal = tensor(plane)
        total = sum((model.sample(signal, generator) for _ in range(num_exposures)), torch.zeros_like(signal))
        drawn: Plane = (total / num_exposures).cpu().numpy()
        return drawn

    return Exposure(
        mean=lambda plane: model.mean(tensor(plane)).cpu().numpy(),
        variance=lambda plane: model.variance(tensor(plane)).cpu().numpy() / num_exposures,
        draw=draw,
    )
