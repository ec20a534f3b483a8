"""What goes wrong is one line, and what is stopped, closed or taken away loses no model."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.napari.conftest import MakeDock, denoise, image_layer, layer_of_kind, learn, noisy, settle
from tests.napari.screen import until


def test_without_a_layer_it_says_what_to_do(make_dock: MakeDock, told: list[str]) -> None:
    dock = make_dock()
    dock.now.click()
    assert told == [
        "expected a layer with a noisy image; got none; open an image, or take File > Open Sample > QuietScope"
    ]


def test_a_colour_picture_is_refused_in_one_line(make_dock: MakeDock, told: list[str]) -> None:
    dock = make_dock(image_layer(np.zeros((40, 40, 3), np.uint8), "photo", rgb=True))
    dock.look.button.click()
    assert told == [
        "expected an image of grey values; got the colour picture 'photo' (RGB); right-click the layer, "
        "choose Split RGB, and take one of its channels"
    ]
    assert not dock.desk.is_busy


def test_labels_are_no_image(make_dock: MakeDock, told: list[str]) -> None:
    from napari.layers import Labels

    labels = Labels(np.zeros((40, 40), int), name="nuclei")
    dock = make_dock(labels)
    assert dock.layers.count() == 0
    dock.viewer.layers.selection = {labels}
    dock.learn.origin.setCurrentText("the selected layers")
    dock.learn.learn.click()
    assert told == ["expected an image layer; got the labels layer 'nuclei'; choose an image layer"]


def test_axes_that_nobody_names_are_asked_for_in_words_of_the_field(make_dock: MakeDock, told: list[str]) -> None:
    dock = make_dock(image_layer(noisy(2, 2, 40, 40)))
    dock.learn.learn.click()
    assert told == ["expected a name for each of the 4 axes of 'cells'; got none; name them, e.g. `Axes: TZYX`"]
    dock.axes.setText("tcyx")
    learn(dock)
    assert dock.desk.denoiser.card.axes == "TCYX"


@pytest.mark.parametrize(("pixels", "line"), [("flat", "pixels that differ"), ("small", "pixels")])
def test_what_the_pipeline_refuses_is_told_as_on_the_command_line(
    make_dock: MakeDock, told: list[str], pixels: str, line: str
) -> None:
    dock = make_dock(image_layer(np.full((64, 64), 7.0) if pixels == "flat" else noisy(6, 6)))
    dock.look.button.click()
    settle(dock)
    [said] = told
    assert said.startswith("expected")
    assert line in said
    assert "\n" not in said
    assert dock.look.button.isEnabled()


def test_pixels_that_were_never_measured_stay_so(make_dock: MakeDock, told: list[str]) -> None:
    pixels = noisy(60, 64)
    pixels[:20, :20] = np.nan
    dock = make_dock(image_layer(pixels))
    dock.learn.learn.click()
    settle(dock)
    assert told[0].startswith("expected finite pixel values")
    dock.gaps.click()
    assert "--mask nan" in dock.learn.echo.texts["command"].toPlainText()
    learn(dock)
    denoise(dock)
    made = layer_of_kind(dock, "mean")
    assert np.array_equal(np.isnan(made.data), np.isnan(pixels))


def test_learn_pressed_twice_learns_once(make_dock: MakeDock, tmp_path: Path) -> None:
    dock = make_dock(image_layer(noisy(48, 48)))
    dock.learn.settings.choose("noise2void")
    dock.learn.learn.click()
    dock.learn.begin()
    dock.learn.learn.click()
    settle(dock)
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["cells-1"]


def endless(dock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let runs of a dock go on until they are stopped."""
    brief = type(dock.learn.settings).values
    monkeypatch.setattr(type(dock.learn.settings), "values", lambda self: {**brief(self), "steps": 100_000})


def test_stop_keeps_the_model_and_continue_goes_on(
    make_dock: MakeDock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quietscope.napari.learning_work.FIRST_SECONDS", 0.0)
    dock = make_dock(image_layer(noisy(48, 48)))
    endless(dock, monkeypatch)
    dock.learn.settings.choose("noise2void")
    dock.learn.learn.click()
    until(lambda: dock.learn.preview.first_seconds is not None)
    assert layer_of_kind(dock, "preview").data.shape == (48, 48)
    dock.learn.stop.click()
    settle(dock)
    assert (tmp_path / "runs" / "cells-1" / "model.safetensors").is_file()
    assert "Stopped early" in dock.learn.words.text()
    first = dock.desk.denoiser.card.training["steps"]
    assert [layer.name for layer in dock.viewer.layers] == ["cells"]
    dock.learn.go_on.click()
    until(lambda: dock.learn._losses[-1][0] > first + 3)
    dock.learn.stop.click()
    settle(dock)
    assert dock.desk.denoiser.card.training["steps"] > first
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["cells-1"]


def test_a_window_that_is_closed_in_the_middle_loses_no_model(
    make_dock: MakeDock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from quietscope import Denoiser

    dock = make_dock(image_layer(noisy(48, 48)))
    endless(dock, monkeypatch)
    dock.learn.settings.choose("noise2void")
    dock.learn.learn.click()
    until(lambda: len(dock.learn._losses) > 2)
    dock.leave()
    assert Denoiser.load(tmp_path / "runs" / "cells-1" / "model.safetensors").card.training["steps"] > 2


def test_a_layer_that_is_taken_away_while_it_is_learnt_and_denoised(make_dock: MakeDock, told: list[str]) -> None:
    layer = image_layer(noisy(3, 48, 48))
    dock = make_dock(layer)
    dock.learn.settings.choose("noise2void")
    dock.learn.learn.click()
    dock.viewer.layers.remove(layer)
    settle(dock)
    assert dock.desk.denoiser is not None
    dock.viewer.add_layer(layer)
    dock.denoise.run.click()
    dock.viewer.layers.remove(layer)
    settle(dock)
    assert layer_of_kind(dock, "mean").data.shape == layer.data.shape
    dock.doubt.take_away.click()
    assert [line for line in told if line.startswith("expected")] == []


def test_cancelling_keeps_what_is_done_and_says_so(make_dock: MakeDock, monkeypatch: pytest.MonkeyPatch) -> None:
    dock = make_dock(image_layer(noisy(40, 64, 64)))
    learn(dock)
    dock.viewer.dims.set_current_step(0, 0)
    monkeypatch.setattr("quietscope.napari.denoising_step.PAUSE", 0.0)
    dock.denoise.run.click()
    until(lambda: dock.denoise.first_seconds is not None)
    dock.denoise.cancel.click()
    settle(dock)
    made = layer_of_kind(dock, "mean")
    assert np.isfinite(made.data[0]).all()
    assert np.isnan(made.data[-1]).all()
    assert dock.denoise.words.text().startswith("Cancelled")
    assert dock.desk.layer not in dock.desk.shown


def test_a_method_without_samples_says_so(make_dock: MakeDock, told: list[str]) -> None:
    dock = make_dock(image_layer(noisy(48, 48)))
    learn(dock)
    dock.doubt.draw.click()
    settle(dock)
    [line] = [each for each in told if "sample" in each]
    assert line.startswith("expected")


def test_a_file_that_is_no_model_is_one_line(make_dock: MakeDock, told: list[str], tmp_path: Path) -> None:
    dock = make_dock()
    (tmp_path / "bad.safetensors").write_bytes(b"no model")
    dock.take_model(tmp_path / "bad.safetensors")
    assert told[0].startswith("expected")
    assert dock.desk.denoiser is None


def test_a_model_is_saved_loaded_and_dropped(make_dock: MakeDock, tmp_path: Path) -> None:
    from qtpy.QtCore import QMimeData, QPoint, Qt, QUrl
    from qtpy.QtGui import QDropEvent

    dock = make_dock(image_layer(noisy(48, 48)))
    learn(dock)
    dock.desk.save_model(tmp_path / "mine.safetensors")
    other = make_dock()
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(tmp_path / "mine.safetensors"))])
    event = QDropEvent(
        QPoint(5, 5), Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    other.dropEvent(event)
    assert other.desk.model_path == tmp_path / "mine.safetensors"
    assert "mine.safetensors" in other.learn.model.text()


def test_results_larger_than_the_memory_are_made_of_what_is_seen(
    make_dock: MakeDock, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = image_layer(noisy(6, 48, 50), scale=(2.0, 0.5, 0.5))
    dock = make_dock(layer)
    learn(dock)
    monkeypatch.setattr("quietscope.napari.denoising_step.free_main_memory", lambda: 6 * 48 * 50 * 4)
    dock.viewer.dims.set_current_step(0, 3)
    denoise(dock)
    made = layer_of_kind(dock, "mean")
    assert made.data.shape == (1, 48, 50)
    assert np.isfinite(made.data).all()
    assert tuple(made.translate) == (6.0, 0.0, 0.0)
    assert layer not in dock.desk.shown
    [line] = [each for each in told if "memory" in each]
    assert "only what is seen" in line


@pytest.mark.parametrize(
    ("error", "said"), [(MemoryError(), "free memory"), (OSError(28, "No space left on device", "/runs/a"), "No space")]
)
def test_a_full_disk_or_memory_is_one_line(make_dock: MakeDock, told: list[str], error: Exception, said: str) -> None:
    dock = make_dock()

    def fail(tell: Any) -> None:
        raise error

    dock.desk.start(fail)
    settle(dock)
    [line] = told
    assert line.startswith("expected")
    assert said in line
