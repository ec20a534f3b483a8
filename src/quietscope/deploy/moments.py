"""Mean and standard deviation of samples that are seen once and thrown away, in NumPy.

The same sums as `quietscope.prediction.moments`: Welford 1962; Chan, Golub, LeVeque 1979.
"""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]


class Moments:
    """Accumulates pixelwise mean and standard deviation, over differences from the first sample, in float32."""

    def __init__(self) -> None:
        self._count = 0
        self._reference = self._offset = self._squares = np.zeros(0, np.float32)

    def update(self, samples: Array) -> None:
        """Take in a batch of samples.

        With batch mean ``m``, sum of squared deviations ``q`` and size ``k``, ``d = m - mean`` and ``n' = n + k``:
        ``mean += d k / n'``, ``squares += q + d^2 n k / n'``.

        Args:
            samples: Shape (K, *S), K at least 1; S the same every time.
        """
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
