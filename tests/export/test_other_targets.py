"""Export targets and runtimes of other packages."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from quietscope.methods.direct import DirectDenoiser
from tests.conftest import MakePackage
from tests.tiny import denoiser

TARGET = """
from quietscope.export.target import Target, whole
from quietscope.export.torch_program import TARGET as OURS

TARGET = Target(name="lab programs", suffix=".lab", view=whole, write=OURS.write)
BLIND = Target(name="lab blind", suffix=".labx", view=whole, write=lambda graph, path, card: path.write_text("blind"))
"""
RUNTIME = """
from quietscope.deploy.runtime import Runtime
from quietscope.deploy.torch_program import RUNTIME as OURS

RUNTIME = Runtime(name="lab programs", suffix=".lab", card_text=OURS.card_text, open=OURS.open)
"""
USE = """
import sys
from pathlib import Path
import numpy as np
from quietscope import Denoiser, export_model
from quietscope.deploy import is_exported, read_card

folder = Path(sys.argv[1])
denoiser = Denoiser.load(folder / "model.safetensors")
with_runtime = export_model(denoiser, folder / "model.lab")
assert with_runtime.target.name == "lab programs" and with_runtime.difference < 1e-3, with_runtime
assert export_model(denoiser, folder / "model.labx").difference is None
assert read_card(folder / "model.lab").method == "direct"
assert not is_exported(folder / "model.labx")
from quietscope import Deployed
image = np.random.default_rng(0).normal(100, 10, (16, 16)).astype(np.float32)
found, wanted = Deployed.load(folder / "model.lab").denoise(image).mean, denoiser.denoise(image).mean
np.testing.assert_allclose(found, wanted, atol=0.5)
"""


@pytest.fixture
def environment(make_package: MakePackage) -> dict[str, str]:
    """Return the environment of a process that has a package of a target, and one of what runs it."""
    names = {"lab": "TARGET", "lab-blind": "BLIND"}
    folder = make_package("lab-export", TARGET, "quietscope.export_targets", names)
    make_package("lab-runtime", RUNTIME, "quietscope.runtimes", {"lab": "RUNTIME"})
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}


def test_a_target_of_another_package_is_written_compared_and_run(environment: dict[str, str], tmp_path: Path) -> None:
    denoiser(DirectDenoiser).save(tmp_path / "model.safetensors")
    command = [sys.executable, "-c", USE, str(tmp_path)]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert found.returncode == 0, found.stderr
    words = [sys.executable, "-m", "quietscope", "export", "--help"]
    shown = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60).stdout
    assert "lab (of lab-export 1.5)" in " ".join(shown.replace("\u2502", " ").split())
