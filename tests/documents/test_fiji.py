"""The macro for ImageJ, run by ImageJ itself: what comes back has the calibration of the image that went in."""

import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import tifffile

from quietscope import read_image, sample_path
from tests.tiny import denoiser

MACRO = Path(__file__).parents[2] / "examples" / "fiji" / "QuietScope_Denoise.ijm"
JAR = Path(os.environ.get("IMAGEJ_JAR", "/usr/share/java/ij.jar"))
SCREEN = ["xvfb-run", "-a"]
TEST = """
open("{folder}/cells.tif");
runMacro("{macro}", "program={program}\\n{told}");
getVoxelSize(width, height, depth, unit);
getDimensions(x, y, channels, slices, frames);
File.saveString(getTitle() + "," + width + "," + unit + "," + channels + "," + slices + "," + frames + ","
    + Stack.getFrameInterval() + "," + bitDepth(), "{folder}/said.txt");
saveAs("Tiff", "{folder}/back.tif");
"""

pytestmark = pytest.mark.skipif(
    not JAR.exists() or shutil.which("java") is None or shutil.which(SCREEN[0]) is None,
    reason="needs ImageJ (IMAGEJ_JAR, or Debian's imagej), Java and xvfb-run",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an image as ImageJ writes it, a tiny model, and the command line as one program."""
    noisy = np.asarray(read_image(sample_path("confocal_fish_noisy")))[:2, :64, :64]
    # A pixel of 0.125 um is a whole number of pixels per um, so that no rounding hides in the comparison.
    known = {"axes": "TYX", "unit": "um", "finterval": 2.5}
    tifffile.imwrite(tmp_path / "cells.tif", noisy, imagej=True, resolution=(8, 8), metadata=known)
    program = tmp_path / "quietscope"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m quietscope "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return tmp_path


def perform(folder: Path, told: str) -> str:
    """Let ImageJ open the image, run the macro, and say what it has in front then; return what it printed."""
    test = folder / "test.ijm"
    test.write_text(TEST.format(folder=folder, macro=MACRO, program=folder / "quietscope", told=told), encoding="utf-8")
    scratch = folder / "scratch"
    scratch.mkdir()
    command = [*SCREEN, "java", f"-Djava.io.tmpdir={scratch}", "-cp", str(JAR), "ij.ImageJ", "-batch", str(test)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as running:
        try:
            return running.communicate(timeout=240)[0]
        finally:  # what is wrong with a macro is said in a window, which nobody here would close
            with suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)


def test_a_model_denoises_the_open_image(folder: Path) -> None:
    from quietscope.methods import METHODS

    model = denoiser(METHODS["noise2void"])
    model.save(folder / "model.safetensors")
    perform(folder, f"model={folder}/model.safetensors")
    said = (folder / "said.txt").read_text(encoding="utf-8").strip().split(",")
    assert said == ["cells.tif denoised", "0.125", "µm", "1", "1", "2", "2.5", "32"]
    expected = model.denoise(read_image(folder / "cells.tif"))
    np.testing.assert_allclose(tifffile.imread(folder / "back.tif"), expected.mean, rtol=0.02)
    assert [*(folder / "scratch").iterdir()] == [], "temporary files are left"


def test_the_very_image_is_learnt_from(folder: Path) -> None:
    perform(folder, "method=instant\\nbudget=1s")
    assert (folder / "said.txt").read_text(encoding="utf-8").startswith("cells.tif denoised,0.125,µm,1,1,2,2.5,32")
    assert tifffile.imread(folder / "back.tif").std() < tifffile.imread(folder / "cells.tif").std()


def test_a_mistake_is_shown_and_opens_nothing(folder: Path) -> None:
    printed = perform(folder, f"model={folder}/nowhere.safetensors")
    assert "expected QuietScope to denoise the image" in printed
    assert "nowhere.safetensors" in printed
    assert (folder / "said.txt").read_text(encoding="utf-8").startswith("cells.tif,"), "another image is in front"
    assert [*(folder / "scratch").iterdir()] == []
