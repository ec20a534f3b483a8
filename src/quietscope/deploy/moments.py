"""Mean and standard deviation of samples that are seen once and thrown away, in NumPy.

The same sums as `quietscope.prediction.moments`: Welford 1962; Chan, Golub, LeVeque 1979.
"""

from collections.abc import Mapping
from typing import Self

import numpy as np

from quietscope.deploy.session import Array
from quietscope.tiling.drawn import cropped
from quietscope.tiling.estimators import Estimator, Site
from quietscope.tiling.request import Request

BYTES_OF_MOMENTS = 6 * 4
"""Reference, offset, squares, and as much again while a batch is taken in."""


class Moments(Estimator[Array]):
    """Accumulates pixelwise mean and standard deviation, over differences from the first sample, in float32.

    Args:
        crop: The part of the samples' last axes that counts; all of them where empty.
        spread: What `result` multiplies the standard deviation by.
    """

    def __init__(self, crop: tuple[slice, ...] = (), spread: float = 1.0) -> None:
        self._crop, self._spread = crop, spread
        self._count = 0
        self._reference = self._offset = self._squares = np.zeros(0, np.float32)

    @classmethod
    def of(cls, request: Request, site: Site) -> Self:
        """Make the estimator of one tile."""
        return cls(site.inner_in_core, request.spread)

    @classmethod
    def bytes_per_value(cls, request: Request) -> float:
        """Return the bytes that it keeps at most per pixel and channel, whatever the number of samples."""
        return BYTES_OF_MOMENTS

    def update(self, samples: Array) -> None:
        """Take in a batch of samples.

        With batch mean ``m``, sum of squared deviations ``q`` and size ``k``, ``d = m - mean`` and ``n' = n + k``:
        ``mean += d k / n'``, ``squares += q + d^2 n k / n'``.

        Args:
            samples: Shape (K, *S), K at least 1; S the same every time.
        """
        samples = cropped(samples, self._crop)
        if self._count == 0:
            self._reference = samples[0].copy()
            self._offset, self._squares = np.zeros_like(self._reference), np.zeros_like(self._reference)
        shifted = samples - self._reference
        size, batch_mean = len(samples), shifted.mean(axis=0)
        delta, total = batch_mean - self._offset, self._count + size
        self._squares += np.square(shifted - batch_mean).sum(axis=0)
        self._squares += np.square(delta) * np.float32(self._count * size / total)
        self._offset += delta * np.float32(size / total)
        self._count = total

    def mean(self) -> Array:
        """Return the mean of all samples, shape S."""
        assert self._count > 0, "no samples yet"
        return self._reference + self._offset

    def std(self) -> Array:
        """Return the standard deviation with n - 1 in the denominator, shape S; 0 after a single sample."""
        assert self._count > 0, "no samples yet"
        deviation: Array = np.sqrt(self._squares / np.float32(max(self._count - 1, 1)))
        return deviation

    def result(self) -> Mapping[str, Array]:
        """Return mean and, with its factor, standard deviation."""
        return {"mean": self.mean(), "std": np.float32(self._spread) * self.std()}
