"""Fourier ring correlation (FRC): the finest detail in which two images of one scene agree.

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
    """Correlation of two images for every ring of their Fourier spectra.

    Attributes:
        frequency: Frequency in the middle of each ring, cycles per pixel, 0 to 0.5, shape (R,).
        correlation: FRC of each ring, -1 to 1, shape (R,).
    """

    frequency: npt.NDArray[np.float64]
    correlation: npt.NDArray[np.float64]

    def cutoff(self, threshold: float = THRESHOLD) -> float:
        """Return the frequency at which the correlation first falls below a threshold, in cycles per pixel.

        The correlation is averaged over three neighbouring rings, because single rings scatter, and interpolated
        linearly between rings.

        Args:
            threshold: Threshold; 1/7 by convention.

        Returns:
            The frequency; 0.5, the highest possible, if the correlation never falls below the threshold.
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
        """Return the resolution ``pixel size / cutoff``, in the units of the pixel size."""
        return pixel_size / self.cutoff(threshold)


def ring_correlation(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> RingCorrelation:
    """Correlate two images of one scene, ring by ring of their Fourier spectra F and G.

    ``FRC(r) = Re sum_ring F conj(G) / sqrt(sum_ring |F|^2 sum_ring |G|^2)``

    A Hann window suppresses the borders of the images. The noise of both images must be independent: for one image
    denoised twice, or for an image and its denoised version, the result is meaningless.

    Args:
        one: Image of shape (Y, X), at least 16 pixels wide and high.
        other: Another image of the same scene and shape.

    Returns:
        The correlation of all rings; a ring is one frequency step wide.

    Raises:
        SizeError: If the images differ in shape, are not planes, or are too small.
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
    # Half of the spectrum of a real image; every column counts twice, except the first, and the last of an even width.
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
