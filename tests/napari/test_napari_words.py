"""Messages in the window name its fields, buttons and boxes; what it has none for stands on the command line."""

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import quietscope
from quietscope.napari.window_words import as_said, for_the_window
from quietscope.wording import elsewhere, for_the_command_line, typed
from tests.napari.conftest import MakeDock, image_layer, learn, noisy, settle

ROOT = Path(quietscope.__file__).parent
THERE = "` on the command line, see `The same as`"
GAPS = "NaN stands for what was never measured"


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"axes": "TZYX"}, "set e.g. `Axes: TZYX`"),
        ({"method": "hdn"}, "set e.g. `Method: hdn`"),
        ({"budget": "10m"}, "set e.g. `Budget: 10m`"),
        ({"steps": 300}, "set e.g. `Budget: longer`"),
        ({"dims": 3}, "set e.g. `Frames are: volumes (3-D)`"),
        ({"num_samples": 30}, "set e.g. `Samples: 30`"),
        ({"mask": "nan"}, f"tick `{GAPS}`"),
        (
            {"channels": [0, 2]},
            "tick `Selected layers are channels of one image` with the layers of the channels `0, 2`",
        ),
        ({"resume": True}, "press e.g. `Continue`"),
        ({"overwrite": True}, "press e.g. `Learn`"),
        ({"psf": "psf.tif"}, f"pass e.g. `--psf psf.tif{THERE}"),
        ({"method": "dvlae", "direction": "x"}, f"set e.g. `Method: dvlae`, and `--direction x{THERE}"),
        ({"method": "hdn", "budget": "5m"}, "set e.g. `Method: hdn`, `Budget: 5m`"),
    ],
)
def test_a_setting_is_named_as_in_the_window(settings: dict[str, Any], told: str) -> None:
    with for_the_window():
        assert as_said(f"pass e.g. `{typed(**settings)}`").replace("press `", "press e.g. `") == told
        assert typed("budget") == "Budget"
        assert elsewhere() == "choose another place, for runs in `Runs go to`"
    with for_the_command_line(), for_the_window():
        assert typed(budget="5m") == "Budget: 5m"
    assert typed(budget="5m") == 'budget="5m"'


def test_what_is_left_out_there_is_not_pressed_here() -> None:
    with for_the_window():
        go_on, anew = typed(resume=True), typed(overwrite=True)
    lines = (f"leave out `{go_on}`", f"pass `{anew}` in place of `{go_on}` to start anew", f"start anew with `{anew}`")
    assert [as_said(line) for line in lines] == [
        "press `Learn`",
        "press `Learn` to start anew",
        "start anew with `Learn`",
    ]
    assert as_said(f"pass `{go_on}` to go on, or `{anew}`") == "press `Continue` to go on, or `Learn`"


def settings_that_are_told() -> set[str]:
    """Return the names of all settings that any message tells to set."""
    found = set[str]()
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "typed":
                found |= {each.arg for each in node.keywords if each.arg}
                found |= {str(each.value) for each in node.args if isinstance(each, ast.Constant)}
    return found


def test_no_setting_of_any_message_is_told_as_an_option_alone_or_as_python() -> None:
    names = settings_that_are_told()
    assert {"axes", "psf", "overwrite", "device"} < names
    for name in sorted(names):
        with for_the_window():
            for told in (f"`{typed(name)}`", f"`{typed(**{name: 'VALUE'})}`"):
                assert told.count("`") % 2 == 0
                assert "=" not in told
                assert ("--" in told) == told.endswith(THERE), told


def test_all_that_is_named_is_in_the_window(make_dock: MakeDock) -> None:
    from qtpy.QtWidgets import QAbstractButton, QComboBox, QLabel

    from quietscope.napari import window_words as words

    dock = make_dock(image_layer(noisy(40, 40)))
    seen = {each.text() for kind in (QLabel, QAbstractButton) for each in dock.findChildren(kind)}
    for box in dock.findChildren(QComboBox):
        seen |= {box.itemText(number) for number in range(box.count())}
    named = {words.LEARN, words.CONTINUE, words.RUNS, words.SAME_AS, words.CHANNELS, words.GAPS}
    assert {*words.FIELDS.values(), *named, words.PLANES, words.VOLUMES} <= seen


@pytest.fixture
def ask(make_dock: MakeDock, told: list[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what sets fields of the step that learns, presses Learn, and returns what is said then."""
    from quietscope.napari.learn_settings import LearnSettings

    def pressed(layer: Any, method: str = "noise2void", **fields: Any) -> str:
        dock = make_dock(layer)
        settings = {"method": method, **{name: value for name, value in fields.items() if name != "runs"}}
        monkeypatch.setattr(LearnSettings, "values", lambda self: settings)
        if "runs" in fields:
            dock.learn.runs.setText(str(fields["runs"]))
        dock.learn.learn.click()
        settle(dock)
        [line] = told
        return line

    return pressed


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"budget": "soon"}, "set e.g. `Budget: 10m`"),
        ({"noise": "sigma=10"}, "leave it out, or choose `Method: hdn`"),
        ({"dims": 3, "budget": "1s"}, "train with `Frames are: planes (2-D)`"),
    ],
)
def test_a_mistake_in_a_field_is_told_in_words_of_the_field(ask: Any, settings: dict[str, Any], named: str) -> None:
    assert named in ask(image_layer(noisy(64, 64)), **settings)


def test_runs_that_cannot_be_written_are_told_where_to_go(ask: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    line = ask(image_layer(noisy(64, 64)), runs=tmp_path / "file", budget="1s")
    assert line.endswith("choose another place, for runs in `Runs go to`")


def test_a_gap_is_told_with_its_box(ask: Any) -> None:
    pixels = noisy(64, 64)
    pixels[3, 4] = np.nan
    assert ask(image_layer(pixels), budget="1s").endswith(f"no measurement: tick `{GAPS}`")


def test_going_on_with_a_damaged_run_says_which_button_to_press(
    make_dock: MakeDock, told: list[str], tmp_path: Path
) -> None:
    from quietscope.training.checkpoint import RESUME_FILE

    dock = make_dock(image_layer(noisy(48, 48)))
    learn(dock)
    (tmp_path / "runs" / "cells-1" / RESUME_FILE).write_bytes(b"nonsense")
    dock.learn.go_on.click()
    settle(dock)
    assert told[-1].endswith("start anew with `Learn`")


def test_files_and_layers_are_told_in_words_of_the_window(app: Any, told: list[str], tmp_path: Path) -> None:
    import tifffile

    from quietscope.errors import SeriesWarning
    from quietscope.napari.opened_files import read_images
    from quietscope.napari.saved_layers import write_layer

    assert write_layer(str(tmp_path / "a.png"), noisy(20, 20), {"name": "a", "scale": (1, 1)}) == []
    assert f"`--dtype input{THERE}" in told[0]
    with tifffile.TiffWriter(tmp_path / "two.tif") as file:
        for side in (20, 24):
            file.write(noisy(side, side), metadata={"axes": "YX"})
    reader = read_images(str(tmp_path / "two.tif"))
    assert reader is not None
    with pytest.warns(SeriesWarning, match=f"--series 1{THERE}"):
        reader(str(tmp_path / "two.tif"))


def test_a_verdict_names_the_field(make_dock: MakeDock) -> None:
    dock = make_dock(image_layer(noisy(48, 48)))
    learn(dock)
    dock.denoise.run.click()
    settle(dock)
    words = dock.denoise.words.text()
    assert "train again with `Budget: " in words
    assert "--" not in words
