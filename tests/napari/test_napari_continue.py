"""A run of another session goes on once its model is loaded: of this window, and of the command line."""

from pathlib import Path
from typing import Any

import pytest

from quietscope import Denoiser, plan_train, run, write_image
from tests import tiny
from tests.napari.conftest import MakeDock, image_layer, learn, noisy, settle

MODEL = "model.safetensors"


def steps_of(folder: Path) -> int:
    """Return how many steps the model of a run has learnt for."""
    return int(Denoiser.load(folder / MODEL).card.training["steps"])


def go_on(dock: Any) -> None:
    """Press Continue, and wait."""
    assert dock.learn.go_on.isEnabled()
    dock.learn.go_on.click()
    settle(dock)


def test_a_complete_run_of_another_session_learns_as_much_again(make_dock: MakeDock, tmp_path: Path) -> None:
    layer = image_layer(noisy(48, 48))
    first = make_dock(layer)
    assert not first.learn.go_on.isEnabled()
    learn(first)
    folder = tmp_path / "runs" / "cells-1"
    assert steps_of(folder) == 4
    later = make_dock(layer)
    later.take_model(folder / MODEL)
    assert str(folder) in later.learn.go_on.toolTip()
    go_on(later)
    assert steps_of(folder) == 8
    assert later.desk.denoiser.card.training["steps"] == 8
    assert later.learn.echo.texts["command"].toPlainText().endswith(f"--steps 8 -o {folder} --resume")
    go_on(later)
    assert steps_of(folder) == 16
    assert [path.name for path in folder.parent.iterdir()] == ["cells-1"]


def test_a_run_that_the_command_line_began_goes_on_with_the_layer_of_its_file(
    make_dock: MakeDock, tmp_path: Path
) -> None:
    from napari.components import ViewerModel

    write_image(tmp_path / "cells.tif", noisy(3, 48, 48), "TYX")
    settings = {"method": "noise2void", "network": tiny.network("noise2void"), "training": tiny.TRAINING, "steps": 5}
    run(plan_train(tmp_path / "cells.tif", tmp_path / "run", settings))
    [layer] = ViewerModel().open(str(tmp_path / "cells.tif"), plugin="quietscope")
    dock = make_dock(layer)
    dock.take_model(tmp_path / "run" / MODEL)
    go_on(dock)
    assert steps_of(tmp_path / "run") == 10


def test_a_run_does_not_go_on_with_other_images(make_dock: MakeDock, told: list[str], tmp_path: Path) -> None:
    dock = make_dock(image_layer(noisy(48, 48)))
    learn(dock)
    other = make_dock(image_layer(noisy(48, 48), "others"))
    other.take_model(tmp_path / "runs" / "cells-1" / MODEL)
    go_on(other)
    assert told[-1].startswith("expected the images that the run began with")
    assert told[-1].endswith("name those images, or start anew with `Learn`")
    assert steps_of(tmp_path / "runs" / "cells-1") == 4


def test_a_model_that_lies_in_no_run_does_not_go_on(make_dock: MakeDock, tmp_path: Path) -> None:
    dock = make_dock(image_layer(noisy(48, 48)))
    learn(dock)
    dock.desk.save_model(tmp_path / "mine.safetensors")
    assert dock.learn.go_on.isEnabled()  # it is the run of this session
    other = make_dock(image_layer(noisy(48, 48)))
    other.take_model(tmp_path / "mine.safetensors")
    assert not other.learn.go_on.isEnabled()


@pytest.mark.parametrize(
    ("settings", "steps", "seconds", "budget", "more"),
    [
        ({"steps": 10}, 5, 9.0, "", {}),
        ({"steps": 10}, 10, 9.0, "", {"steps": 20}),
        ({"budget": "60s"}, 5, 59.0, "", {}),
        ({"budget": "60s"}, 5, 60.5, "2m", {"budget": "180s"}),
        ({"budget": "60s", "steps": 10}, 10, 9.0, "30s", {"steps": 20, "budget": "39s"}),
    ],
)
def test_a_run_that_was_stopped_goes_on_where_it_was_and_another_as_long_again(
    settings: dict[str, Any], steps: int, seconds: float, budget: str, more: dict[str, Any]
) -> None:
    from quietscope.napari.going_on import _more
    from quietscope.presets import Configuration

    assert _more(Configuration.of({"method": "noise2void", **settings}), steps, seconds, budget) == more
