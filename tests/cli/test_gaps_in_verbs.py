"""Every verb that takes statistics of pixels leaves out those that were never measured, says so, and takes a mask."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy.ndimage import gaussian_filter

from quietscope.denoiser import Denoiser
from quietscope.io import read_image, write_image
from quietscope.metrics import psnr, ssim
from quietscope.noise.noise_file import load_noise_model
from tests.cli.command_line import Quietscope, refused

SIDE, PAD, SIGMA = 64, 20, 10.0
Pixels = npt.NDArray[np.float32]


def padded(inner: Pixels, value: float = -9999) -> Pixels:
    """Add columns at the left."""
    return np.pad(inner, [*[(0, 0)] * (inner.ndim - 1), (PAD, 0)], constant_values=value)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """inner.tif and clean.tif (12 frames of noise 10 and what is behind it), and with padding, padded.tif and so on."""
    folder = tmp_path_factory.mktemp("gaps")
    y, x = np.mgrid[:SIDE, :SIDE]
    clean = np.broadcast_to(200 + 60 * np.sin(x / 5) * np.cos(y / 7), (12, SIDE, SIDE)).astype(np.float32)
    inner = (clean + np.random.default_rng(0).normal(0, SIGMA, clean.shape)).astype(np.float32)
    whole = np.pad(clean, [(0, 0), (0, 0), (PAD, 0)], mode="edge")  # a reference may know more than the image
    absurd = padded(inner)
    absurd[3, 30, 40] = 1e8
    with_nan = np.where(padded(inner) == -9999, np.nan, padded(inner))
    mask = padded(np.ones((SIDE, SIDE), np.float32), 0)
    images = {
        "inner": inner,
        "clean": clean,
        "padded": padded(inner),
        "whole": whole,
        "absurd": absurd,
        "nan": with_nan,
    }
    for name, pixels in images.items():
        write_image(folder / f"{name}.tif", pixels, "TYX")
    write_image(folder / "mask.tif", mask, "YX")
    return folder


@pytest.mark.parametrize(
    ("noisy", "options"), [("padded", ()), ("nan", ("--mask", "nan")), ("nan", ("--mask", "mask.tif"))]
)
def test_a_fit_to_pairs_is_that_of_the_measured_pixels(
    quietscope: Quietscope, recordings: Path, tmp_path: Path, noisy: str, options: tuple[str, ...]
) -> None:
    options = tuple(str(recordings / word) if word.endswith(".tif") else word for word in options)
    fit = ("noise", "fit", "--model", "poisson-gaussian", "--clean")
    one, other = tmp_path / "one.safetensors", tmp_path / "other.safetensors"
    assert quietscope(*fit, recordings / "clean.tif", recordings / "inner.tif", "-o", one)[::2] == (0, "")
    status, _, err = quietscope(*fit, recordings / "whole.tif", recordings / f"{noisy}.tif", "-o", other, *options)
    assert status == 0, err
    assert "never measured" in err
    assert len(err.splitlines()) == 1
    assert load_noise_model(one).describe() == load_noise_model(other).describe()


def test_calibration_leaves_out_pixels_and_frames(quietscope: Quietscope, recordings: Path, tmp_path: Path) -> None:
    frames = np.asarray(read_image(recordings / "absurd.tif")).copy()
    frames[5] = -9999
    write_image(tmp_path / "static.tif", frames, "TYX")
    words = ("noise", "calibrate", tmp_path / "static.tif", "-o", tmp_path / "n.safetensors", "--model", "gaussian")
    status, out, err = quietscope(*words)
    assert status == 0, err
    assert "11 frames" in out
    assert "never measured" in err
    assert "absurd" in err
    sigma = float(load_noise_model(tmp_path / "n.safetensors").variance(torch.tensor([200.0])).sqrt())
    assert sigma == pytest.approx(SIGMA, rel=0.02)


def test_pairs_and_curves_are_shown_without_gaps(quietscope: Quietscope, recordings: Path, tmp_path: Path) -> None:
    noise = tmp_path / "n.safetensors"
    clean, whole = ("--clean", recordings / "clean.tif"), ("--clean", recordings / "whole.tif")
    assert quietscope("noise", "fit", recordings / "inner.tif", *clean, "-o", noise, "--model", "gaussian")[0] == 0
    show = ("noise", "show", noise, "-o", tmp_path / "a.png", "--overwrite", "--data")
    status, out, err = quietscope(*show, recordings / "padded.tif", *whole)
    assert status == 0, err
    assert "never measured" in err
    assert f"over {12 * SIDE * SIDE:,} pairs" in out
    status, out, err = quietscope(*show, recordings / "absurd.tif")
    assert status == 0, err
    assert "blind estimate" in out
    assert "one pixel is absurd" in err


def test_a_result_is_judged_where_it_was_measured(quietscope: Quietscope, recordings: Path, tmp_path: Path) -> None:
    whole, clean = recordings / "whole.tif", recordings / "clean.tif"
    inner = quietscope("evaluate", recordings / "inner.tif", clean)
    for words in (("padded.tif",), ("nan.tif", "--mask", "nan"), ("nan.tif", "--mask", recordings / "mask.tif")):
        status, out, err = quietscope("evaluate", recordings / words[0], whole, *words[1:])
        assert status == 0, err
        assert out == inner[1]
        assert "never measured" in err
    refused(quietscope("evaluate", recordings / "nan.tif", whole), "nan.tif", "--mask nan")
    std = np.full((12, SIDE, SIDE + PAD), SIGMA, np.float32)
    std[:, :, :PAD] = 0
    write_image(tmp_path / "std.tif", std, "TYX")
    out = quietscope("evaluate", recordings / "padded.tif", whole, "--std", tmp_path / "std.tif")[1]
    assert "the spread is about right" in out


def test_an_absurd_pixel_of_a_result_is_not_excused(quietscope: Quietscope, recordings: Path) -> None:
    status, out, err = quietscope("evaluate", recordings / "absurd.tif", recordings / "whole.tif")
    assert status == 0, err
    assert "pixel is absurd" not in err
    assert "-" in out.split("│")[out.split("│").index("     3 ") + 2]  # dB below zero in frame 3


def test_a_smooth_result_of_whole_numbers_has_no_gaps(quietscope: Quietscope, tmp_path: Path) -> None:
    smooth = gaussian_filter(np.random.default_rng(0).normal(size=(128, 128)), 20)
    clean = 3 + 2 * smooth / smooth.std()
    write_image(tmp_path / "clean.tif", clean.astype(np.float32), "YX")
    for dtype in (np.uint8, np.float32):
        write_image(tmp_path / "result.tif", np.round(clean).clip(0, 255).astype(dtype), "YX", overwrite=True)
        assert quietscope("evaluate", tmp_path / "result.tif", tmp_path / "clean.tif")[2] == ""
    noisy = np.random.default_rng(1).poisson(clean.clip(0) * 50 + 100).astype(np.uint16)
    noisy[:, :20] = 0
    write_image(tmp_path / "noisy.tif", noisy, "YX")
    assert "exactly 0" in quietscope("evaluate", tmp_path / "noisy.tif", tmp_path / "clean.tif")[2]


def test_metrics_leave_nan_out() -> None:
    rng = np.random.default_rng(1)
    clean = rng.normal(100, 10, (40, 50))
    image = clean + rng.normal(0, 1, clean.shape)
    wide = np.pad(image, ((0, 0), (25, 0)), constant_values=np.nan)
    truth = np.pad(clean, ((0, 0), (25, 0)), mode="edge")
    truth[0, 0] = 1e6  # it must not widen the range either
    assert psnr(wide, truth) == pytest.approx(psnr(image, clean))
    assert ssim(wide, truth) == pytest.approx(ssim(image, clean))
    image[::5, ::5] = np.nan  # no window is without one
    assert 0.5 < ssim(image, clean) <= 1


def test_uncertainty_is_judged_where_it_was_measured(
    quietscope: Quietscope, recordings: Path, model: Path, tmp_path: Path
) -> None:
    new = tmp_path / "m.safetensors"
    words = ("--clean", recordings / "whole.tif", "-o", new, "--samples", "10")
    status, _, err = quietscope("recalibrate", model, recordings / "padded.tif", *words)
    assert status == 0, err
    assert "never measured" in err
    factor = Denoiser.load(new).spread
    [found] = Denoiser.load(model).recalibrate(recordings / "padded.tif", recordings / "whole.tif", num_samples=10)
    assert found.num_pixels == 12 * SIDE * SIDE
    assert found.spread_factor == pytest.approx(factor)
    [of_mask] = Denoiser.load(model).recalibrate(
        recordings / "nan.tif", recordings / "whole.tif", num_samples=10, mask=recordings / "mask.tif"
    )
    assert of_mask.spread_factor == pytest.approx(factor)


def test_verbs_that_look_into_a_model_see_no_sentinel(
    quietscope: Quietscope, recordings: Path, model: Path, tmp_path: Path
) -> None:
    words = ("levels", model, recordings / "absurd.tif", "-o", tmp_path / "l.png", "--save", tmp_path / "l.npz")
    status, _, err = quietscope(*words, "--samples", "2", "--frame", "3")
    assert status == 0, err
    assert "never measured" in err
    plain, other = tmp_path / "plain.npz", tmp_path / "other.png"
    levels = (
        "levels",
        model,
        recordings / "inner.tif",
        "-o",
        other,
        "--save",
        plain,
        "--samples",
        "2",
        "--frame",
        "3",
    )
    assert quietscope(*levels)[0] == 0
    with np.load(tmp_path / "l.npz") as found, np.load(plain) as expected:
        seen, true = found["reconstructions"][0], expected["reconstructions"][0]
        assert abs(seen.mean() - true.mean()) < 3 * true.std() + 10
    write_image(tmp_path / "one.tif", np.asarray(read_image(recordings / "absurd.tif"))[3], "YX")
    status, _, err = quietscope(
        "generate", model, "--noise-of", tmp_path / "one.tif", "--num", "1", "-o", tmp_path / "g.npy"
    )
    assert status == 0, err
    assert "never measured" in err
    assert np.abs(np.load(tmp_path / "g.npy")).max() < 1e4


def test_beads_beside_padding(quietscope: Quietscope, tmp_path: Path) -> None:
    y, x = np.mgrid[:96, :96]
    spots = sum(900 * np.exp(-((y - b) ** 2 + (x - a) ** 2) / (2 * 1.8**2)) for a in (20, 50, 78) for b in (20, 50, 78))
    beads = (100 + spots + np.random.default_rng(0).normal(0, 2, spots.shape)).astype(np.float32)
    write_image(tmp_path / "beads.tif", beads, "YX")
    write_image(tmp_path / "wide.tif", padded(beads, 30000), "YX")
    found = []
    for name in ("beads", "wide"):
        psf = tmp_path / f"{name}_psf.tif"
        status, out, err = quietscope("psf", "beads", tmp_path / f"{name}.tif", "-o", psf, "--size", "15")
        assert status == 0, err
        assert "9 found" in out
        found.append(np.asarray(read_image(psf)))
    assert "never measured" in err
    np.testing.assert_allclose(found[0], found[1], atol=1e-4)
