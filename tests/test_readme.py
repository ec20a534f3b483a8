"""The blocks of README.md run as they stand, on the package's sample.

Only the training is shortened, and visibly so: a budget of 4 minutes becomes 3 steps, a verb that trains with its
default budget gets 3 steps, and 12 samples are drawn. A block after ``<!-- not run: reason -->`` is left out.
"""

import os
import re
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from quietscope import read_image, sample_path, write_image

README = Path(__file__).parents[1] / "README.md"
BLOCK = re.compile(r"(?P<mark><!-- not run: [^>]+ -->\n)?```(?P<kind>sh|python)\n(?P<code>.*?)```", re.DOTALL)
TIMEOUT = 600
SIDE = 96


def blocks(kind: str) -> list[str]:
    found = BLOCK.finditer(README.read_text(encoding="utf-8"))
    return [match["code"] for match in found if match["kind"] == kind and not match["mark"]]


def shorten_shell(code: str) -> str:
    lines = []
    for line in code.splitlines():
        command, _, comment = line.partition("  #")
        words = command.replace("--budget 4m", "--steps 3").replace("--steps 400", "--steps 3").rstrip()
        words = words.replace("--max-loss-db 0.2", "--max-loss-db 60")  # of a model that has learnt nothing
        if words.startswith("quietscope denoise") and "--steps" not in words:
            words += " --steps 3"
        if re.match(r"quietscope (denoise|predict|recalibrate)\b", words):
            words += " --samples 12"
        lines.append(f"{words}  #{comment}" if comment else words)
    return "\n".join(lines)


def shorten_python(code: str) -> str:
    shortened = code.replace('budget="4m"', "steps=3").replace("num_samples=50", "num_samples=12")
    assert shortened.count("steps=3") == code.count("Denoiser("), "a budget that this test does not know"
    return shortened


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the images that README.md speaks of: crops of the sample."""
    folder = tmp_path_factory.mktemp("readme")
    noisy, clean = (
        np.asarray(read_image(sample_path(f"confocal_fish_{which}")))[:, :SIDE, :SIDE] for which in ("noisy", "clean")
    )
    rng = np.random.default_rng(0)
    frames = rng.poisson(np.tile(clean[:1].astype(float), (12, 1, 1))).astype(np.uint16)
    for name, pixels in (("cells", noisy), ("clean", clean), ("new_clean", clean), ("frames", frames)):
        write_image(folder / f"{name}.tif", pixels, "TYX")
    write_image(folder / "new.ome.tif", noisy, "TYX")
    write_image(folder / "beads.tif", beads(rng), "YX")
    return folder


def beads(rng: np.random.Generator) -> np.ndarray:
    """Points on a grid, shaken by up to half a pixel and blurred."""
    y, x = np.mgrid[:160, :160]
    light = np.full((160, 160), 20.0)
    for row, column in product(range(20, 160, 40), repeat=2):
        distance = np.hypot(y - row - rng.uniform(-0.5, 0.5), x - column - rng.uniform(-0.5, 0.5))
        light += 2000 * np.exp(-0.5 * (distance / 1.5) ** 2)
    return rng.poisson(light).astype(np.uint16)


def execute(command: list[str], folder: Path) -> None:
    scripts = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_blocks_run(workplace):
    shell, python = blocks("sh"), blocks("python")
    assert len(shell) >= 3
    assert len(python) >= 1
    for code in shell:
        execute(["bash", "-euo", "pipefail", "-c", shorten_shell(code)], workplace)
    for code in python:
        execute([sys.executable, "-c", shorten_python(code)], workplace)
    assert (workplace / "out" / "cells_denoised.ome.tif").exists()
    assert (workplace / "denoised_std.ome.tif").exists()


def test_files_that_readme_names_exist():
    text = README.read_text(encoding="utf-8")
    for link in re.findall(r"\]\((?!http)([^)]+)\)", text):
        assert (README.parent / link).exists(), link
