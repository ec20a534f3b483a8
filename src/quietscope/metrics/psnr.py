"""Peak signal-to-noise ratio (PSNR), of an image as it is, and after the best scale and offset."""

from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.errors import PixelError, SizeError
from quietscope.metrics.metric import Metric


def psnr(image: npt.NDArray[Any], clean: npt.NDArray[Any], data_range: float | None = None) -> float:
    """Peak signal-to-noise ratio in dB, ``10 log10(R^2 / mean((image - clean)^2))``.

    Args:
        image: The image, any shape, intensity units; NaN stands for pixels that were never measured.
        clean: The clean image, same shape and units; so does NaN here.
        data_range: R in intensity units; maximum minus minimum of the clean image if None.

    Returns:
        The ratio in dB; infinite for equal images.

    Raises:
        SizeError: If the shapes differ.
        PixelError: If R is not positive.
    """
    image, clean = known_pair(image, clean)
    span = range_of(clean, data_range)
    error = float(np.mean(np.square(image - clean)))
    return float("inf") if error == 0 else float(10 * np.log10(span**2 / error))


def psnr_affine(image: npt.NDArray[Any], clean: npt.NDArray[Any], data_range: float | None = None) -> float:
    """Peak signal-to-noise ratio in dB of ``a image + b``, with a and b from `affine_fit`; for arguments see `psnr`.

    It is meant for images whose brightness differs from that of the clean image, because of another exposure time or a
    bleached dye.
    """
    scale, offset = affine_fit(image, clean)
    return psnr(scale * np.asarray(image, np.float64) + offset, clean, data_range)


def affine_fit(image: npt.NDArray[Any], clean: npt.NDArray[Any]) -> tuple[float, float]:
    """Return the scale a and offset b that minimise ``mean((a image + b - clean)^2)``.

    ``a = cov(image, clean) / var(image)``, ``b = mean(clean) - a mean(image)``; a = 0 for a constant image.

    Args:
        image: The image to scale, any shape.
        clean: The image to fit it to, same shape.

    Returns:
        (a, b).

    Raises:
        SizeError: If the shapes differ.
    """
    image, clean = known_pair(image, clean)
    deviation = image - image.mean()
    variance = float(np.mean(np.square(deviation)))
    scale = float(np.mean(deviation * (clean - clean.mean()))) / variance if variance > 0 else 0.0
    return scale, float(clean.mean() - scale * image.mean())


def as_pair(
    image: npt.NDArray[Any], clean: npt.NDArray[Any]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Check that two images have the same shape, and return both in float64.

    Raises:
        SizeError: If the shapes differ.
    """
    image, clean = np.asarray(image, np.float64), np.asarray(clean, np.float64)
    if image.shape != clean.shape:
        expected = f"an image of shape {clean.shape}, as the clean one"
        raise SizeError(expected, f"{image.shape}", "crop both to the same size")
    return image, clean


def known_pair(
    image: npt.NDArray[Any], clean: npt.NDArray[Any]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Do the same as `as_pair`, and leave out pixels that are NaN in one of them; the rest is flat if there are any.

    Raises:
        SizeError: If the shapes differ.
        PixelError: If nothing is left.
    """
    image, clean = as_pair(image, clean)
    missing = np.isnan(image) | np.isnan(clean)
    if not missing.any():
        return image, clean
    if missing.all():
        raise PixelError("pixels that were measured in both images", "none", "leave out this image")
    return image[~missing], clean[~missing]


def range_of(clean: npt.NDArray[np.float64], data_range: float | None) -> float:
    """Return `data_range`, or maximum minus minimum of the clean image if it is None.

    Raises:
        PixelError: If the range is not positive.
    """
    span = float(np.ptp(clean)) if data_range is None else float(data_range)
    if not span > 0:
        raise PixelError("a positive range of intensities", f"{span:g}", "pass a clean image that is not constant")
    return span


PSNR = Metric(title="PSNR", unit="dB", compute=psnr, higher_is_better=True)
AFFINE_PSNR = Metric(title="affine PSNR", unit="dB", compute=psnr_affine, higher_is_better=True)
