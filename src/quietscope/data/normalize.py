"""Statistics of the training images, per channel, and the conversion between intensities and normalised units."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from quietscope.data.frame_statistics import NUM_QUANTILES, measure

UNMEASURED_RANGE = 3.0


class Statistics(nn.Module):
    """Mean, standard deviation and quantiles per channel, stored with the model as float32 buffers.

    Args:
        mean: Mean of each channel, intensity units, shape (C,).
        std: Standard deviation of each channel, intensity units, shape (C,), positive.
        quantiles: 257 evenly spaced quantiles of each channel, from the lowest to the highest pixel, shape (C, 257).
            None for evenly spaced values from 3 standard deviations below the mean to 3 above.
        darkest: Darkest signal of each channel, a low quantile of local means, intensity units, shape (C,). None for
            the lowest quantile. It is used to build a method, and not stored with it.
        grain: Smallest difference between two intensities of each channel, shape (C,); None if not measured, which
            counts as 0. It is not stored with the method either.
    """

    mean: Tensor
    std: Tensor
    quantiles: Tensor

    darkest: Tensor
    grain: Tensor

    def __init__(
        self,
        mean: Tensor,
        std: Tensor,
        quantiles: Tensor | None = None,
        darkest: Tensor | None = None,
        grain: Tensor | None = None,
    ) -> None:
        super().__init__()
        # Copies, because buffers that share memory would overwrite each other when a state is loaded.
        self.register_buffer("mean", mean.float().clone())
        self.register_buffer("std", std.float().clone())
        if quantiles is None:
            spread = torch.linspace(-UNMEASURED_RANGE, UNMEASURED_RANGE, NUM_QUANTILES)
            quantiles = mean[:, None] + std[:, None] * spread
        self.register_buffer("quantiles", quantiles.float().clone())
        darkest = quantiles[:, 0] if darkest is None else darkest
        self.register_buffer("darkest", darkest.float().clone(), persistent=False)
        grain = torch.zeros_like(mean) if grain is None else grain
        self.register_buffer("grain", grain.float().clone(), persistent=False)

    @property
    def num_channels(self) -> int:
        """Number of channels."""
        return self.mean.shape[0]

    def normalize(self, x: Tensor) -> Tensor:
        """Return ``(x - mean) / std`` for x of shape (B, C, *S), or for W frames at once, (B, W C, *S)."""
        mean, std = self.mean, self.std
        if x.shape[1] != len(mean):
            mean, std = (each.repeat(x.shape[1] // len(mean)) for each in (mean, std))
        shape = [1, -1] + [1] * (x.ndim - 2)
        return (x.float() - mean.reshape(shape)) / std.reshape(shape)

    def denormalize(self, x: Tensor) -> Tensor:
        """Return ``x * std + mean`` for x of shape (B, C, *S)."""
        shape = [1, -1] + [1] * (x.ndim - 2)
        return x.float() * self.std.reshape(shape) + self.mean.reshape(shape)

    @classmethod
    def of_frames(cls, frames: Iterable[npt.NDArray[np.generic]]) -> "Statistics":
        """Measure frames one at a time, see `quietscope.data.frame_statistics`.

        Args:
            frames: At least one frame of shape (C, *S); all with the same number of channels. NaN stands for pixels
                that were never measured, which are left out.

        Returns:
            The statistics of the pixels of all frames. Quantiles are those of at most 16,384 evenly spaced pixels of
            each frame; the lowest and the highest are those of all pixels.
        """
        found = measure(frames)
        arrays = (found.mean, found.std, found.quantiles, found.darkest, found.grain)
        return cls(*(torch.from_numpy(each) for each in arrays))
