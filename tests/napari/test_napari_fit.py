"""What a narrow dock shows, on dark and light ground; what is said of one layer is not left under another."""

from typing import Any

import numpy as np
import pytest

from tests.napari.conftest import MakeDock, denoise, image_layer, learn, noisy, settle
from tests.napari.screen import live

NARROW = 380
LONG = "/home/somebody/" + "/".join(["a_folder_with_a_long_name"] * 6) + "/model.safetensors"


def at_width(dock: Any, width: int) -> list[tuple[str, int, int]]:
    """Return, of each step in a dock of some width, its name, the least that it needs, and the room that there is."""
    dock.resize(width, 900)
    dock.show()
    found = []
    for number, (name, step) in enumerate(dock._steps()):
        dock.steps.setCurrentIndex(number)
        live(0.02)
        found.append((name, step.minimumSizeHint().width(), dock.steps.widget(number).viewport().width()))
    return found


def words_of(dock: Any) -> list[Any]:
    """Return all places of the dock where it says something."""
    steps = (dock.look.words, dock.learn.words, dock.learn.model, dock.denoise.words)
    return [*steps, dock.doubt.words, dock.doubt.objects.words]


def test_all_steps_fit_a_narrow_dock_however_long_a_path_is(make_dock: MakeDock) -> None:
    dock = make_dock(image_layer(noisy(40, 40), LONG))
    for words in words_of(dock):
        words.setText(LONG)
        assert words.text() == LONG
    for plot in (dock.look.correlation, dock.look.strength, dock.learn.loss, dock.doubt.values, dock.doubt.noise):
        plot.draw(a_line())
    assert [(name, needed) for name, needed, room in at_width(dock, NARROW) if needed > room] == []
    assert dock.width() == NARROW
    assert dock.minimumSizeHint().width() <= NARROW
    for box in (dock.channels, dock.gaps):
        assert box.sizeHint().width() <= box.width()
        assert box.toolTip()


def a_line() -> Any:
    """Return a line that a plot can draw."""
    from quietscope.napari.curve_plot import Drawn

    return Drawn(x=[0, 1], y=[0, 1], label="line")


def test_a_message_with_quotes_is_read_as_it_was_said(make_dock: MakeDock) -> None:
    from qtpy.QtCore import Qt

    dock = make_dock()
    for words in words_of(dock):
        assert words.textFormat() == Qt.TextFormat.RichText  # which reads &#x27; as the quote that it stands for


@pytest.mark.parametrize("ground", ["dark", "light"])
def test_curves_differ_in_colour_and_stand_out_from_the_ground(make_dock: MakeDock, ground: str) -> None:
    from qtpy.QtGui import QColor, QPalette

    dock = make_dock(image_layer(noisy(48, 64)))
    plot = dock.doubt.values
    palette = QPalette()
    palette.setColor(QPalette.ColorRole.WindowText, QColor("#f0f1f2" if ground == "dark" else "#3b3a39"))
    plot.setPalette(palette)
    below = QColor("#262930" if ground == "dark" else "#efebe9")
    colours = [QColor(each) for each in plot.colours]
    assert len({each.name() for each in colours}) == len(colours)
    assert all(_contrast(each, below) > 3.0 for each in colours)
    learn(dock)
    denoise(dock)
    dock.doubt.answer((5, 6), (5, 30))
    assert len({each.colour for each in plot.drawn}) == len(plot.drawn)
    dock.doubt.take_away.click()
    assert len({each.colour for each in dock.doubt.noise.drawn}) == len(dock.doubt.noise.drawn)


def _contrast(one: Any, other: Any) -> float:
    """Return how much lighter one of two colours is than the other, as the W3C measures it, from 1 to 21."""

    def light(colour: Any) -> float:
        parts = np.array(colour.getRgbF()[:3])
        linear = np.where(parts <= 0.03928, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ (0.2126, 0.7152, 0.0722)) + 0.05

    low, high = sorted((light(one), light(other)))
    return high / low


def test_an_empty_plot_takes_no_room(make_dock: MakeDock) -> None:
    dock = make_dock()
    at_width(dock, NARROW)
    assert not dock.doubt.values.isVisible()
    dock.doubt.values.draw(a_line())
    assert dock.doubt.values.isVisible()


def test_what_was_found_of_one_layer_is_not_said_of_another(make_dock: MakeDock) -> None:
    first, second = image_layer(noisy(64, 64), "first"), image_layer(noisy(64, 64), "second")
    dock = make_dock(first)
    dock.look.button.click()
    settle(dock)
    learn(dock, "hdn")
    denoise(dock)
    dock.doubt.take_away.click()
    dock.doubt.overlay.click()
    assert dock.look.use.isEnabled()
    dock.viewer.add_layer(second)
    dock.layers.setCurrentIndex(dock.layers.findText("second"))
    assert not dock.look.use.isEnabled()
    assert dock.look.correlation.drawn == dock.doubt.noise.drawn == ()
    assert dock.doubt.words.text() == ""
    assert not dock.doubt.overlay.isChecked()
    dock.layers.setCurrentIndex(dock.layers.findText("first"))
    assert dock.doubt.overlay.isChecked()


def test_samples_are_known_though_the_layer_is_renamed_and_the_slider_stays(make_dock: MakeDock) -> None:
    layer = image_layer(noisy(40, 60))
    dock = make_dock(layer)
    learn(dock, "hdn")
    denoise(dock)
    dock.doubt.compare.slider.setValue(100)
    dock.doubt.count.setValue(8)
    dock.doubt.draw.click()
    settle(dock)
    assert dock.doubt.compare.slider.value() == 100
    layer.name = "another name"
    dock.axes.setText("yx")
    dock.doubt.answer((0, 5, 6), (0, 5, 6))
    assert "8 samples" in dock.doubt.words.text()


@pytest.mark.parametrize("start", [None, (2, 3)])
def test_results_of_a_sheared_layer_lie_where_it_lies(start: tuple[int, int] | None) -> None:
    from quietscope.napari.layer_results import layer_of

    layer = image_layer(noisy(30, 40), rotate=30, shear=[0.2], scale=(0.2, 0.1), translate=(4, 5))
    first = start or (0, 0)
    mean = layer_of(layer, "mean", layer.data[first[0] :, first[1] :], start=start)
    samples = layer_of(layer, "samples", layer.data[None, first[0] :, first[1] :], start=start)
    for pixel in ((0, 0), (7, 11)):
        place = layer.data_to_world(np.add(first, pixel))
        assert np.allclose(mean.data_to_world(pixel), place)
        assert np.allclose(samples.data_to_world((0, *pixel))[1:], place)
