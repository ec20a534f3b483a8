"""The blocks of README.md run as they stand, on the package's sample.

Only the training is shortened, and visibly so: a budget of 4 minutes becomes 3 steps, a verb that trains with its
default budget gets 3 steps of a tiny network, where it takes a configuration, 12 samples are drawn, and a region ends
where the small images do. A block after ``<!-- not run: reason -->`` is left out.
"""

import re
import subprocess
import sys
from pathlib import Path

import torch

from tests.documents.running import SIDE, blocks, make_configuration, make_images, work_through
from tests.importers.stated_hdn import LadderVAE

README = Path(__file__).parents[2] / "README.md"
TEXT = README.read_text(encoding="utf-8")


def shorten(text: str) -> str:
    """Make everything that takes minutes take seconds."""
    return "".join(_shorten_line(line) for line in text.splitlines(keepends=True))


def _shorten_line(line: str) -> str:
    if not line.startswith("quietscope"):
        return line.replace('budget="4m"', "steps=3").replace("num_samples=50", "num_samples=12")
    command, _, comment = line.rstrip().partition("  #")
    words = command.replace("--budget 4m", "--steps 3").replace("--steps 400", "--steps 3").rstrip()
    words = words.replace("--max-loss-db 0.2", "--max-loss-db 60")  # of a model that has learnt nothing
    words = words.replace("--region 0:256,0:384", f"--region 0:{SIDE},0:{SIDE}")
    if words.startswith("quietscope denoise") and "--steps" not in words:
        words += " --steps 3"
    if words.startswith(("quietscope denoise", "quietscope train")):
        method = re.search(r"--method (\w+)", words)
        words += f" --config {method[1] if method else 'hdn'}.yaml"
    if re.match(r"quietscope (denoise|predict|recalibrate)\b", words):
        words += " --samples 12"
    return f"{words}  #{comment}\n"


def test_blocks_run(tmp_path: Path) -> None:
    kinds = [block.kind for block in blocks(TEXT)]
    assert kinds.count("sh") >= 3
    assert kinds.count("python") >= 1
    shortened = shorten(TEXT)
    assert shortened.count("steps=3") == TEXT.count("Denoiser("), "a budget that this test does not know"
    make_images(tmp_path)
    torch.save(LadderVAE(levels=2, blocks=1), tmp_path / "cells_best_vae.net")
    for method in ("hdn", "dvlae", "deconoising", "noise2void", "instant"):
        make_configuration(tmp_path / f"{method}.yaml", method)
    work_through(shortened, tmp_path)
    assert (tmp_path / "out" / "cells_denoised.ome.tif").exists()
    assert (tmp_path / "denoised_std.ome.tif").exists()


def test_the_command_is_installed() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("quietscope"), "--version"], capture_output=True, text=True, check=True
    )
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", done.stdout)


def test_files_that_readme_names_exist() -> None:
    for link in re.findall(r"\]\((?!http)([^)]+)\)", TEXT):
        assert (README.parent / link).exists(), link
