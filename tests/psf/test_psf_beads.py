"""Beads of a known PSF, scattered between the pixels, give that PSF back."""

from functools import reduce

import numpy as np
import pytest
from scipy.special import erf

from quietscope.errors import PixelError, PsfError
from quietscope.psf.bead_fit import fit_bead
from quietscope.psf.beads import average_beads
from quietscope.psf.detect import MARGIN, box_at, find_spots
from quietscope.psf.gaussian_psf import gaussian_psf

SIGMA, SIZE = (1.3, 1.8), (17, 17)
SIGMA_3D, SIZE_3D = (2.2, 1.2, 1.3), (17, 13, 13)


def bead(shape: tuple[int, ...], sigma: tuple[float, ...], place: np.ndarray) -> np.ndarray:
    edges = [np.arange(side + 1) - 0.5 for side in shape]
    profiles = [np.diff(erf((e - c) / (s * np.sqrt(2)))) / 2 for e, s, c in zip(edges, sigma, place, strict=True)]
    return reduce(np.multiply.outer, profiles)


def grid(step: int, count: int, rng: np.random.Generator, depth: int | None = None) -> np.ndarray:
    """Return places one `step` apart, shaken by half a pixel: (N, 2) or (N, 3)."""
    plane = np.stack(np.meshgrid(*[np.arange(count)] * 2, indexing="ij"), axis=-1).reshape(-1, 2) * step + step / 2
    places = plane if depth is None else np.column_stack([np.full(len(plane), depth), plane])
    return places + rng.uniform(-0.5, 0.5, places.shape)


def scene(
    shape: tuple[int, ...],
    sigma: tuple[float, ...],
    places: np.ndarray,
    photons: int,
    background: int,
    rng: np.random.Generator,
) -> np.ndarray:
    image = np.full(shape, float(background))
    for place in places:
        image += photons * rng.uniform(0.8, 1.2) * bead(shape, sigma, place)
    return rng.poisson(image).astype(np.uint16)


def relative_error(found: np.ndarray, truth: np.ndarray) -> float:
    return float(np.linalg.norm(found - truth) / np.linalg.norm(truth))


def plain_average(image: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """The yardstick: boxes about the brightest pixels, their rim removed, no alignment."""
    image = image.astype(float)
    places = find_spots(image, size).places
    boxes = [box_at(image, place, [side // 2 for side in size]) for place in places]
    total = np.maximum(sum(box - np.median(box[0]) for box in boxes), 0)
    return total / total.sum()


@pytest.fixture(scope="module")
def planar() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    places = grid(26, 7, rng)
    return scene((182, 182), SIGMA, places, 20000, 100, rng), places


def test_the_psf_comes_back_and_alignment_is_why(planar: tuple[np.ndarray, np.ndarray]) -> None:
    image, places = planar
    truth = gaussian_psf(SIGMA, SIZE).values
    found = average_beads([image], SIZE, {"X": 0.1, "Y": 0.1})
    assert found.used == found.found == len(places)
    assert found.rejected == {}
    assert dict(found.psf.pixel_size_um) == {"X": 0.1, "Y": 0.1}
    error = relative_error(found.psf.values, truth)
    assert error < 0.01
    assert error < 0.25 * relative_error(plain_average(image, SIZE), truth)


def test_the_psf_of_a_volume_comes_back() -> None:
    rng = np.random.default_rng(1)
    image = scene((29, 88, 88), SIGMA_3D, grid(22, 4, rng, depth=14), 50000, 50, rng)
    truth = gaussian_psf(SIGMA_3D, SIZE_3D).values
    found = average_beads([image], SIZE_3D)
    assert found.used == 16
    error = relative_error(found.psf.values, truth)
    assert error < 0.04
    assert error < 0.5 * relative_error(plain_average(image, SIZE_3D), truth)


def test_noise_beyond_the_psf_is_left_out(planar: tuple[np.ndarray, np.ndarray]) -> None:
    rng = np.random.default_rng(2)
    faint = scene((182, 182), SIGMA, planar[1], 1500, 50, rng)
    found = average_beads([faint], SIZE)
    truth = gaussian_psf(SIGMA, SIZE).values
    assert relative_error(found.psf.values, truth) < 0.05
    assert found.psf.values[truth < 1e-7].sum() < 0.002


def test_frames_are_averaged_together(planar: tuple[np.ndarray, np.ndarray]) -> None:
    image, places = planar
    assert average_beads([image[:91], image[91:]], SIZE).used < len(places)
    assert average_beads([image, image], SIZE).used == 2 * len(places)


def test_clusters_and_borders_and_odd_beads_are_left_out(planar: tuple[np.ndarray, np.ndarray]) -> None:
    rng = np.random.default_rng(3)
    image, places = planar
    extra = np.array([places[24] + (0, 9), places[10] + (7, 3), (2.0, 60.0), places[30] + (1.4, 1.4), places[40]])
    photons = [20000, 20000, 20000, 20000, 70000]
    shape = image.shape
    light = sum(n * bead(shape, SIGMA, place) for n, place in zip(photons, extra, strict=True))
    found = average_beads([(image + rng.poisson(light)).astype(np.uint16)], SIZE)
    assert found.rejected["neighbour"] >= 4
    assert found.rejected["border"] == 1
    assert found.rejected["width"] >= 1
    assert found.rejected["brightness"] == 1
    assert relative_error(found.psf.values, gaussian_psf(SIGMA, SIZE).values) < 0.01


@pytest.mark.parametrize("top", [4095, 3000])
def test_saturated_beads_are_left_out(planar: tuple[np.ndarray, np.ndarray], top: int) -> None:
    image, places = planar
    bright = image.astype(float)
    for place in places[[8, 20]]:
        bright += 300000 * bead(image.shape, SIGMA, place)
    found = average_beads([np.minimum(bright, top).astype(np.uint16)], SIZE)
    assert found.rejected == {"saturated": 2}
    assert found.used == len(places) - 2


def test_rings_of_a_bright_bead_are_no_neighbours() -> None:
    rng = np.random.default_rng(4)
    y, x = np.mgrid[:81, :81]
    radius = np.hypot(y - 40, x - 40)
    image = 100 + 20000 * (np.exp(-(radius**2) / 4) + 0.03 * np.exp(-((radius - 7) ** 2) / 2))
    spots = find_spots(rng.poisson(image).astype(float), (27, 27))
    assert spots.found == 1
    assert spots.places.tolist() == [[40, 40]]


def test_the_noise_of_an_empty_stack_holds_no_bead() -> None:
    rng = np.random.default_rng(5)
    empty = rng.poisson(100, (25, 90, 90)).astype(float)
    assert find_spots(empty, SIZE_3D).found == 0


@pytest.mark.parametrize("offset", [(0.3, -0.4), (0.0, 0.5)])
def test_the_fit_finds_the_place_between_the_pixels(offset: tuple[float, ...]) -> None:
    fit = fit_bead(10 + 1000 * bead((17, 17), SIGMA, np.array(offset) + 8))
    assert fit is not None
    np.testing.assert_allclose(fit.offset, offset, atol=0.002)
    np.testing.assert_allclose(fit.sigma, np.sqrt(np.array(SIGMA) ** 2 + 1 / 12), rtol=0.01)


def test_a_flat_box_has_no_fit() -> None:
    assert fit_bead(np.ones((9, 9))) is None


def test_few_beads_are_mentioned() -> None:
    said: list[str] = []
    rng = np.random.default_rng(6)
    image = scene((60, 60), SIGMA, np.array([(30.2, 29.7)]), 50000, 10, rng)
    found = average_beads([image], SIZE, None, said.append)
    assert found.used == 1
    assert "1 bead(s) only" in said[0]


@pytest.mark.parametrize(
    ("image", "size", "words"),
    [
        (np.full((40, 40), 7.0), SIZE, ["no spot"]),
        (np.random.default_rng(0).poisson(50, (60, 60)), SIZE, ["no spot", "sparser"]),
        (np.zeros((SIZE[0] + 2 * MARGIN - 1, 64)), SIZE, ["20 x 64", "`size`"]),
        (np.zeros((40, 40)), (16, 16), ["odd", "size=(15, 15)"]),
        (np.zeros((40, 40)), SIZE_3D, ["40 x 40"]),
    ],
)
def test_images_without_a_bead_are_refused(image: np.ndarray, size: tuple[int, ...], words: list[str]) -> None:
    with pytest.raises(PsfError) as caught:
        average_beads([image], size)
    for word in words:
        assert word in str(caught.value)


def test_two_beads_too_near_are_counted_in_the_error() -> None:
    rng = np.random.default_rng(7)
    image = scene((70, 70), SIGMA, np.array([(35.0, 31.0), (35.0, 39.0)]), 50000, 10, rng)
    with pytest.raises(PsfError, match=r"2 spots, none of them usable \(2 neighbour\)"):
        average_beads([image], SIZE)


def test_nan_is_refused() -> None:
    with pytest.raises(PixelError, match="NaN"):
        average_beads([np.full((40, 40), np.nan)], SIZE)
