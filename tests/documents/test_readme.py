"""The blocks of README.md run as they stand, on the package's sample, shortened as `shortening.py` says.

A block after ``<!-- not run: reason -->`` is left out.
"""

import re
import subprocess
import sys
from pathlib import Path

from tests.documents.running import blocks, work_through
from tests.documents.shortening import furnish, shorten

README = Path(__file__).parents[2] / "README.md"
TEXT = README.read_text(encoding="utf-8")
A_PAGE = 130


def test_blocks_run(tmp_path: Path) -> None:
    kinds = [block.kind for block in blocks(TEXT)]
    assert kinds.count("sh") >= 2
    assert kinds.count("python") >= 1
    shortened = shorten(TEXT)
    assert shortened.count("steps=3") == TEXT.count("Denoiser("), "a budget that this test does not know"
    furnish(TEXT, tmp_path)
    work_through(shortened, tmp_path)
    assert (tmp_path / "out" / "cells_denoised.ome.tif").exists()
    assert (tmp_path / "denoised_std.ome.tif").exists()


def test_it_is_a_page() -> None:
    assert len(TEXT.splitlines()) <= A_PAGE


def test_the_command_is_installed() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("quietscope"), "--version"], capture_output=True, text=True, check=True
    )
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", done.stdout)


def test_files_that_readme_names_exist() -> None:
    for link in re.findall(r"\]\((?!http)([^)]+)\)", TEXT):
        assert (README.parent / link).exists(), link
