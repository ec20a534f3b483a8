"""The script of a job array, submitted to a real SLURM: what its tasks make is what one process makes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import zarr

from quietscope.cli import run
from quietscope.io import write_image
from quietscope.methods import METHODS
from tests.pipeline.slurm_cluster import NoClusterError, slurm
from tests.tiny import denoiser

DONE = (0, 3)
"""Exit status of a result, of one that is of no use too: the model has hardly learnt."""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a cluster of one node."""
    folder = tmp_path / "slurm"
    folder.mkdir()
    try:
        with slurm(folder) as environment:
            yield {**environment, "OMP_NUM_THREADS": "1"}
    except NoClusterError as error:
        pytest.skip(f"no SLURM here: {error}")


def submitted(environment: dict[str, str], folder: Path, *words: object) -> int:
    """Submit a script, and return the largest exit status of its tasks."""
    command = ["sbatch", "--wait", *map(str, words)]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, timeout=300, check=False)
    assert b"Submitted batch job" in done.stdout, done.stderr
    return done.returncode


def said(folder: Path) -> str:
    return "\n".join(path.read_text() for path in sorted(folder.glob("slurm-*.out")))


def test_tasks_of_an_array_make_what_one_process_makes(cluster: dict[str, str], tmp_path: Path) -> None:
    noisy = np.random.default_rng(0).poisson(100, (5, 48, 64)).astype(np.uint16)
    write_image(tmp_path / "noisy.ome.zarr", noisy, "TYX")
    model, image, output = tmp_path / "model.safetensors", tmp_path / "noisy.ome.zarr", tmp_path / "clean.ome.zarr"
    denoiser(METHODS["noise2void"]).save(model)
    script = tmp_path / "job.sh"
    array = ["array", model, image, "-o", output, "--parts", 2, "--script", script, "--time", "2m", "--memory", 1]
    assert run([str(word) for word in array]) == 0
    jobs = tmp_path / "jobs"
    jobs.mkdir()

    assert submitted(cluster, jobs, "--array=2", script) == 0, said(jobs)
    assert not output.exists()  # the other half is still to be done
    assert "3 of 5 chunks are done" in said(jobs)
    assert submitted(cluster, jobs, script) in DONE, said(jobs)  # once more, as where tasks have failed
    assert output.exists(), said(jobs)
    assert not list(tmp_path.glob(".*"))

    whole = tmp_path / "whole.ome.zarr"
    plain = [sys.executable, "-m", "quietscope", "predict", *map(str, (model, image, "-o", whole))]
    one = {**os.environ, "OMP_NUM_THREADS": "1"}
    assert subprocess.run(plain, env=one, capture_output=True, timeout=300, check=False).returncode in DONE
    ours, theirs = (zarr.open_group(str(path), mode="r") for path in (output, whole))
    assert sorted(ours.array_keys()) == sorted(theirs.array_keys())
    for name in ours.array_keys():
        np.testing.assert_array_equal(ours[name][...], theirs[name][...])
