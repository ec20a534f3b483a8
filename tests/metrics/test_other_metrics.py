"""Metrics of other packages."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from quietscope import write_image
from tests.conftest import MakePackage

CODE = """
import numpy as np
from quietscope.metrics import Metric

DISTANCE = Metric(
    title="distance",
    compute=lambda image, clean, data_range: float(np.abs(image - clean).mean()),
    higher_is_better=False,
    unit="counts",
)
"""


def test_evaluate_prints_them_beside_ours_and_notes_what_cannot_be_imported(
    make_package: MakePackage, tmp_path: Path
) -> None:
    folder = make_package("lab-metrics", CODE, "quietscope.metrics", {"distance": "DISTANCE"})
    make_package("lost-metrics", "import a_library_that_is_not_there", "quietscope.metrics", {"lost": "LOST"})
    clean = np.random.default_rng(0).uniform(100, 200, (16, 16)).astype(np.float32)
    write_image(tmp_path / "clean.tif", clean, "YX")
    write_image(tmp_path / "image.tif", clean + 3, "YX")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-m", "quietscope", "evaluate", "image.tif", "clean.tif"]
    found = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert found.returncode == 0, found.stderr
    shown = " ".join(found.stdout.split())
    assert "PSNR (dB)" in shown
    assert "distance (counts, lower is better)" in shown
    assert "3.00" in shown
    [note] = [line for line in found.stderr.splitlines() if "lost" in line]
    assert "lost, which the package lost-metrics 1.5 declares in quietscope.metrics" in note
