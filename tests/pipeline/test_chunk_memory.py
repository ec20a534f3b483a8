"""The memory of a process that denoises chunks, told before it does."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quietscope.errors import ClusterError, SettingsError
from quietscope.io import write_image
from quietscope.methods import METHODS
from quietscope.pipeline.chunks.chunk_job import cut_of
from quietscope.pipeline.chunks.chunk_memory import worker_memory
from quietscope.pipeline.chunks.chunk_planning import plan_chunks
from quietscope.pipeline.chunks.chunk_trial import try_chunk
from quietscope.pipeline.chunks.sharing import Sharing
from quietscope.pipeline.results import Results
from quietscope.tiling.request import Request
from tests.tiny import denoiser

PREDICT = """
import json, sys
from quietscope.cli import run
from quietscope.pipeline.chunks.chunk_trial import most_memory
status = run(sys.argv[1:])
print(json.dumps([status, most_memory()]))
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    denoiser(METHODS["hdn"]).save(path)
    return path


def estimated(model: Path, folder: Path, shape: tuple[int, int], **options: Any) -> int:
    """Return the estimate for an image of a shape."""
    image = folder / f"{shape[0]}x{shape[1]}.ome.zarr"
    if not image.exists():
        write_image(image, np.zeros(shape, np.uint8), "YX")
    job = plan_chunks(model, image, folder / "clean.ome.zarr", Sharing(part=(1, 1)), **options).job
    target = job.target()
    room = job.opened_model().room(tuple(target.files), target.request)
    return worker_memory(job, target, room, cut_of(target, room))


def test_a_process_takes_no_more_than_was_told(model: Path, tmp_path: Path) -> None:
    noisy = np.random.default_rng(0).poisson(100, (1100, 1300)).astype(np.uint16)
    write_image(tmp_path / "1100x1300.ome.zarr", noisy, "YX")
    told = estimated(model, tmp_path, (1100, 1300), request=Request(num_samples=2))
    words = ["predict", model, tmp_path / "1100x1300.ome.zarr", "-o", tmp_path / "clean.ome.zarr", "--samples", "2"]
    done = subprocess.run(
        [sys.executable, "-c", PREDICT, *map(str, words), "--part", "1/1"], capture_output=True, timeout=240, check=True
    )
    status, taken = json.loads(done.stdout.splitlines()[-1])
    assert status in (0, 3)
    assert 0.4 * told < taken < told


def test_memory_grows_with_results_and_not_with_the_image(model: Path, tmp_path: Path) -> None:
    small = estimated(model, tmp_path, (1024, 1024))
    assert estimated(model, tmp_path, (8192, 1024)) == small
    assert estimated(model, tmp_path, (1024, 8192)) == small
    large = estimated(model, tmp_path, (8192, 16384))  # chunks of 1,024 x 2,048 instead of 512 x 512
    assert small < large < small + (200 << 20)
    assert estimated(model, tmp_path, (16384, 16384)) == large
    every = Results(kinds=("mean", "std", "quantiles", "samples"))
    assert estimated(model, tmp_path, (1024, 1024), results=every) > small


def test_a_trial_takes_time_and_memory_leaves_nothing_and_says_what_is_wrong(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_image(tmp_path / "noisy.ome.zarr", np.random.default_rng(0).poisson(100, (96, 128)).astype(np.uint8), "YX")
    job = plan_chunks(model, tmp_path / "noisy.ome.zarr", tmp_path / "x.ome.zarr", Sharing(part=(1, 2))).job
    target = job.target()
    cut = cut_of(target, job.opened_model().room(tuple(target.files), target.request))
    found = try_chunk(job, cut, 1)
    assert found.chunk > 0
    assert found.start > 0
    assert found.num_bytes > 50e6
    assert [path.name for path in tmp_path.iterdir()] == ["noisy.ome.zarr"]
    with pytest.raises(SettingsError, match="'foo'"):
        try_chunk(replace(job, device="foo"), cut, 1)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(ClusterError, match=r"status 1 \(nothing said\).*memory=8"):
        try_chunk(job, cut, 1)
