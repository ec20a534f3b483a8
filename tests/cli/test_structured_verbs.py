"""DVLAE from the command line: train with a direction, denoise, draw new noise; and what is refused."""

from pathlib import Path

import numpy as np
import pytest

from quietscope.io import read_image, write_image
from tests.cli.command_line import Quietscope, refused

TINY_DVLAE = """
network: {filters: [8, 8], latent_channels: [4, 4], halves: [true, true], stem_filters: 8, code_channels: 8,
          noise_filters: 8, signal_filters: 8, dilations: [1],
          blocks: 1, final_blocks: 1}
training: {patch: 16, batch_size: 2, validate_every: 2, validation_patches: 2, warmup_steps: 0, precision: float32}
"""


@pytest.fixture(scope="module")
def dvlae(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration file and a DVLAE of two training steps, direction x."""
    from quietscope.cli import run

    folder = tmp_path_factory.mktemp("dvlae")
    (folder / "tiny.yaml").write_text(TINY_DVLAE, encoding="utf-8")
    words = ["train", images / "cells.tif", "-o", folder / "run", "--method", "dvlae", "--direction", "x"]
    assert (
        run([str(word) for word in [*words, "--config", folder / "tiny.yaml", "--steps", "2", "--device", "cpu"]]) == 0
    )
    return folder


@pytest.mark.parametrize("name", ["dvlae", "cosdd"])
@pytest.mark.parametrize("direction", ["y", "none", "auto"])
def test_denoise_writes_mean_and_deviation(
    quietscope: Quietscope, images: Path, dvlae: Path, tmp_path: Path, name: str, direction: str
) -> None:
    words = ["denoise", images / "cells.tif", "-o", tmp_path / "out", "--method", name, "--direction", direction]
    status, out, err = quietscope(*words, "--config", dvlae / "tiny.yaml", "--steps", "2", "--samples", "3")
    assert status == 0, err
    assert "dvlae" in out
    for kind in ("denoised", "std"):
        assert np.asarray(read_image(tmp_path / "out" / f"cells_{kind}.ome.tif")).shape == (2, 64, 64)
    status, out, _ = quietscope("info", tmp_path / "out" / "model.safetensors")
    assert status == 0


def test_generate_with_noise_and_new_noise_for_an_image(
    quietscope: Quietscope, images: Path, dvlae: Path, tmp_path: Path
) -> None:
    model = dvlae / "run" / "model.safetensors"
    plain = quietscope("generate", model, "-o", tmp_path / "plain.npy", "--num", "2", "--size", "24,40")
    noisy = quietscope("generate", model, "-o", tmp_path / "noisy.npy", "--num", "2", "--size", "24,40", "--with-noise")
    assert plain[0] == noisy[0] == 0, plain[2] + noisy[2]
    one, other = (np.load(tmp_path / f"{name}.npy") for name in ("plain", "noisy"))
    assert one.shape == other.shape == (2, 24, 40)
    assert (other - one).std() > 2 * one.std(axis=0).mean()
    write_image(tmp_path / "one.tif", np.asarray(read_image(images / "cells.tif"))[0], "YX")
    words = ["generate", model, "--noise-of", tmp_path / "one.tif", "--num", "3", "-o"]
    status, _, err = quietscope(*words, tmp_path / "new.ome.tif")
    assert status == 0, err
    new = np.asarray(read_image(tmp_path / "new.ome.tif"))
    assert new.shape == (3, 64, 64)
    assert not np.array_equal(new[0], new[1])


def test_mistakes(quietscope: Quietscope, images: Path, dvlae: Path, tmp_path: Path) -> None:
    model, cells = dvlae / "run" / "model.safetensors", images / "cells.tif"
    base = ["denoise", cells, "-o", tmp_path / "out", "--steps", "2", "--config", dvlae / "tiny.yaml"]
    refused(quietscope(*base, "--method", "dvlae", "--direction", "z"), "direction z")
    refused(quietscope(*base[:-2], "--method", "hdn", "--deterministic-levels", "0,7"), "below the top level")
    refused(quietscope(*base[:-2], "--method", "hdn", "--direction", "x"), "direction")
    long = ["--config", tmp_path / "long.yaml"]
    (tmp_path / "long.yaml").write_text(TINY_DVLAE.replace("[1]", "[4, 4]"), encoding="utf-8")
    refused(quietscope(*base[:-2], *long, "--method", "dvlae", "--direction", "y"), "longer along y than the 32 pixels")
    refused(quietscope("generate", model, "-o", tmp_path / "g.tif", "--noise-of", cells), "one frame")
    both = ["--noise-of", cells, "--between", cells, cells]
    refused(quietscope("generate", model, "-o", tmp_path / "g.tif", *both), "one of --between and --noise-of")
    refused(
        quietscope("generate", model, "-o", tmp_path / "g.tif", "--noise-of", cells, "--size", "8"), "--noise-of alone"
    )
    assert not (tmp_path / "g.tif").exists()
