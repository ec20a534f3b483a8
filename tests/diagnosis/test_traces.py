"""What filters, enlarging and compression leave is told from noise that a detector correlates, on a real recording."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image
from scipy.ndimage import convolve1d, gaussian_filter, median_filter, zoom

from quietscope.diagnosis import diagnose, notes
from quietscope.diagnosis.traces import Trace, finest
from quietscope.samples import sample_path

Plane = npt.NDArray[Any]
SIDE = 256


@pytest.fixture(scope="module")
def noisy() -> Plane:
    """One frame of a confocal microscope, 8 bits, as it was recorded."""
    frame: Plane = tifffile.imread(sample_path("confocal_fish_noisy"))[0, :SIDE, :SIDE]
    return frame


def rounded(pixels: Plane) -> Plane:
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def compressed(pixels: Plane, quality: int) -> Plane:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


PROCESSES: dict[str, tuple[Callable[[Plane], Plane], Trace | None]] = {
    "raw": (lambda x: x, None),
    "gaussian of 0.7": (lambda x: rounded(gaussian_filter(x.astype(float), 0.7)), "smooth"),
    "gaussian of 1.0": (lambda x: rounded(gaussian_filter(x.astype(float), 1.0)), "smooth"),
    "gaussian of 1.5": (lambda x: gaussian_filter(x.astype(float), 1.5), "smooth"),
    "gaussian of 1.5 in 8 bits": (lambda x: rounded(gaussian_filter(x.astype(float), 1.5)), "rounded"),
    "median": (lambda x: median_filter(x, 3), "smooth"),
    "bilinear, 1.3 times": (lambda x: rounded(zoom(x.astype(float), 1.3, order=1)), "smooth"),
    "bilinear, 2 times": (lambda x: rounded(zoom(x.astype(float), 2.0, order=1)), "doubled"),
    "jpeg": (lambda x: compressed(x, 50), "blocks"),
}


@pytest.mark.parametrize("name", list(PROCESSES))
def test_processing_of_a_recording_is_told_and_the_recording_itself_is_left_in_peace(noisy: Plane, name: str) -> None:
    process, expected = PROCESSES[name]
    found = diagnose([process(noisy)])
    assert found.trace == expected
    assert any("take the raw file" in note for note in notes(found)) == (expected is not None)


@pytest.mark.parametrize("kind", ["white", "x", "y", "both, with an independent part"])
def test_noise_of_detectors_is_not_processing(kind: str) -> None:
    clean = tifffile.imread(sample_path("confocal_fish_clean"))[0, :SIDE, :SIDE].astype(np.float64)
    rng = np.random.default_rng(2)
    white, other = rng.standard_normal((2, SIDE, SIDE))
    taps = np.array([1.0, 2.0, 3.0, 2.0, 1.0]) / np.sqrt(19.0)
    both = gaussian_filter(other, 1.0) * 2.0 * np.sqrt(np.pi)
    noise = {
        "white": white,
        "x": np.sqrt(0.4) * white + np.sqrt(0.6) * convolve1d(other, taps, axis=1),
        "y": np.sqrt(0.4) * white + np.sqrt(0.6) * convolve1d(other, taps, axis=0),
        "both, with an independent part": np.sqrt(0.65) * white + np.sqrt(0.35) * both,
    }
    found = diagnose([clean + 20.0 * noise[kind]])
    assert found.trace is None
    assert not any("raw file" in note for note in notes(found))


def test_power_at_the_finest_scale_is_that_of_the_filter() -> None:
    """That of white noise after a filter h: the square of its response at two pixels per period."""
    for width in (0.6, 0.8):
        h = gaussian_filter(np.eye(1, 33, 16)[0], width, truncate=8.0)
        noise = np.random.default_rng(0).standard_normal((512, 512))
        filtered = convolve1d(convolve1d(noise, h, axis=0, mode="wrap"), h, axis=1, mode="wrap")
        alternating = (-1.0) ** np.arange(33)
        expected = float(h @ alternating) ** 2 / float(h @ h)
        assert finest(diagnose([filtered]).x) == pytest.approx(expected, abs=0.05)
