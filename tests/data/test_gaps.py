"""Areas never measured and absurd pixels are found; clipped, dark, saturated and sparse images are healthy."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from scipy.ndimage import gaussian_filter

from quietscope.data.gaps import find_gaps

Pixels = npt.NDArray[np.generic]


def cells(seed: int = 0, side: int = 256) -> npt.NDArray[np.float64]:
    """Return a clean scene of 100 to 900."""
    rng = np.random.default_rng(seed)
    dots = np.zeros((side, side))
    dots[tuple(rng.integers(0, side, (2, 90)))] = rng.uniform(0.2, 1, 90)
    smooth = gaussian_filter(dots, 4)
    return 100 + 800 * smooth / smooth.max()


def recorded(clean: npt.NDArray[np.float64], offset: float = 0.0, gain: float = 2.0, seed: int = 1) -> Pixels:
    """Return a 16-bit recording with shot noise and a read noise of 6."""
    rng = np.random.default_rng(seed)
    noisy = gain * rng.poisson(clean / gain) + rng.normal(offset, 6, clean.shape)
    return noisy.round().clip(0, 65535).astype(np.uint16)


RECORDING = recorded(cells())
FLOAT = RECORDING.astype(np.float32)
Y, X = np.mgrid[:256, :256]


def changed(where: Pixels, value: float, image: Pixels = FLOAT) -> Pixels:
    """Return an image with a value at some places."""
    return np.where(where, value, image).astype(image.dtype)


@pytest.mark.parametrize(
    ("plane", "missing"),
    [
        (np.pad(RECORDING, 64), np.pad(np.zeros((256, 256), bool), 64, constant_values=True)),
        (changed(abs(Y - 128) + abs(X - 128) >= 128, 0, RECORDING), abs(Y - 128) + abs(X - 128) >= 128),
        (changed((Y < 40) & (X < 40), -9999), (Y < 40) & (X < 40)),
        (changed((Y < 40) & (X < 40), -3.4e38), (Y < 40) & (X < 40)),
        (changed(X % 64 == 0, 0, RECORDING), X % 64 == 0),
        (changed(Y == 77, 65535, RECORDING), Y == 77),
        (changed((7 * Y + 5 * X) % 10 == 0, -9999), (7 * Y + 5 * X) % 10 == 0),
    ],
    ids=["padded", "turned mosaic", "sentinel", "GDAL's", "dead columns", "dead row at the top", "scattered sentinel"],
)
def test_what_was_never_measured_is_found_to_the_pixel(plane: Pixels, missing: npt.NDArray[np.bool_]) -> None:
    found = find_gaps([plane])
    assert np.array_equal(found.areas(plane), missing)
    assert found.share == pytest.approx(missing.mean(), rel=0.05)  # of scattered pixels, measured on a sample
    assert found.absurd == 0
    assert f"{found.share:.2%}" in found.words()


@pytest.mark.parametrize("value", [1e6, 1e10, -1e6, 3.4e38, 65535.0])
def test_one_absurd_pixel_is_found_and_nothing_else(value: float) -> None:
    plane = changed((Y == 100) & (X == 30), value)
    found = find_gaps([FLOAT, plane])
    nowhere = np.zeros(plane.shape, bool)
    assert np.argwhere(found.absurd_in(plane, nowhere)).tolist() == [[100, 30]]
    assert not found.absurd_in(FLOAT, nowhere).any()
    assert not found.values
    assert found.fill == pytest.approx(FLOAT.mean(), rel=0.02)
    assert "one pixel is absurd" in found.words()


def test_blank_frames_are_found_though_scattered_zeros_are_measured() -> None:
    dim = recorded(cells() - 90)
    assert (dim == 0).any()
    found = find_gaps([dim, 0 * dim, dim, 0 * dim])
    assert found.values == (0.0,)
    assert found.blank == 2
    assert found.areas(0 * dim).all()
    assert not found.areas(dim).any()


def beads(height: float) -> npt.NDArray[np.float64]:
    dots = np.zeros((256, 256))
    dots[tuple(np.random.default_rng(5).integers(20, 236, (2, 12)))] = 1
    return height * gaussian_filter(dots, 1.3) * 2 * np.pi * 1.3**2


def disc(blur: float) -> npt.NDArray[np.float64]:
    return gaussian_filter(100 + 800.0 * ((Y - 128) ** 2 + (X - 128) ** 2 < 60**2), blur)


def eight_bit(clean: npt.NDArray[np.float64], offset: float) -> Pixels:
    rng = np.random.default_rng(2)
    return (rng.poisson(clean) + rng.normal(offset, 0.8, clean.shape)).round().clip(0, 255).astype(np.uint8)


HEALTHY: dict[str, Callable[[], Pixels]] = {
    "a recording": lambda: RECORDING,
    "float": lambda: FLOAT,
    "2 in 1000 hot": lambda: changed(np.random.default_rng(3).random((256, 256)) < 0.002, 4095, RECORDING),
    "8 bit": lambda: eight_bit((cells() - 100) / 40, 0),
    "8 bit, dark half clipped": lambda: eight_bit((cells() - 100) / 40, -1),
    "8 bit, nearly all clipped": lambda: eight_bit((cells() - 100) / 40, -4),
    "few photons": lambda: np.random.default_rng(0).poisson((cells() - 100) / 4000).astype(np.uint16),
    "hardly a photon": lambda: np.random.default_rng(0).poisson((cells() - 100) / 40000).astype(np.uint16),
    "beads on a clipped background": lambda: recorded(beads(800), -30),
    "saturated beads": lambda: recorded(beads(16000)).clip(0, 255).astype(np.uint8),
    "saturated nuclei": lambda: recorded(9 * cells()).clip(0, 4095),
    "a sharp saturated disc": lambda: (recorded(disc(0.8)) // 2).clip(0, 255).astype(np.uint8),
    "a blurred disc on a clipped background": lambda: (recorded(disc(1.5)).astype(int) - 160).clip(0).astype(np.uint16),
    "a clean image": lambda: cells().astype(np.float32),
    "a clean image of few grey levels": lambda: (cells() / 10).astype(np.uint8),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_healthy_images_have_no_gaps(name: str) -> None:
    found = find_gaps([HEALTHY[name]()])
    assert found.is_empty, found.words()


@pytest.mark.parametrize(("peak", "sigma"), [(2, 1.0), (2, 2.0), (3, 1.5), (5, 0.85), (5, 1.3), (20, 0.85)])
def test_few_photons_before_a_dark_background_were_measured(peak: float, sigma: float) -> None:
    """Chance decides at the border which pixels are dark: it is ragged, and that of padding is not."""
    y, x = np.mgrid[:128, :128]
    disc = ((y - 64) ** 2 + (x - 64) ** 2 < 35**2).astype(float)
    counts = np.random.default_rng(0).poisson(gaussian_filter(peak * disc, sigma))
    assert find_gaps([counts]).is_empty
    padded = np.random.default_rng(0).poisson(np.full((128, 128), 20.0))
    padded[:40] = 0
    assert find_gaps([padded]).values == (0.0,)


@pytest.mark.parametrize("side", [40, 96])
def test_a_frame_around_a_small_image_is_padding(side: int) -> None:
    framed = np.zeros((side + 64, side + 64), np.uint16)
    framed[32:-32, 32:-32] = np.random.default_rng(3).poisson(30, (side, side)) + 1
    assert find_gaps([framed]).values == (0.0,)


def test_two_flat_values_are_a_drawing() -> None:
    drawing = np.kron(np.random.default_rng(0).integers(0, 2, (8, 8)), np.ones((16, 16))) * 255
    assert find_gaps([drawing.astype(np.uint8)]).is_empty
