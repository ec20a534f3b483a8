"""DecoNoising from the command line: a PSF file or a width, two results, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch

from quietscope import Denoiser
from quietscope.io import read_image, write_image
from quietscope.methods.deconoising import DecoNoising
from quietscope.nn.convolve import convolve
from tests.cli.command_line import Quietscope

TINY_DECO = """
network: {filters: 8, depth: 1}
training: {patch: 16, batch_size: 2, validate_every: 2, validation_patches: 2, warmup_steps: 0, precision: float32}
"""


@pytest.fixture(scope="module")
def optics(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tiny.yaml and some PSF files."""
    folder = tmp_path_factory.mktemp("optics")
    (folder / "tiny.yaml").write_text(TINY_DECO, encoding="utf-8")
    y, x = np.mgrid[-3:4, -3:4]
    psf = np.exp(-0.5 * (x**2 + (y / 1.5) ** 2)).astype(np.float32)
    size = {"Y": 0.1, "X": 0.1}
    write_image(folder / "psf.tif", psf, "YX", pixel_size_um=size)
    write_image(folder / "coarse.tif", psf, "YX", pixel_size_um={"Y": 0.2, "X": 0.2})
    write_image(folder / "even.tif", psf[:6], "YX")
    write_image(folder / "dark.tif", 0 * psf, "YX")
    write_image(folder / "negative.tif", psf - 0.5, "YX")
    write_image(folder / "volume.tif", np.stack([psf] * 3), "ZYX")
    wide = np.exp(-0.5 * (np.hypot(*np.mgrid[-40:41, -40:41]) / 15) ** 2).astype(np.float32)
    write_image(folder / "wide.tif", wide, "YX")
    return folder


def denoise(quietscope: Quietscope, images: Path, optics: Path, out: Path, *words: object) -> tuple[int, str, str]:
    common = ["--config", optics / "tiny.yaml", "--steps", 2, "--device", "cpu", "--method", "deconoising"]
    return quietscope("denoise", images / "cells.tif", "-o", out, *common, *words)


def test_both_images_are_written(quietscope: Quietscope, images: Path, optics: Path, tmp_path: Path) -> None:
    status, out, err = denoise(quietscope, images, optics, tmp_path / "out", "--psf", optics / "psf.tif")
    assert status == 0, err
    written = {path.name for path in (tmp_path / "out").iterdir()}
    expected = {"cells_denoised.ome.tif", "cells_deconvolved.ome.tif", "model.safetensors", "config.yaml"}
    assert written == expected | {"overview.png", "regions.csv", "report.html", "report.json"}
    denoised, sharp = (read_image(tmp_path / "out" / f"cells_{kind}.ome.tif") for kind in ("denoised", "deconvolved"))
    assert sharp.axes == denoised.axes == "TYX"
    assert sharp.pixel_size_um == pytest.approx({"X": 0.1, "Y": 0.1})
    method = Denoiser.load(tmp_path / "out" / "model.safetensors").method
    assert isinstance(method, DecoNoising)

    blurred = convolve(torch.from_numpy(np.asarray(sharp))[:, None], method.psf)[:, 0].numpy()
    np.testing.assert_allclose(blurred, np.asarray(denoised), rtol=1e-3)
    assert "cells_deconvolved" in out.replace("\n", "")


def test_a_saved_model_keeps_its_psf_and_predicts_both(
    quietscope: Quietscope, images: Path, optics: Path, tmp_path: Path
) -> None:
    status, _, err = denoise(quietscope, images, optics, tmp_path / "out", "--psf", optics / "psf.tif")
    assert status == 0, err
    model = tmp_path / "out" / "model.safetensors"
    words = ["predict", model, images / "cells.tif", "-o", tmp_path / "again.tif", "--save", "mean,deconvolved"]
    assert quietscope(*words)[0] == 0
    for name, kind in (("again", "denoised"), ("again_deconvolved", "deconvolved")):
        again = np.asarray(read_image(tmp_path / f"{name}.tif"))
        np.testing.assert_array_equal(again, np.asarray(read_image(tmp_path / "out" / f"cells_{kind}.ome.tif")))


def test_a_width_and_a_background(quietscope: Quietscope, images: Path, optics: Path, tmp_path: Path) -> None:
    words = ["--psf", "sigma=1.3", "--background", 150]
    status, _, err = denoise(quietscope, images, optics, tmp_path / "out", *words)
    assert status == 0, err
    denoiser = Denoiser.load(tmp_path / "out" / "model.safetensors")
    assert isinstance(denoiser.method, DecoNoising)
    assert float(denoiser.method.background[0]) == 150
    profile = denoiser.method.psf[0].sum(dim=0).numpy()
    steps = np.arange(len(profile)) - len(profile) // 2
    assert np.sqrt(np.sum(profile * steps**2)) == pytest.approx(1.33, abs=0.05)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--psf", "even.tif"], "odd"),
        (["--psf", "dark.tif"], "zero"),
        (["--psf", "negative.tif"], "negative"),
        (["--psf", "volume.tif"], "--dims 3"),
        (["--psf", "wide.tif"], "larger"),
        (["--psf", "psf.tif,"], "channel"),
        (["--psf", ""], "nothing"),
        (["--background", "nan"], "background"),
        (["--psf", "missing.tif"], "missing.tif"),
        (["--psf", "sigma=0"], "sigma"),
        (["--psf", "sigma=wide"], "sigma"),
        (["--psf", "psf.tif,psf.tif"], "channel"),
        (["--save", "std"], "std"),
    ],
)
def test_mistakes_are_one_line(
    quietscope: Quietscope, images: Path, optics: Path, tmp_path: Path, words: list[str], said: str
) -> None:
    words = [str(optics / word) if word in {p.name for p in optics.iterdir()} else word for word in words]
    status, _, err = denoise(quietscope, images, optics, tmp_path / "out", *words)
    lines = [line for line in err.splitlines() if line.startswith("quietscope: ")]
    assert status == 2, err
    assert len(lines) == 1
    assert said in lines[0], lines[0]
    assert not (tmp_path / "out").exists()


def test_another_pixel_size_is_said(quietscope: Quietscope, images: Path, optics: Path, tmp_path: Path) -> None:
    status, out, err = denoise(quietscope, images, optics, tmp_path / "out", "--psf", optics / "coarse.tif")
    assert status == 0
    assert "200 nm, not 100 nm" in out + err


@pytest.mark.parametrize("words", [["--psf", "sigma=1"], ["--background", 3]])
def test_other_methods_are_shown_no_psf(
    quietscope: Quietscope, images: Path, tmp_path: Path, words: list[int | str] | list[str]
) -> None:
    status, _, err = quietscope("denoise", images / "cells.tif", "-o", tmp_path / "out", *words)
    assert status == 2
    assert "deconoising" in err


def test_others_have_no_deconvolved_image(quietscope: Quietscope, images: Path, model: Path, tmp_path: Path) -> None:
    words = ["predict", model, images / "cells.tif", "-o", tmp_path / "a.tif", "--save", "deconvolved"]
    status, _, err = quietscope(*words)
    assert status == 2
    assert "deconoising" in err
