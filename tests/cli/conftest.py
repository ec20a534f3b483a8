"""Images and a tiny trained model for the verbs."""

from pathlib import Path

import numpy as np
import pytest

from quietscope.cli import run
from quietscope.io import write_image
from tests.cli.command_line import Quietscope

SIDE = 64
TINY = """
network: {filters: [8, 8], latent_channels: [4, 4], stem_filters: 8, blocks: 0, final_blocks: 0}
training: {patch: 16, batch_size: 2, validate_every: 2, validation_patches: 2, warmup_steps: 0, precision: float32}
"""


@pytest.fixture
def quietscope(capsys: pytest.CaptureFixture[str]) -> Quietscope:
    """Run a command line; returns status, standard output and standard error."""

    def call(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        status = run([str(word) for word in words])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return call


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with cells.tif (QYX uint16, 2 frames), clean.tif, and tiny.yaml."""
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:SIDE, :SIDE]
    clean = np.stack([200 + 100 * np.sin(x / 5 + n) * np.cos(y / 7) for n in range(2)])
    write_image(folder / "clean.tif", clean.astype(np.float32), "TYX")
    write_image(folder / "cells.tif", rng.poisson(clean).astype(np.uint16), "TYX", pixel_size_um={"X": 0.1, "Y": 0.1})
    (folder / "tiny.yaml").write_text(TINY, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def model(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file of two training steps."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    words = ["train", images / "cells.tif", "-o", folder, "--config", images / "tiny.yaml", "--steps", "2"]
    assert run([str(word) for word in [*words, "--device", "cpu"]]) == 0
    return folder / "model.safetensors"
