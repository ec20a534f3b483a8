"""A person at work: the packaged sample, all four steps, a real window; the pictures of docs/napari.md come of it."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.napari.conftest import layer_of_kind, settle
from tests.napari.screen import live, until

PICTURES = os.environ.get("QUIETSCOPE_PICTURES")
"""Folder for the pictures of the page; training is as long as it should be then."""

GREYS, COLOURS, MOST_BYTES = 180, 76, 300_000
"""Greys and colours of a picture, and what its file may take."""


@pytest.fixture
def window(app: Any, is_drawn: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a viewer in a window of its own, on a screen that draws."""
    if not is_drawn:
        pytest.skip(
            "no screen that draws, and no Xvfb to make one: the other tests know the same dock without a window"
        )
    from napari import Viewer

    from quietscope.napari.learn_settings import LearnSettings

    if PICTURES is None:
        values = LearnSettings.values
        monkeypatch.setattr(LearnSettings, "values", lambda self: {**values(self), "method": "instant", "steps": 6})
        # Six steps may take less than the two seconds after which a first look is worth its while.
        monkeypatch.setattr("quietscope.napari.learning_work.FIRST_SECONDS", 0.0)
    viewer = Viewer(show=True)
    viewer.window.resize(1280, 1110)
    yield viewer
    viewer.close()
    live(0.05)


class Person:
    """Clicks, and counts it.

    Args:
        viewer: The viewer.
        mouse: The mouse.
    """

    def __init__(self, viewer: Any, mouse: Any) -> None:
        self.viewer, self.mouse, self.clicks = viewer, mouse, 0

    def menu(self, menu: str, *names: str) -> None:
        """Click a menu, and an entry of it or of a menu that opens from it by itself."""
        from qtpy.QtWidgets import QApplication, QMainWindow

        [main] = [each for each in QApplication.topLevelWidgets() if isinstance(each, QMainWindow) and each.isVisible()]
        actions = main.menuBar().actions()
        self.clicks += 2
        for name in (menu, *names):
            [action] = [each for each in actions if each.text().replace("&", "").startswith(name)]
            if action.menu() is not None:
                action.menu().aboutToShow.emit()
                actions = action.menu().actions()
        action.trigger()
        live(0.05)

    def click(self, button: Any) -> None:
        """Click a button, with the mouse."""
        from qtpy.QtCore import Qt

        assert button.isEnabled()
        assert button.isVisible()
        self.clicks += 1
        self.mouse.mouseClick(button, Qt.MouseButton.LeftButton)

    def picture(self, folder: Path, name: str) -> None:
        """Take a picture of the window."""
        live(0.3)
        pixels = self.viewer.screenshot(canvas_only=False, flash=False)[..., :3]
        assert pixels.std() > 10
        _in_few_colours(pixels).save(folder / f"{name}.png", optimize=True)


def _in_few_colours(pixels: Any) -> Any:
    """Return a picture with a palette: enough greys for an image of them, and what else there is of colours."""
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(pixels))
    coloured = pixels[np.ptp(pixels.astype(int), axis=-1) > 12].reshape(1, -1, 3)
    colours = Image.fromarray(coloured).quantize(COLOURS).getpalette()
    greys = np.linspace(0, 255, GREYS).round().astype(int).repeat(3)
    palette = Image.new("P", (1, 1))
    palette.putpalette([*greys.tolist(), *(colours or [])[: 3 * COLOURS]])
    return picture.quantize(palette=palette, dither=Image.Dither.NONE)


def test_all_four_steps_on_the_sample_in_a_window(
    window: Any, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from quietscope.napari.dock import open_docks

    folder, person = Path(PICTURES or tmp_path).absolute(), Person(window, qtbot)
    monkeypatch.chdir(tmp_path)
    person.menu("File", "Open Sample", "QuietScope", "Zebrafish, confocal, one noisy field")
    person.menu("Plugins", "QuietScope")
    [dock] = open_docks(window)
    dock.learn.runs.setText("quietscope_runs")
    [noisy] = window.layers
    person.click(dock.now)
    until(lambda: dock.learn.preview.layer is not None)
    if PICTURES:
        until(lambda: dock.learn.bar.value() > 400)
    person.picture(folder, "napari-learn")
    until(lambda: noisy in dock.desk.shown)
    settle(dock)
    assert person.clicks <= 5
    person.picture(folder, "napari-denoise")
    assert [layer.name for layer in window.layers] == ["zebrafish", "zebrafish denoised", "zebrafish deviation"]
    assert np.isfinite(layer_of_kind(dock, "mean").data).all()

    before, dock.desk.denoiser = dock.desk.denoiser, None
    assert window.open(str(dock.desk.model_path), plugin="quietscope") == []  # what dropping the file does
    assert dock.desk.denoiser is not before
    assert dock.desk.denoiser.configuration.method == "instant"

    dock.steps.setCurrentIndex(0)
    live(0.05)
    person.click(dock.look.button)
    settle(dock)
    person.picture(folder, "napari-look")
    assert dock.look.looked is not None
    assert dock.look.looked.channels[0].kind == "poisson-gaussian"

    dock.steps.setCurrentIndex(3)
    window.scene.camera.zoom *= 4
    live(0.2)
    dock.doubt.count.setValue(4)
    person.click(dock.doubt.draw)
    settle(dock)
    number, *seen = layer_of_kind(dock, "samples").data.shape
    assert number == 4
    assert max(seen) < 256
    person.click(dock.doubt.take_away)
    layer_of_kind(dock, "removed").visible = layer_of_kind(dock, "samples").visible = False
    _ask(dock, qtbot)
    dock.doubt.compare.slider.setValue(dock.doubt.compare.slider.maximum() // 2)
    person.picture(folder, "napari-doubt")
    assert {path.stat().st_size < MOST_BYTES for path in folder.glob("napari-*.png")} == {True}


def nuclei(side: int = 224) -> Any:
    """Draw nuclei of about 10 µm, 20 pixels, from bright to hardly there, as a camera would count their light."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:side, :side]
    light = np.full((side, side), 0.6)
    for number in range(36):
        at = np.array([20 + 37 * (number // 6), 20 + 37 * (number % 6)]) + rng.uniform(-7, 7, 2)
        radii = rng.uniform(8, 12, 2)
        edge = np.hypot((y - at[0]) / radii[0], (x - at[1]) / radii[1])
        light += rng.uniform(0.2, 1.2) / (1 + np.exp(12 * (edge - 1)))
    return (10.0 * rng.poisson(light) + rng.normal(100.0, 8.0, light.shape)).astype(np.float32)


def test_cells_are_segmented_in_a_window(
    window: Any, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from quietscope.napari.dock import open_docks

    folder, person = Path(PICTURES or tmp_path).absolute(), Person(window, qtbot)
    monkeypatch.chdir(tmp_path)
    place: dict[str, Any] = {"scale": (0.5, 0.5), "translate": (3.0, 4.0), "units": ("micrometer", "micrometer")}
    noisy = window.add_image(nuclei(), name="nuclei", axis_labels=("y", "x"), contrast_limits=(95, 135), **place)
    person.menu("Plugins", "QuietScope")
    [dock] = open_docks(window)
    dock.learn.runs.setText("quietscope_runs")
    person.click(dock.now)
    until(lambda: noisy in dock.desk.shown)
    settle(dock)
    dock.steps.setCurrentIndex(3)
    window.reset_view()
    objects = dock.doubt.objects
    objects.samples.setValue(30 if PICTURES else 3)
    _scroll_to(dock, objects.words)
    assert objects.diameter.text() == "20.0 pixels (10 µm)"
    person.click(objects.run)
    settle(dock)
    _scroll_to(dock, objects.words)
    made = layer_of_kind(dock, "objects")
    assert type(made).__name__ == "Labels"
    assert made.data.shape == noisy.data.shape
    assert (tuple(made.scale), tuple(made.translate)) == (place["scale"], place["translate"])
    assert (made.units, made.axis_labels) == (noisy.units, noisy.axis_labels)
    assert 10 < len(made.features) < 60
    assert set(np.unique(made.data)) - {0} == set(made.features["index"])
    assert made.features["probability"].between(0.5, 1.0).all()
    assert {"area_um2", "area_um2_low", "area_um2_high"} <= set(made.features)
    [count] = made.metadata["quietscope"]["counts"]
    assert count["low"] <= count["count"] == len(made.features) <= count["high"]
    assert f"{count['count']} objects (90 % from {count['low']} to {count['high']})" in objects.words.text()
    assert "quietscope segment" in dock.doubt.echo.texts["command"].toPlainText()
    person.picture(folder, "napari-objects")


def _scroll_to(dock: Any, widget: Any) -> None:
    """Scroll the step until a widget is seen whole."""
    live(0.1)
    dock.steps.currentWidget().ensureWidgetVisible(widget)
    live(0.1)


def _ask(dock: Any, mouse: Any) -> None:
    """Draw a line over the canvas with the mouse."""
    from qtpy.QtCore import QPoint, Qt
    from qtpy.QtOpenGLWidgets import QOpenGLWidget

    dock.doubt.ask.click()
    canvas = max(dock.window().findChildren(QOpenGLWidget), key=lambda each: each.width())
    left, middle = Qt.MouseButton.LeftButton, canvas.rect().center()
    mouse.mousePress(canvas, left, pos=middle - QPoint(200, 0))
    mouse.mouseMove(canvas, middle)
    mouse.mouseMove(canvas, middle + QPoint(200, 0))
    mouse.mouseRelease(canvas, left, pos=middle + QPoint(200, 0))
    live(0.05)
    dock.doubt.ask.click()
    assert "pixels" in dock.doubt.words.text()


def test_closing_the_window_stops_what_is_learnt_and_keeps_it(
    window: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from quietscope import Denoiser
    from quietscope.napari.learn_settings import LearnSettings
    from tests import tiny

    short = {"method": "noise2void", "network": tiny.network("noise2void"), "training": tiny.TRAINING, "steps": 100_000}
    monkeypatch.setattr(LearnSettings, "values", lambda self: short)
    monkeypatch.setattr("quietscope.napari.learning_work._Watched.quick", lambda self: None)
    window.open_sample("quietscope", "zebrafish")
    _, dock = window.window.add_plugin_dock_widget("quietscope", "QuietScope")
    live(0.05)
    dock.learn.runs.setText(str(tmp_path / "runs"))
    dock.learn.learn.click()
    until(lambda: len(dock.learn._losses) > 2)
    window.close()
    assert Denoiser.load(tmp_path / "runs" / "zebrafish-1" / "model.safetensors").card.training["steps"] > 2


def test_the_lines_of_the_tutorial_open_a_window(window: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `napari.run` waits for is that a person closes the window, which nobody does here."""
    import napari

    from quietscope import write_image

    page = Path(__file__).parents[2] / "docs" / "tutorials" / "in-napari.md"
    [lines] = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(napari, "run", lambda: None)
    write_image("cells.tif", nuclei(96), "YX")
    names: dict[str, Any] = {}
    exec(compile(lines.replace('method="instant"', 'method="instant", steps=2'), str(page), "exec"), names)
    try:
        layers = names["viewer"].layers
        assert [layer.name for layer in layers] == ["noisy", "denoised", "deviation"]
        assert all(np.isfinite(layer.data).all() for layer in layers)
    finally:
        names["viewer"].close()
        live(0.05)
