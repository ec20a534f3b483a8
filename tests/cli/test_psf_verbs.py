"""Making PSFs from the command line: files, tables, pictures, and one line for every mistake."""

from functools import reduce
from pathlib import Path

import numpy as np
import pytest
from scipy.special import erf

from quietscope.io import read_image, write_image
from quietscope.psf.gaussian_psf import gaussian_psf
from quietscope.psf.psf import read_psf
from tests.cli.command_line import Quietscope, refused

SIGMA = (1.3, 1.6)


def bead(shape: tuple[int, ...], sigma: tuple[float, ...], place: np.ndarray | tuple[int, ...]) -> np.ndarray:
    edges = [np.arange(side + 1) - 0.5 for side in shape]
    profiles = [np.diff(erf((e - c) / (s * np.sqrt(2)))) / 2 for e, s, c in zip(edges, sigma, place, strict=True)]
    return reduce(np.multiply.outer, profiles)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """beads.tif (9 and a pair), stack.tif (4), two.tif (CYX), dark.tif, pair.tif, thin.tif, rgb.tif."""
    folder = tmp_path_factory.mktemp("beads")
    rng = np.random.default_rng(0)
    places = [(y, x) for y in (16, 50, 84) for x in (16, 50, 84)] + [(67, 30), (67, 38)]
    image = 100 + sum(30000 * bead((100, 100), SIGMA, np.add(p, rng.uniform(-0.5, 0.5, 2))) for p in places)
    beads = rng.poisson(image).astype(np.uint16)
    write_image(folder / "beads.tif", beads, "YX", pixel_size_um={"X": 0.065, "Y": 0.065})
    write_image(folder / "two.tif", np.stack([beads, beads]), "CYX")
    write_image(folder / "dark.tif", rng.poisson(100, (64, 64)).astype(np.uint16), "YX")
    pair = 100 + sum(30000 * bead((64, 64), SIGMA, p) for p in ((30, 28), (30, 36)))
    write_image(folder / "pair.tif", rng.poisson(pair).astype(np.uint16), "YX")
    stack = 20 + sum(
        90000 * bead((25, 60, 60), (2.0, 1.2, 1.2), np.add((12, y, x), rng.uniform(-0.5, 0.5, 3)))
        for y in (15, 44)
        for x in (15, 44)
    )
    pixels = {"X": 0.1, "Y": 0.1, "Z": 0.25}
    write_image(folder / "stack.tif", rng.poisson(stack).astype(np.uint16), "ZYX", pixel_size_um=pixels)
    write_image(folder / "thin.tif", rng.poisson(100, (5, 64, 64)).astype(np.uint16), "ZYX")
    write_image(folder / "rgb.tif", np.zeros((64, 64, 3), np.uint8), "YXS")
    return folder


def test_gaussian_writes_psf_picture_and_table(quietscope: Quietscope, tmp_path: Path) -> None:
    out = tmp_path / "psf.tif"
    status, printed, err = quietscope("psf", "gaussian", "--sigma", 1.2, "--pixel-nm", 65, "-o", out)
    assert (status, err) == (0, "")
    for word in ("11 x 11", "65 nm", "2.93 pixels, 190 nm", "psf.png"):
        assert word in printed
    np.testing.assert_array_equal(read_psf(out).values, gaussian_psf(1.2).values)
    image = read_image(out)
    assert (image.axes, image.dtype.name) == ("YX", "float32")
    assert image.pixel_size_um == pytest.approx({"X": 0.065, "Y": 0.065})
    assert (tmp_path / "psf.png").read_bytes().startswith(b"\x89PNG")


def test_gaussian_for_volumes(quietscope: Quietscope, tmp_path: Path) -> None:
    out = tmp_path / "psf.ome.tif"
    words = ("--sigma", 1.2, "--sigma-z", 3, "--size", 9, "--size-z", 21, "--z-nm", 200, "--pixel-nm", 65)
    status, printed, _ = quietscope("psf", "gaussian", *words, "-o", out)
    assert status == 0
    assert "21 x 9 x 9 pixels (ZYX)" in printed
    psf = read_psf(out)
    assert psf.values.shape == (21, 9, 9)
    assert psf.pixel_size_um["Z"] == pytest.approx(0.2)
    assert (tmp_path / "psf.png").exists()


def test_theory_in_focus_and_in_depth(quietscope: Quietscope, tmp_path: Path) -> None:
    words = ("psf", "theory", "--na", 1.4, "--wavelength-nm", 520, "--pixel-nm", 65)
    status, printed, err = quietscope(*words, "-o", tmp_path / "plane.tif")
    assert (status, err) == (0, "")
    assert "196 nm" in printed
    status, printed, err = quietscope(*words, "--z-nm", 200, "-o", tmp_path / "volume.tif")
    assert status == 0
    assert "FWHM along Z" in printed
    assert "88% of the light" in err
    assert read_psf(tmp_path / "volume.tif").values.shape == (13, 37, 37)
    pinhole = ("--excitation-nm", 488, "--z-nm", 200, "--size", 21, "--size-z", 9)
    status, printed, err = quietscope(*words, *pinhole, "-o", tmp_path / "confocal.tif")
    assert (status, err) == (0, "")
    assert "confocal" in printed


def test_beads_of_a_plane(quietscope: Quietscope, scenes: Path, tmp_path: Path) -> None:
    status, printed, err = quietscope("psf", "beads", scenes / "beads.tif", "-o", tmp_path / "psf.tif", "--size", 17)
    assert (status, err) == (0, "")
    assert "11 found, 9 used" in printed
    assert "2 neighbour" in printed
    truth = gaussian_psf(SIGMA, 17).values
    found = read_psf(tmp_path / "psf.tif")
    assert np.linalg.norm(found.values - truth) < 0.02 * np.linalg.norm(truth)
    assert found.pixel_size_um == pytest.approx({"X": 0.065, "Y": 0.065})


def test_beads_of_a_stack_and_of_one_channel(quietscope: Quietscope, scenes: Path, tmp_path: Path) -> None:
    words = ("--size", 13, "--size-z", 17)
    status, printed, err = quietscope("psf", "beads", scenes / "stack.tif", "-o", tmp_path / "psf.tif", *words)
    assert status == 0
    assert "4 found, 4 used" in printed
    assert "4 bead(s) only" in err
    truth = gaussian_psf((2.0, 1.2, 1.2), (17, 13, 13)).values
    assert np.linalg.norm(read_psf(tmp_path / "psf.tif").values - truth) < 0.06 * np.linalg.norm(truth)
    words = ("--size", 17, "--channel", 1)
    assert quietscope("psf", "beads", scenes / "two.tif", "-o", tmp_path / "one.tif", *words)[0] == 0


def test_what_exists_is_kept(quietscope: Quietscope, tmp_path: Path) -> None:
    words = ("psf", "gaussian", "--sigma", 1.2, "-o", tmp_path / "psf.tif")
    (tmp_path / "psf.png").write_bytes(b"precious")
    status, _, err = quietscope(*words)
    assert status == 0
    assert "no picture" in err
    assert (tmp_path / "psf.png").read_bytes() == b"precious"
    refused(quietscope(*words), "--overwrite")
    assert quietscope(*words, "--overwrite")[0] == 0
    assert (tmp_path / "psf.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("gaussian --sigma 0", ["above zero", "--sigma 1.2"]),
        ("gaussian --sigma nan", ["above zero"]),
        ("gaussian --sigma 1.2 --size 20", ["20 x 20", "--size 19"]),
        ("gaussian --sigma 1.2 --z-nm 200", ["--sigma-z"]),
        ("gaussian --sigma 1.2 --pixel-nm 0", ["--pixel-nm 65"]),
        ("theory --na 1.6 --wavelength-nm 520 --pixel-nm 65", ["refractive index, 1.518", "1.6"]),
        ("theory --na 1.4 --wavelength-nm 0.52 --pixel-nm 65", ["--wavelength-nm 520"]),
        ("theory --na 1.4 --wavelength-nm 520 --pixel-nm 0.065", ["--pixel-nm 65"]),
        ("theory --na 1.4 --wavelength-nm 520 --pixel-nm 65 --z-nm -200", ["--z-nm 200"]),
        ("theory --na 1.4 --wavelength-nm 520 --pixel-nm 65 --size-z 11", ["no --z-nm"]),
        ("theory --na 1.4 --wavelength-nm 520 --pixel-nm 65 --size 36", ["--size 35"]),
        ("beads {}/dark.tif", ["no spot"]),
        ("beads {}/pair.tif", ["2 spots", "2 neighbour"]),
        ("beads {}/two.tif", ["--channel 0"]),
        ("beads {}/two.tif --channel 2", ["from 0 to 1"]),
        ("beads {}/rgb.tif", ["channel"]),
        ("beads {}/thin.tif", ["7 planes"]),
        ("beads {}/dark.tif --size-z 9", ["--axes ZYX"]),
        ("beads {}/dark.tif --size 20", ["--size 19"]),
        ("beads {}/dark.tif --size 101", ["64 x 64"]),
        ("beads {}/dark.tif --axes ZYX", ["--axes YX"]),
        ("beads {}/none.tif", ["none.tif"]),
    ],
)
def test_mistakes_are_one_line(
    quietscope: Quietscope, scenes: Path, tmp_path: Path, words: str, said: list[str]
) -> None:
    refused(
        quietscope("psf", *words.replace("{}", str(scenes)).split(), "-o", tmp_path / "psf.tif"),
        *said,
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "said"), [("psf.png", "psf.tif"), ("nowhere/psf.tif", "mkdir"), ("psf.pdf", "psf.tif")]
)
def test_outputs_that_cannot_be(quietscope: Quietscope, tmp_path: Path, name: str, said: str) -> None:
    refused(quietscope("psf", "gaussian", "--sigma", 1.2, "-o", tmp_path / name), said)


def test_the_beads_themselves_are_not_replaced(quietscope: Quietscope, scenes: Path) -> None:
    before = (scenes / "beads.tif").read_bytes()
    words = (scenes / "beads.tif", "-o", scenes / "beads.tif", "--overwrite")
    refused(quietscope("psf", "beads", *words), "which is an input of this run")
    assert (scenes / "beads.tif").read_bytes() == before
