"""What the steps do when everything is as it should be: layers with all that is known of the noisy one."""

from typing import Any

import dask.array
import numpy as np
import pytest

from tests.napari.conftest import MakeDock, denoise, image_layer, layer_of_kind, learn, noisy, settle
from tests.napari.screen import live, until

LAID: dict[str, Any] = {
    "scale": (30.0, 0.2, 0.1),
    "translate": (0.0, 5.0, 7.0),
    "units": ("second", "micrometer", "micrometer"),
    "axis_labels": ("t", "y", "x"),
    "colormap": "green",
}


def test_a_time_series_keeps_place_units_labels_and_colours(make_dock: MakeDock) -> None:
    layer = image_layer(noisy(3, 45, 51), **LAID)
    dock = make_dock(layer)
    learn(dock, "hdn")
    denoise(dock)
    for kind in ("mean", "std"):
        made = layer_of_kind(dock, kind)
        assert made.data.shape == layer.data.shape
        assert made.data.dtype == np.float32
        assert np.isfinite(made.data).all()
        for name in ("scale", "translate"):
            assert tuple(getattr(made, name)) == LAID[name]
        assert (made.units, made.axis_labels) == (layer.units, layer.axis_labels)
    assert layer_of_kind(dock, "mean").colormap.name == "green"
    assert dock.desk.layer is layer
    assert dock.viewer.layers.selection.active is layer
    result = dock.desk.shown[layer].result
    assert (result.axes, result.pixel_size_um, result.frame_interval_s) == ("TYX", {"Y": 0.2, "X": 0.1}, 30.0)


def test_samples_are_a_layer_that_plays_and_lies_where_it_was_seen(make_dock: MakeDock) -> None:
    layer = image_layer(noisy(3, 45, 51), **LAID)
    dock = make_dock(layer)
    learn(dock, "hdn")
    dock.viewer.dims.set_current_step(0, 2)
    dock.doubt.count.setValue(3)
    dock.doubt.draw.click()
    settle(dock)
    samples = layer_of_kind(dock, "samples")
    assert samples.data.shape == (3, 1, 45, 51)
    assert np.allclose(samples.translate, (0.0, 60.0, 5.0, 7.0))
    assert samples.axis_labels == ("sample", "t", "y", "x")
    assert "--frames 2:3" in dock.doubt.echo.texts["command"].toPlainText()
    dock.doubt.player.button.click()
    first = dock.viewer.dims.current_step[0]
    until(lambda: dock.viewer.dims.current_step[0] != first)
    dock.viewer.layers.remove(samples)
    until(lambda: not dock.doubt.player.is_playing)


def test_doubt_answers_for_pixels_and_lines_and_says_what_was_removed(make_dock: MakeDock) -> None:
    layer = image_layer(noisy(48, 64))
    dock = make_dock(layer)
    learn(dock, "hdn")
    denoise(dock)
    doubt = dock.doubt
    doubt.count.setValue(8)
    doubt.draw.click()
    settle(dock)
    doubt.answer((0, 10, 12), (0, 10, 12))
    assert f"noisy {layer.data[10, 12]:.4g}" in doubt.words.text()
    assert "8 samples" in doubt.words.text()
    assert {each.kind for each in doubt.values.drawn} == {"bars", "mark"}
    doubt.answer((0, 10, 2), (0, 10, 41))
    assert doubt.words.text().startswith("40 pixels")
    assert {each.kind for each in doubt.values.drawn} == {"band", "points", "line"}
    doubt.answer((0, 900, 900), (0, 900, 900))
    assert doubt.words.text() == "That is outside the image."
    doubt.take_away.click()
    removed = layer_of_kind(dock, "removed")
    assert np.allclose(removed.data, layer.data - layer_of_kind(dock, "mean").data)
    assert doubt.removed is not None
    assert doubt.removed.along_x[0] == doubt.removed.along_y[0] == 1.0
    doubt.overlay.click()
    assert layer_of_kind(dock, "std").visible


def test_the_slider_covers_the_result_with_the_noisy_image(make_dock: MakeDock) -> None:
    layer = image_layer(noisy(40, 60))
    dock = make_dock(layer)
    learn(dock)
    denoise(dock)
    slider = dock.doubt.compare.slider
    slider.setValue(100)
    before = layer_of_kind(dock, "before")
    assert np.array_equal(before.data, layer.data[:, :30])
    slider.setValue(0)
    assert before not in dock.viewer.layers


def test_asking_takes_the_mouse_and_gives_it_back(make_dock: MakeDock) -> None:
    dock = make_dock(image_layer(noisy(40, 60)))
    learn(dock)
    denoise(dock)
    before = list(dock.viewer.mouse_drag_callbacks)
    dock.doubt.ask.click()
    assert len(dock.viewer.mouse_drag_callbacks) == len(before) + 1
    assert not dock.viewer.scene.camera.mouse_pan
    dock.hide()
    dock.doubt.leave()
    assert dock.viewer.mouse_drag_callbacks == before
    assert dock.viewer.scene.camera.mouse_pan


@pytest.mark.parametrize("kind", ["uint8", "lazy", "pyramid", "volume", "planes", "channels"])
def test_layers_of_all_kinds_come_back_in_their_shape(make_dock: MakeDock, kind: str) -> None:
    plane = noisy(50, 66)
    labels = {"volume": ("z", "y", "x"), "planes": ("z", "y", "x"), "channels": ("c", "y", "x")}
    pixels = {
        "uint8": plane.clip(0, 255).astype(np.uint8),
        "lazy": dask.array.from_array(noisy(2, 50, 66), chunks=(1, 25, 66)),
        "pyramid": [plane, plane[::2, ::2]],
        "volume": noisy(8, 40, 41),
        "planes": noisy(3, 40, 41),
        "channels": noisy(2, 40, 41),
    }[kind]
    layer = image_layer(pixels, axis_labels=labels.get(kind), multiscale=kind == "pyramid")
    dock = make_dock(layer)
    dock.learn.settings.dims.setCurrentIndex(int(kind == "volume"))
    learn(dock)
    denoise(dock)
    made = layer_of_kind(dock, "mean")
    assert made.data.shape == (plane.shape if kind == "pyramid" else pixels.shape)
    assert np.isfinite(made.data).all()
    assert dock.desk.denoiser.configuration.dims == (3 if kind == "volume" else 2)


def test_layers_may_be_the_channels_of_one_image(make_dock: MakeDock) -> None:
    layers = [image_layer(noisy(40, 41), name, colormap=colour) for name, colour in (("a", "red"), ("b", "cyan"))]
    dock = make_dock(*layers)
    dock.viewer.layers.selection = set(layers)
    dock.channels.click()
    assert dock.learn.origin.currentText() == dock.denoise.what.currentText() == "the selected layers"
    learn(dock)
    assert dock.desk.denoiser.card.axes == "CYX"
    dock.desk.layer = layers[1]
    assert dock.doubt._image()[0] is layers[1]
    assert dock.doubt._image()[1].shape == (2, 40, 41)
    assert dock.doubt._image()[2] == 1
    denoise(dock)
    made = [each for each in dock.viewer.layers if each.metadata.get("quietscope", {}).get("kind") == "mean"]
    assert [(each.name, each.colormap.name) for each in made] == [("a denoised", "red"), ("b denoised", "cyan")]
    dock.desk.layer = layers[1]
    dock.doubt.answer((5, 6), (5, 6))
    assert f"noisy {layers[1].data[5, 6]:.4g}" in dock.doubt.words.text()


def test_one_button_does_it_all_and_what_was_chosen_is_remembered(make_dock: MakeDock) -> None:
    layer = image_layer(noisy(48, 50))
    dock = make_dock(layer)
    dock.learn.settings.choose("noise2void")
    dock.learn.settings.preset.setCurrentText("n2v2")
    dock.now.click()
    until(lambda: layer in dock.desk.shown)
    settle(dock)
    assert layer_of_kind(dock, "mean").name == "cells denoised"
    dock.leave()
    again = make_dock()
    assert again.learn.settings.method.currentText() == "noise2void"
    assert again.learn.settings.preset.currentText() == "n2v2"


def test_looking_says_which_noise_it_is_and_which_method_suits(make_dock: MakeDock) -> None:
    dock = make_dock(image_layer(noisy(128, 128), "<b>odd</b>"))
    dock.look.button.click()
    settle(dock)
    assert dock.look.looked.channels[0].kind == "white gaussian"
    assert "correlation along" in dock.look.words.text()
    assert dock.look.looked.picture.startswith(b"\x89PNG")
    assert [each.label for each in dock.look.correlation.drawn] == ["along x", "along y"]
    dock.look.show_picture()
    live(0.02)
    dock.look.dialog.close()
    dock.look.use.click()
    assert dock.learn.settings.method.currentText() == (dock.look.looked.quick or dock.look.looked.method)
