"""Mean and standard deviation of samples that are seen once and thrown away.

Welford 1962; Chan, Golub, LeVeque 1979 (merging whole batches).
"""

from collections.abc import Mapping
from typing import Self

import torch
from torch import Tensor

from quietscope.tiling.drawn import cropped
from quietscope.tiling.estimators import Estimator, Site
from quietscope.tiling.request import Request

# Reference, offset, squares, and as much again while a batch is taken in.
_BYTES_PER_VALUE = 6 * 4


class StreamingMoments(Estimator[Tensor]):
    """Accumulates pixelwise mean and standard deviation; memory does not depend on the number of samples.

    Everything is float32. To keep that sound where the signal is large against its spread (a camera offset of 10,000
    with an uncertainty of 1), all sums run over differences from the first sample: these are exact or nearly so,
    and the running mean of them is small. Updating the mean itself would stall as soon as an update falls below half a
    unit in its last place, after some thousand samples in this example.

    Args:
        crop: The part of the samples' last axes that counts; all of them where empty.
        spread: What `result` multiplies the standard deviation by.
    """

    def __init__(self, crop: tuple[slice, ...] = (), spread: float = 1.0) -> None:
        self._crop, self._spread = crop, spread
        self._count = 0
        self._reference = torch.empty(0)
        self._offset = torch.empty(0)
        self._squares = torch.empty(0)

    @classmethod
    def of(cls, request: Request, site: Site) -> Self:
        """Make the estimator of one tile."""
        return cls(site.inner_in_core, request.spread)

    @classmethod
    def bytes_per_value(cls, request: Request) -> float:
        """Return the bytes that it keeps at most per pixel and channel, whatever the number of samples."""
        return _BYTES_PER_VALUE

    @property
    def count(self) -> int:
        """Samples seen so far."""
        return self._count

    def update(self, samples: Tensor) -> None:
        """Take in a batch of samples.

        With batch mean ``m``, sum of squared deviations ``q`` and size ``k``, ``d = m - mean`` and ``n' = n + k``:
        ``mean += d k / n'``, ``squares += q + d^2 n k / n'``.

        Args:
            samples: Shape (K, *S), K at least 1, on any device; S the same every time.
        """
        samples = cropped(samples, self._crop).float()
        if self._count == 0:
            self._reference = samples[0].clone()
            self._offset = torch.zeros_like(self._reference)
            self._squares = torch.zeros_like(self._reference)
        shifted = samples - self._reference
        size, batch_mean = shifted.shape[0], shifted.mean(dim=0)
        delta, total = batch_mean - self._offset, self._count + size
        self._squares += torch.square(shifted - batch_mean).sum(dim=0) + delta.square() * (self._count * size / total)
        self._offset += delta * (size / total)
        self._count = total

    def mean(self) -> Tensor:
        """Return the mean of all samples, shape S, float32."""
        assert self._count > 0, "no samples yet"
        return self._reference + self._offset

    def std(self) -> Tensor:
        """Return the standard deviation with n - 1 in the denominator, shape S, float32; 0 after a single sample."""
        assert self._count > 0, "no samples yet"
        return torch.sqrt(self._squares / max(self._count - 1, 1))

    def result(self) -> Mapping[str, Tensor]:
        """Return mean and, with its factor, standard deviation."""
        return {"mean": self.mean(), "std": self._spread * self.std()}
