"""The package under examples/plugin, installed beside QuietScope: what it declares works as if it were our own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from quietscope import read_image, write_image
from tests.conftest import MakePackage

PLUGIN = Path(__file__).parents[2] / "examples" / "plugin"
TINY = "method: shallow\nsteps: 20\nnetwork: {filters: 4}\n"
TINY_LAPLACE = "method: divnoising\nsteps: 2\nnetwork: {depth: 1, filters: 4, latent_channels: 2}\n"
# One process after another would import PyTorch a dozen times.
COMMANDS = """
import sys
from quietscope.cli import run
for line in sys.argv[1:]:
    print("status", run(line.split()))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the package and install it into a folder of its own, without the network."""
    folder = tmp_path_factory.mktemp("plugin")
    shutil.copytree(PLUGIN, folder / "source", ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
    options = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(folder / "site")]
    subprocess.run([*command, str(folder / "source")], check=True, timeout=300)
    return folder / "site"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a noisy image and its clean reference in the format of the package, and configurations."""
    folder = tmp_path_factory.mktemp("work")
    y, x = np.mgrid[:64, :64] / 64
    clean = 120 + 60 * np.sin(6 * y) * np.cos(5 * x)
    noisy = clean + np.random.default_rng(0).laplace(0, 10, clean.shape)
    for name, image in (("clean", clean), ("noisy", noisy)):
        pixels = np.clip(np.rint(image), 0, 255).astype(np.uint8)
        write_image(folder / f"{name}.png", pixels, "YX")
        (folder / f"{name}.pgm").write_bytes(b"P5\n# a comment\n64 64\n255\n" + pixels.tobytes())
    (folder / "tiny.yaml").write_text(TINY)
    (folder / "laplace.yaml").write_text(TINY_LAPLACE)
    return folder


def run(folder: Path, *lines: str, site: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run command lines in one process, with the package on the path or without."""
    places = [*([str(site)] if site else []), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(places)}
    command = [sys.executable, "-c", COMMANDS, *lines]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def used(site: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Do with the package what its users would."""
    return run(
        folder,
        "presets",
        "info noisy.pgm",
        "denoise noisy.pgm --config tiny.yaml -o run --clean clean.pgm",
        "train noisy.pgm --method shallow --steps 1 -o other",
        "info run/model.safetensors",
        "predict run/model.safetensors noisy.pgm -o denoised.tif",
        "export run/model.safetensors -o model.onnx",
        "export run/model.safetensors -o model.zip",
        "info model.onnx",
        "noise fit noisy.pgm --clean clean.pgm --model laplace -o laplace.safetensors",
        "info laplace.safetensors",
        "train noisy.pgm --config laplace.yaml --noise laplace.safetensors -o sampling",
        "info sampling/model.safetensors",
        site=site,
    )


def test_everything_works_as_if_it_were_our_own(used: subprocess.CompletedProcess[str], folder: Path) -> None:
    assert used.stdout.count("status 0") == 13, (used.stdout, used.stderr)
    assert "status 2" not in used.stdout
    shown = " ".join(used.stdout.split())
    assert "shallow" in shown
    assert "shallow.fast comes from the package quietscope-example 0.1.0" in shown
    assert "64 x 64" in shown
    assert "quietscope-example version" in shown
    assert "Laplace: b = " in shown
    assert read_image(folder / "denoised.tif").shape == (64, 64)


def test_an_exported_model_needs_the_package_no_more(used: subprocess.CompletedProcess[str], folder: Path) -> None:
    found = run(folder, "predict model.onnx noisy.png -o from_onnx.tif")
    assert found.stdout.endswith("status 0\n"), found.stderr
    one, other = (np.asarray(read_image(folder / f"{name}.tif")) for name in ("from_onnx", "denoised"))
    # PyTorch predicts in bfloat16 on a processor that is faster in it: 0.4 % of the contrast, here 30.
    np.testing.assert_allclose(one, other, rtol=0, atol=0.3)


def test_files_that_need_the_package_name_it(used: subprocess.CompletedProcess[str], folder: Path) -> None:
    found = run(
        folder,
        "predict run/model.safetensors noisy.png -o never.tif",
        "info sampling/model.safetensors",
        "info laplace.safetensors",
        "info noisy.pgm",
        "train noisy.png --method shallow -o never",
    )
    assert found.stdout.count("status 2") == 5
    trained, noisy, noise, image, method = found.stderr.splitlines()
    said = "expected the package quietscope-example 0.1.0 to be installed, whose"
    assert f"{said} method shallow run/model.safetensors needs" in trained
    assert f"{said} noise model laplace sampling/model.safetensors needs" in noisy
    assert f"{said} noise model laplace laplace.safetensors needs" in noise
    assert all(each.endswith("run `pip install quietscope-example`") for each in (trained, noisy, noise))
    assert ".pgm" in image
    assert "'shallow'" in method


def test_the_shipped_contracts_hold(site: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])}
    # Napari's plugins of pytest warn while they are imported, and warnings are errors.
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:napari", "-p", "no:npe2", "-W", "error"]
    command = [sys.executable, "-m", "pytest", *options, str(site.parent / "source" / "tests")]
    found = subprocess.run(command, cwd=site, env=environment, capture_output=True, text=True, timeout=600)
    assert found.returncode == 0, found.stdout


STRAY = """
from dataclasses import replace
from quietscope.presets.hdn import FAST

NOWHERE, WRONG = replace(FAST, method="nowhere"), replace(FAST, method="dvlae", name="wrong")
MINE = replace(FAST, name="mine")
"""


def test_a_broken_package_is_noted_and_stops_nobody_who_does_not_ask_for_it(
    make_package: MakePackage, folder: Path
) -> None:
    site = make_package("lost", "import a_library_that_is_not_there", "quietscope.methods", {"lost": "Lost"})
    names = {"nowhere.fast": "NOWHERE", "dvlae.wrong": "WRONG", "hdn.mine": "MINE", "hdn.yours": "MINE"}
    make_package("stray", STRAY, "quietscope.presets", names)
    found = run(
        folder,
        "presets",
        "train noisy.png --method noise2void --dry-run -o never",
        "train noisy.png --method lost -o never",
        site=site,
    )
    statuses = [line for line in found.stdout.splitlines() if line.startswith("status")]
    assert statuses == ["status 0", "status 0", "status 2"], (found.stdout, found.stderr)
    said = "expected lost, which the package lost 1.5 declares in quietscope.methods, to be usable; got ModuleNotFound"
    note, refusal = (line for line in found.stderr.splitlines() if "lost" in line)
    assert note.startswith(f"note: {said}")
    assert "pip install --upgrade lost" in note
    assert refusal.startswith(f"quietscope: {said}")
    assert "hdn.mine comes from the package stray 1.5" in found.stdout
    for reason in ("it is for the method nowhere", "its network must be DVLAESettings", "must be declared as hdn.mine"):
        assert reason in found.stderr
