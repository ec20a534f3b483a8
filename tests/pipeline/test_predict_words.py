"""What a prediction will do is said without doing it, and is what it then does."""

import json
from pathlib import Path

import numpy as np
import pytest

from quietscope import describe_prediction, run
from quietscope.io import write_image
from quietscope.io.storage import Storage
from quietscope.methods import METHODS
from quietscope.pipeline.chunks.chunk_planning import plan_chunks
from quietscope.pipeline.chunks.sharing import Sharing
from quietscope.pipeline.events import ChunkProgress, Event
from quietscope.pipeline.planning import plan_predict
from quietscope.pipeline.results import Results
from quietscope.tiling import cut
from tests.tiny import denoiser

RESULTS = Results(storage=Storage(chunk=32))


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A model, and an image that holds several chunks."""
    monkeypatch.setattr(cut, "MOST_PIXELS", 10_000)
    noisy = np.random.default_rng(0).poisson(100, (2, 70, 200)).astype(np.uint16)
    model, image = tmp_path / "model.safetensors", tmp_path / "noisy.ome.zarr"
    write_image(image, noisy, "TYX")
    denoiser(METHODS["noise2void"]).save(model)
    return model, image


def test_chunks_are_those_of_the_run_and_nothing_is_written(files: tuple[Path, Path], tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    plan = plan_chunks(*files, tmp_path / "clean.ome.zarr", Sharing(part=(1, 1)), results=RESULTS)
    found = describe_prediction(plan)
    assert sorted(tmp_path.iterdir()) == before
    assert found.num_bytes > 100e6
    assert found.seconds > 0.0
    seen: list[int] = []

    def listen(event: Event) -> None:
        if isinstance(event, ChunkProgress) and event.new:
            seen.append(event.total)

    run(plan, listen)
    assert set(seen) == {found.num_chunks}
    assert json.loads(json.dumps(found.values()))["files"] == {"mean": str(tmp_path / "clean.ome.zarr")}


@pytest.mark.parametrize(
    ("sharing", "by", "processes"),
    [
        (Sharing(workers=2), "2 processes", 2),
        (Sharing(workers=900), "8 processes", 8),
        (Sharing(part=(2, 3)), "part 2 of 3", 1),
        (Sharing(scheduler="tcp://host:8786"), "the workers of tcp://host:8786", 1),
    ],
)
def test_it_is_said_who_denoises(
    files: tuple[Path, Path], tmp_path: Path, sharing: Sharing, by: str, processes: int
) -> None:
    found = describe_prediction(plan_chunks(*files, tmp_path / "clean.ome.zarr", sharing, results=RESULTS))
    assert found.by.startswith(by)
    assert found.processes == processes
    assert ("each at most" in dict(found.rows())["by"]) == (processes > 1)


def test_results_that_one_process_writes_and_many_images(files: tuple[Path, Path], tmp_path: Path) -> None:
    model, image = files
    other = tmp_path / "other.tif"
    write_image(other, np.random.default_rng(0).poisson(100, (64, 64)).astype(np.uint16), "YX")
    rows = dict(describe_prediction(plan_predict(model, [image, other], tmp_path / "out")).rows())
    assert "the first of 2 images" in rows["input"]
    assert rows["by"].startswith("one process")
    assert rows["prediction"].endswith("for this image, the start not counted")
    assert not (tmp_path / "out").exists()
