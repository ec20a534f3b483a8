"""A dry run says what a run would do: it writes nothing, and names every file that the run then writes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quietscope import DenoisePlan, Note, Request, describe, plan_denoise, plan_train, read_image, run, write_image
from quietscope.errors import OutputError
from quietscope.pipeline.events import Event

MakePlan = Callable[..., DenoisePlan]


def test_it_names_every_file_that_is_written_then(plan_of: MakePlan, tmp_path: Path) -> None:
    plan = plan_of(tmp_path / "new" / "out", "a", "b")
    found = describe(plan)
    assert not list(tmp_path.iterdir())
    named = {*found.files.values(), *(path for image in found.images for path in image.files.values())}
    run(plan)
    assert named == {str(path) for path in (tmp_path / "new" / "out").iterdir()}


def test_it_says_what_the_run_takes(plan_of: MakePlan, tmp_path: Path) -> None:
    found = describe(plan_of(tmp_path / "out", request=Request(num_samples=3, tile=16)))
    learning, (image,) = found.learning, found.images
    assert (learning.method, learning.preset, learning.budget_steps) == ("hdn", "fast", 6)
    assert (learning.num_frames, learning.num_held_out, learning.batch_size, learning.patch) == (2, 0, 2, (16, 16))
    assert "measured" in learning.noise[0]
    assert (image.tile, image.num_tiles, image.num_samples) == ((16, 16), 18, 3)
    assert min(learning.seconds, learning.num_bytes, image.seconds, image.num_bytes) > 0
    trained = run(plan_of(tmp_path / "out")).trained
    assert trained is not None
    assert learning.parameters == sum(p.numel() for p in trained.denoiser.method.parameters())


def test_the_table_and_json_say_the_same(plan_of: MakePlan, tmp_path: Path) -> None:
    found = describe(plan_of(tmp_path / "out", "a", "b"))
    values = json.loads(json.dumps(found.values()))
    rows = list(found.rows())
    words = "\n".join(text for _, text in rows)
    for image in values["images"]:
        for path in image["files"].values():
            assert path in words
    assert values["learning"]["noise"][0] in words
    assert f"{values['learning']['parameters']:,} parameters" in words
    assert [name for name, _ in rows].count("tiles") == 2


def test_what_is_left_open_is_settled(cells: Path, settings: dict[str, Any], tmp_path: Path) -> None:
    told: list[Event] = []
    network = {**settings["network"], "deterministic_levels": "auto"}
    plan = plan_train(cells / "a.tif", tmp_path / "run", {**settings, "network": network}, device="cpu")
    found = describe(plan, told.append)
    assert found.images == ()
    assert found.learning.settings["deterministic_levels"] == ()
    assert dict(found.rows())["deterministic levels"] == "none"
    assert tuple(event.text for event in told if isinstance(event, Note)) == found.notes
    assert "deterministic levels: none" in found.notes[0]
    assert not list(tmp_path.iterdir())


def test_a_bootstrap_is_named_and_not_trained(cells: Path, settings: dict[str, Any], tmp_path: Path) -> None:
    plan = plan_denoise(cells / "a.tif", tmp_path / "out", {**settings, "noise": "bootstrap"}, device="cpu")
    assert "first denoiser" in describe(plan).learning.noise[0]
    named = plan_denoise(cells / "a.tif", tmp_path / "out", {**settings, "noise": "sigma=7"}, device="cpu")
    assert "as named, sigma=7" in describe(named).learning.noise[0]


def test_what_comes_trained_and_learns_nothing_says_so(tmp_path: Path) -> None:
    """A hidden pixel's noise is seen in those beside it where it is correlated along rows: the run makes no step."""
    white = 20 * np.random.default_rng(0).standard_normal((64, 67))
    rows = np.sum([white[:, n : n + 64] for n in range(4)], axis=0)
    write_image(tmp_path / "rows.tif", (300 + rows / 2).astype(np.float32), "YX")
    network = {"direction": "x", "correlation": (0.75, 0.5, 0.25, 0.0)}
    values = {"method": "instant", "noise": "sigma=20", "network": network}
    for plan in (
        plan_train(tmp_path / "rows.tif", tmp_path / "run", values, device="cpu"),
        plan_denoise(tmp_path / "rows.tif", tmp_path / "out", values, device="cpu"),
    ):
        found = describe(plan)
        assert (found.learning.learns, found.learning.seconds) == (False, 0)
        rows = dict(found.rows())
        assert rows["training"] == "none: all of the method comes trained"
        assert not {"learns from", "batches"} & set(rows)
    told: list[Event] = []
    run(plan, told.append)
    assert any("Nothing is learnt" in event.text for event in told if isinstance(event, Note))


def test_what_could_not_be_written_is_refused(plan_of: MakePlan, tmp_path: Path) -> None:
    (tmp_path / "overview.png").write_text("precious")
    with pytest.raises(OutputError, match="overwrite=True"):
        describe(plan_of(tmp_path))


def test_a_method_without_samples_or_noise_model(cells: Path, settings: dict[str, Any], tmp_path: Path) -> None:
    values = {
        "method": "noise2void",
        "steps": 2,
        "network": {"depth": 1, "filters": 8},
        "training": settings["training"],
    }
    found = describe(plan_denoise(cells / "a.tif", tmp_path / "out", values, device="cpu"))
    assert found.learning.noise == ()
    assert found.images[0].num_samples == 0
    assert set(found.images[0].files) == {"mean"}
    assert "one pass" in dict(found.rows())["prediction"]


def test_a_blank_frame_is_not_among_those_that_are_learnt_from(
    cells: Path, settings: dict[str, Any], tmp_path: Path
) -> None:
    frames = np.concatenate([np.asarray(read_image(cells / f"{name}.tif")) for name in "ab"])
    frames[1] = 0
    write_image(tmp_path / "gap.tif", frames, "TYX")
    told: list[Event] = []
    found = describe(plan_train([tmp_path / "gap.tif"], tmp_path / "run", settings), told.append)
    assert found.learning.num_frames == 3
    assert any("never measured" in event.text for event in told if isinstance(event, Note))


@pytest.mark.parametrize(
    ("side", "keep", "words"),
    [
        (128, "last", "1 frame"),
        (128, "best", "1 frame, but for 4 regions to validate on"),
        (24, "best", "1 frame, and validates on the same: no room to hold out a part"),
    ],
)
def test_it_says_what_is_held_out(settings: dict[str, Any], tmp_path: Path, side: int, keep: str, words: str) -> None:
    noisy = np.random.default_rng(0).poisson(200, (side, side)).astype(np.uint16)
    write_image(tmp_path / "one.tif", noisy, "YX")
    values = {**settings, "training": {**settings["training"], "keep": keep}, "noise": "sigma=14"}
    found = describe(plan_train(tmp_path / "one.tif", tmp_path / "run", values, device="cpu")).learning
    said = dict(found.rows())["learns from"]
    assert said.split(" (")[0] == words
    share = found.share_held_out
    assert (found.num_regions, found.is_judged_by_heart) == (4 * (keep == "best" and side == 128), side == 24)
    assert 0.1 < share < 0.35 if found.num_regions else share == 0
    assert (f"({share:.0%} of the pixels, gaps included)" in said) == (found.num_regions > 0)
