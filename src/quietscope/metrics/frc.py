"""Fourier ring correlation: down to which detail two images of one scene agree.

Saxton, Baumeister, J. Microsc. 127 (1982); for light microscopy: Nieuwenhuizen et al., Nat. Methods 10 (2013),
Banterle et al., J. Struct. Biol. 183 (2013).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.errors import PixelError, SizeError
from quietscope.metrics.psnr import as_pair

THRESHOLD = 1.0 / 7.0
_LEAST_SIDE = 16
_RINGS_AVERAGED = 3


@dataclass(frozen=True)
class RingCorrelation:
    """Correlation of two images, ring by ring of their spectra.

    Attributes:
        frequency: Middle of each ring, cycles per pixel, 0 to 0.5.
        correlation: FRC of each ring, -1 to 1.
    """

    frequency: npt.NDArray[np.float64]
    correlation: npt.NDArray[np.float64]

    def cutoff(self, threshold: float = THRESHOLD) -> float:
        """Return the frequency at which the correlation first falls below a threshold, cycles per pixel.

        Rings are averaged over three, as a single one scatters; between rings the curve is straight.

        Args:
            threshold: 1/7 by custom.

        Returns:
            The frequency; 0.5, the finest there is, where it never falls below.
        """
        edge = _RINGS_AVERAGED // 2
        padded = np.pad(self.correlation, edge, mode="edge")
        smooth = np.convolve(padded, np.full(_RINGS_AVERAGED, 1.0 / _RINGS_AVERAGED), mode="valid")
        below = np.flatnonzero(smooth < threshold)
        if not len(below):
            return 0.5
        n = int(below[0])
        if n == 0:
            return float(self.frequency[0])
        share = (smooth[n - 1] - threshold) / (smooth[n - 1] - smooth[n])
        return float(self.frequency[n - 1] + share * (self.frequency[n] - self.frequency[n - 1]))

    def resolution(self, pixel_size: float = 1.0, threshold: float = THRESHOLD) -> float:
        """Return the length ``pixel size / cutoff``, in the units of the pixel size."""
        return pixel_size / self.cutoff(threshold)


def ring_correlation(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> RingCorrelation:
    """Correlate two images of one scene, ring by ring of their Fourier spectra F and G.

    ``FRC(r) = Re sum_ring F conj(G) / sqrt(sum_ring |F|^2 sum_ring |G|^2)``

    A Hann window keeps the image's borders out. The two must have independent noise: of one image denoised twice, or of
    an image and its own denoised version, it says nothing.

    Args:
        one: An image (Y, X), at least 16 pixels wide and high.
        other: Another of the same scene and size.

    Returns:
        The correlation of rings one frequency step wide.

    Raises:
        SizeError: If the images differ in shape, are no planes, or are too small.
        PixelError: If a pixel is NaN or infinite.
    """
    a, b = as_pair(one, other)
    if a.ndim != 2 or min(a.shape) < _LEAST_SIDE:
        raise SizeError(
            f"planes of at least {_LEAST_SIDE} x {_LEAST_SIDE} pixels", f"shape {a.shape}", "pass one plane at a time"
        )
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise PixelError("finite pixels", "NaN or infinite ones", "mask or replace them")
    window = np.outer(np.hanning(a.shape[0]), np.hanning(a.shape[1]))
    spectra = [np.fft.rfft2((image - image.mean()) * window) for image in (a, b)]
    radius = np.hypot(np.fft.fftfreq(a.shape[0])[:, None], np.fft.rfftfreq(a.shape[1])[None])
    width = 1.0 / min(a.shape)
    ring = np.rint(radius / width).astype(int)
    # The half of a real image's spectrum: every column but the first, and the last of an even width, stands for two.
    twice = np.full(radius.shape, 2.0)
    twice[:, 0] = 1.0
    if a.shape[1] % 2 == 0:
        twice[:, -1] = 1.0
    last = min(a.shape) // 2
    cross, power_a, power_b = (
        np.bincount(ring.ravel(), (twice * values).ravel())[1 : last + 1]
        for values in ((spectra[0] * spectra[1].conj()).real, np.abs(spectra[0]) ** 2, np.abs(spectra[1]) ** 2)
    )
    scale = np.sqrt(power_a * power_b)
    correlation = np.divide(cross, scale, out=np.zeros_like(cross), where=scale > 0)
    return RingCorrelation(np.arange(1, last + 1) * width, correlation)
