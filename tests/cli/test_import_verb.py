"""`quietscope import`, and `predict` and `info` with what it wrote."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch

from quietscope.io import read_image
from tests.cli.command_line import Quietscope, refused
from tests.importers.stated_hdn import LadderVAE


class Runs:
    """An object whose pickle runs a command where PyTorch opens it."""

    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.victim}",)


def test_an_imported_model_predicts(quietscope: Quietscope, images: Path, tmp_path: Path) -> None:
    torch.save(LadderVAE(levels=2, blocks=1), tmp_path / "cells_best_vae.net")
    status, out, err = quietscope("import", tmp_path / "cells_best_vae.net", "-o", tmp_path / "model.safetensors")
    assert status == 0, err
    assert "imported from cells_best_vae.net, HDN of juglab/HDN" in out
    status, out, err = quietscope("info", tmp_path / "model.safetensors")
    assert status == 0, err
    assert "cells_best_vae.net" in out
    words = ["-o", tmp_path / "out.tif", "--samples", "2", "--insist"]
    status, _, err = quietscope("predict", tmp_path / "model.safetensors", images / "cells.tif", *words)
    assert status in (0, 3), err
    assert np.isfinite(np.asarray(read_image(tmp_path / "out.tif"))).all()


def test_what_a_state_dict_lacks_is_typed(quietscope: Quietscope, tmp_path: Path) -> None:
    torch.save(LadderVAE(levels=2, blocks=1).state_dict(), tmp_path / "weights.pt")
    words = ["import", tmp_path / "weights.pt", "-o", tmp_path / "model.safetensors"]
    refused(quietscope(*words), "`--mean 100`")
    refused(quietscope(*words, "--mean", "100", "--std", "x"), "a number after --std")
    refused(quietscope(*words, "--mean", "100", "--std", "20"), "--noise sigma=25")
    refused(quietscope(*words, "--mean", "100", "--std", "20", "--noise", "auto"), "a noise file or sigma=NUMBER")
    assert not (tmp_path / "model.safetensors").exists()
    status, _, err = quietscope(*words, "--mean", "100", "--std", "20", "--noise", "sigma=9")
    assert status == 0, err
    refused(quietscope(*words, "--mean", "100", "--std", "20", "--noise", "sigma=9"), "--overwrite")


def test_a_command_in_a_checkpoint_is_refused_and_not_run(quietscope: Quietscope, tmp_path: Path) -> None:
    torch.save({"state_dict": Runs(tmp_path / "victim")}, tmp_path / "bad.ckpt")
    refused(quietscope("import", tmp_path / "bad.ckpt", "-o", tmp_path / "model.safetensors"), "no network in it")
    assert not (tmp_path / "victim").exists()
