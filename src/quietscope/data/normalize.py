"""Statistics of the training images, one set per channel, and the way between intensity and normalised units."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn


class Statistics(nn.Module):
    """Mean and standard deviation per channel, float32 buffers that travel with the model.

    Args:
        mean: Mean of each channel, intensity units, shape (C,).
        std: Standard deviation of each channel, intensity units, shape (C,), positive.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        # Copies: buffers that share memory would overwrite each other when a state is loaded.
        self.register_buffer("mean", mean.float().clone())
        self.register_buffer("std", std.float().clone())

    @property
    def num_channels(self) -> int:
        """Number of channels."""
        return self.mean.shape[0]

    def normalize(self, x: Tensor) -> Tensor:
        """Return ``(x - mean) / std`` for x of shape (B, C, *S)."""
        shape = [1, -1] + [1] * (x.ndim - 2)
        return (x.float() - self.mean.reshape(shape)) / self.std.reshape(shape)

    def denormalize(self, x: Tensor) -> Tensor:
        """Return ``x * std + mean`` for x of shape (B, C, *S)."""
        shape = [1, -1] + [1] * (x.ndim - 2)
        return x.float() * self.std.reshape(shape) + self.mean.reshape(shape)

    @classmethod
    def of_frames(cls, frames: Iterable[npt.NDArray[np.generic]]) -> "Statistics":
        """Measure frames of shape (C, *S) one at a time, by Chan's parallel update (1979) in float64.

        Args:
            frames: At least one frame; all with the same number of channels.

        Returns:
            The statistics of all pixels together.
        """
        count, mean, squares = 0, np.zeros(1), np.zeros(1)
        for frame in frames:
            pixels = np.asarray(frame, dtype=np.float64).reshape(frame.shape[0], -1)
            size, part_mean = pixels.shape[1], pixels.mean(axis=1)
            part_squares = np.square(pixels - part_mean[:, None]).sum(axis=1)
            delta, total = part_mean - mean, count + size
            squares = squares + part_squares + np.square(delta) * (count * size / total)
            mean = mean + delta * (size / total)
            count = total
        assert count > 0
        std = np.sqrt(np.maximum(squares / count, np.finfo(np.float32).tiny))
        return cls(torch.from_numpy(mean), torch.from_numpy(std))
