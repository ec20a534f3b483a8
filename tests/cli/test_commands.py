"""Verbs of other packages."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import MakePackage

CODE = """
import sys
from pathlib import Path

def count(image: Path, /, *, offset: int = 0) -> None:
    \"\"\"Count the pixels of an image.\"\"\"
    from quietscope import read_image
    print("pixels:", read_image(image).layout().spatial_shape, offset)

number = 7
print("imported", file=sys.stderr)
"""
Run = Callable[..., subprocess.CompletedProcess[str]]
NAMES = {"count-pixels": "count", "denoise": "count", "odd": "number"}


@pytest.fixture
def run(make_package: MakePackage) -> Run:
    """Return what runs the command line with a package that declares verbs."""
    folder = make_package("lab-tools", CODE, "quietscope.commands", NAMES)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "quietscope", *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)

    return call


def test_a_verb_is_listed_with_its_package_and_imported_when_typed(run: Run, tmp_path: Path) -> None:
    listed = run("--help")
    assert listed.returncode == 0
    assert "count-pixels" in listed.stdout
    assert "Of the package lab-tools 1.5." in listed.stdout
    assert "imported" not in listed.stderr
    assert "--offset" in run("count-pixels", "--help").stdout
    image = tmp_path / "image.npy"
    np.save(image, np.zeros((4, 5), np.uint8))
    found = run("count-pixels", str(image), "--offset", "3")
    assert (found.returncode, found.stdout) == (0, "pixels: (4, 5) 3\n")
    missing = run("count-pixels", "nothing.tif")
    assert missing.returncode == 2
    assert "expected an image at nothing.tif" in missing.stderr


def test_our_own_verb_stays_and_the_package_is_named_in_one_line(run: Run) -> None:
    found = run("denoise", "--help")
    assert "Train on the very images" in found.stdout
    assert found.stderr == (
        "quietscope: note: denoise of the package lab-tools 1.5 is passed over: "
        "QuietScope uses that name in quietscope.commands\n"
    )


def test_what_is_no_function_is_one_line(run: Run) -> None:
    found = run("odd")
    assert found.returncode == 2
    assert "odd, which the package lab-tools 1.5 declares" in found.stderr.splitlines()[-1]
    assert "it must be a function" in found.stderr
    assert "Traceback" not in found.stderr
