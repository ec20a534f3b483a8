"""Segment the samples: objects as labels that lie where the image lies, how many there are, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.napari.conftest import MakeDock, image_layer, layer_of_kind, learn, noisy, settle
from tests.napari.screen import until

DIAMETER, SAMPLES = 9.0, 4


def blobs(*ahead: int) -> Any:
    """Return frames of 48 x 64 pixels with as many blobs as their number and three, 12 pixels apart, a little noisy."""
    frames = np.zeros((*ahead, 48, 64), np.float32)
    y, x = np.mgrid[:48, :64]
    for number, frame in enumerate(frames.reshape(-1, 48, 64)):
        for each in range(number + 3):
            frame += 400 * np.exp(-(((y - 12 - 24 * (each // 4)) ** 2 + (x - 8 - 15 * (each % 4)) ** 2) / 18))
    return 100 + frames + np.random.default_rng(1).normal(0, 5, frames.shape).astype(np.float32)


def sampler(dock: Any, folder: Path, dims: int = 2) -> None:
    """Give a dock a model that samples and hardly changes an image: what is tested is not how well it denoises."""
    from quietscope.methods import METHODS
    from tests.tiny import denoiser

    made = denoiser(METHODS["hdn"], card={"axes": "ZYX"[-dims:]}, dims=dims)
    made.save(folder / f"sampler-{dims}.safetensors")
    dock.desk.take_model(folder / f"sampler-{dims}.safetensors", made)


class Kept:
    """Stands in for samples: the image itself, a little brighter in each."""

    @staticmethod
    def into(model: Any, image: Any, out: Any, request: Any, progress: Any = None) -> None:
        """Fill samples as the engine does, and tell it."""
        for number in range(request.num_samples):
            out["samples"][(number, ...)] = np.asarray(image.data) + number
            if progress is not None:
                progress(number + 1, request.num_samples)


@pytest.fixture
def segmenting(make_dock: MakeDock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what makes a dock over a layer that is ready to segment; its samples are the image itself."""
    monkeypatch.setattr("quietscope.consensus.posterior_samples.denoise_into", Kept.into)

    def make(layer: Any) -> Any:
        dock = make_dock(layer)
        sampler(dock, tmp_path)
        dock.doubt.objects.samples.setValue(SAMPLES)
        dock.doubt.objects.diameter.setValue(DIAMETER)
        return dock

    return make


def press(dock: Any) -> Any:
    """Press the button, wait, and return the layer."""
    dock.doubt.objects.run.click()
    settle(dock)
    return layer_of_kind(dock, "objects")


def test_objects_of_the_frame_that_is_seen_lie_where_it_lies(segmenting: Any) -> None:
    laid: dict[str, Any] = {
        "scale": (30.0, 0.2, 0.1),
        "translate": (0.0, 5.0, 7.0),
        "units": ("second", "micrometer", "micrometer"),
        "axis_labels": ("t", "y", "x"),
    }
    dock = segmenting(image_layer(blobs(3), **laid))
    dock.viewer.dims.set_current_step(0, 2)
    made = press(dock)
    assert type(made).__name__ == "Labels"
    assert made.name == "cells objects"
    assert made.data.shape == (1, 48, 64)
    assert np.unique(made.data).tolist() == [0, 1, 2, 3, 4, 5]
    assert tuple(made.scale) == laid["scale"]
    assert np.allclose(made.translate, (60.0, 5.0, 7.0))
    assert (made.units, made.axis_labels) == (dock.desk.layer.units, dock.desk.layer.axis_labels)
    assert made.data[0, 12, 8] == made.features["index"][0] == 1
    assert made.features["T"].tolist() == [2.0] * 5
    assert made.features["probability"].between(0.9, 1.0).all()  # all samples have them; corrected, it is 0.93
    assert (made.features["area_low"] <= made.features["area"]).all()
    assert made.features["intensity_high"].iloc[0] > made.features["intensity_low"].iloc[0] > 100
    assert made.get_color(1)[:3] == pytest.approx((0.0, 1.0, 0.0), abs=0.1)
    note = made.metadata["quietscope"]
    assert (note["diameter"], note["samples"], note["of"]) == (DIAMETER, SAMPLES, "cells")
    assert note["counts"] == [{"T": 2, "count": 5, "low": 5, "high": 5}]
    words = dock.doubt.objects.words.text()
    assert "5 objects (90 % from 5 to 5); 5 sure" in words
    assert "Intervals are those of the samples" in words
    assert dock.desk.layer.name == dock.layers.currentText() == "cells"


def test_objects_of_all_frames_are_counted_frame_by_frame(segmenting: Any) -> None:
    dock = segmenting(image_layer(blobs(3)))
    dock.doubt.objects.frames.setCurrentText("all frames")
    made = press(dock)
    assert made.data.shape == (3, 48, 64)
    counts = [each["count"] for each in made.metadata["quietscope"]["counts"]]
    assert counts == [3, 4, 5]
    assert [len(np.unique(frame)) - 1 for frame in made.data] == counts
    assert len(np.unique(made.data)) - 1 == sum(counts) == len(made.features)
    words = dock.doubt.objects.words.text()
    assert "Q 0: 3 objects (90 % from 3 to 3); Q 1: 4 objects" in words
    again = press(dock)
    assert [each for each in dock.viewer.layers if each.name == "cells objects"] == [again]


def test_the_channel_that_is_seen_is_segmented(segmenting: Any) -> None:
    dock = segmenting(image_layer(blobs(2), axis_labels=("c", "y", "x")))
    dock.viewer.dims.set_current_step(0, 1)
    made = press(dock)
    assert made.data.shape == (1, 48, 64)
    assert made.translate[0] == 1.0
    assert made.data.max() == 4
    assert "--channel 1" in dock.doubt.echo.texts["command"].toPlainText()


def test_of_layers_that_are_channels_the_one_that_is_worked_on_is_segmented(segmenting: Any) -> None:
    one, other = blobs(2)
    layers = [image_layer(one, "a"), image_layer(other, "b")]
    dock = segmenting(layers[0])
    dock.viewer.add_layer(layers[1])
    dock.viewer.layers.selection = set(layers)
    dock.channels.click()
    dock.desk.layer = layers[1]
    dock.doubt.objects.diameter.setValue(DIAMETER)
    made = press(dock)
    assert (made.name, made.data.max(), made.ndim) == ("b objects", 4, 2)


def test_volumes_are_segmented_as_volumes_by_a_model_of_volumes(segmenting: Any, tmp_path: Path) -> None:
    stack = np.repeat(blobs(2)[:, None], 8, axis=1)
    stack[:, :2] = stack[:, 6:] = 100.0
    dock = segmenting(image_layer(stack, axis_labels=("t", "z", "y", "x")))
    dock.viewer.dims.set_current_step(0, 1)
    assert press(dock).data.shape == (1, 1, 48, 64)
    sampler(dock, tmp_path, dims=3)
    made = press(dock)
    assert made.data.shape == (1, 8, 48, 64)
    assert made.translate[0] == 1.0
    assert made.data.max() == 4
    assert {"z", "z_low", "z_high"} <= set(made.features)
    assert made.metadata["quietscope"]["counts"] == [{"T": 1, "count": 4, "low": 4, "high": 4}]
    command = dock.doubt.echo.texts["command"].toPlainText()
    assert "--frames 1:2" in command
    assert "--planes" not in command


def test_nothing_is_an_answer_too(segmenting: Any) -> None:
    dock = segmenting(image_layer(np.full((48, 64), 7.0, np.float32)))
    made = press(dock)
    assert made.data.max() == 0
    words = dock.doubt.objects.words.text()
    assert "0 objects (90 % from 0 to 0)" in words
    assert "No object in any of 4 samples" in words


def test_a_diameter_is_proposed_and_stays_once_somebody_has_said_another(segmenting: Any) -> None:
    units = ("micrometer", "micrometer")
    fine = image_layer(noisy(200, 300), "fine", scale=(0.5, 0.5), units=units)
    dock = segmenting(image_layer(noisy(48, 64), "small"))
    box = dock.doubt.objects
    assert box.diameter.value() == DIAMETER
    dock.axes.setText("YX")
    assert box.diameter.value() == DIAMETER
    dock.viewer.add_layer(fine)
    dock.layers.setCurrentIndex(dock.layers.findText("fine"))
    assert box.diameter.value() == 20.0
    assert box.diameter.suffix() == " pixels (10 µm)"
    dock.layers.setCurrentIndex(dock.layers.findText("small"))
    assert box.diameter.value() == 12.0
    assert box.diameter.suffix() == " pixels"
    assert not box.frames.isEnabled()


def test_a_model_without_samples_is_refused_as_on_the_command_line(
    make_dock: MakeDock, told: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from quietscope import write_image
    from quietscope.cli import run

    dock = make_dock(image_layer(noisy(48, 48)))
    learn(dock)
    dock.doubt.objects.run.click()
    assert not dock.desk.is_busy
    write_image(tmp_path / "cells.tif", dock.desk.layer.data, "YX")
    words = ["segment", str(dock.desk.model_path), str(tmp_path / "cells.tif"), "-o", str(tmp_path / "out")]
    assert run(words) == 2
    there, here = (line.removeprefix("quietscope: ").strip() for line in (capsys.readouterr().err, told[0]))
    assert here.startswith("expected a method that samples, whose samples are what is analysed; got noise2void")
    assert here == there.replace("--method ", "Method: ")


@pytest.mark.parametrize("stage", ["Drawing", "Segmenting"])
def test_cancelled_it_shows_nothing_and_can_begin_anew(segmenting: Any, stage: str) -> None:
    dock = segmenting(image_layer(blobs(40)))
    dock.viewer.dims.set_current_step(0, 0)
    box = dock.doubt.objects
    box.frames.setCurrentText("all frames")
    box.samples.setValue(200)
    box.run.click()
    until(lambda: box.words.text().startswith(stage))
    box.cancel.click()
    settle(dock)
    assert box.words.text() == "Cancelled."
    assert [layer.name for layer in dock.viewer.layers] == ["cells"]
    assert box.run.isEnabled()
    box.samples.setValue(SAMPLES)
    box.frames.setCurrentText("the frame that is seen")
    assert press(dock).data.max() == 3


def test_a_spoiled_segmenter_is_one_line(segmenting: Any, told: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(sample: Any, diameter: float) -> Any:
        raise ValueError("no object can be told")

    monkeypatch.setattr("quietscope.consensus.segmenters.watershed", fail)
    monkeypatch.setattr("quietscope.consensus.segmenters.SEGMENTERS", {"watershed": fail})
    dock = segmenting(image_layer(blobs(1)[0]))
    dock.doubt.objects.run.click()
    settle(dock)
    [line] = told
    assert line.startswith("expected the segmenter to work on at least half of 4 samples")
    assert "no object can be told" in dock.doubt.objects.words.text()


def test_what_is_copied_follows_what_is_done(segmenting: Any) -> None:
    dock = segmenting(image_layer(blobs(3), axis_labels=("t", "y", "x")))
    dock.viewer.dims.set_current_step(0, 1)
    dock.doubt.objects.samples.setValue(5)
    echo = dock.doubt.echo
    assert echo.action.currentText() == "the objects"
    assert "quietscope segment" in echo.texts["command"].toPlainText()
    assert "--frames 1:2 --diameter 9 --samples 5 -o cells_objects" in echo.texts["command"].toPlainText()
    dock.doubt.objects.frames.setCurrentText("all frames")
    assert "--frames" not in echo.texts["command"].toPlainText()
    echo.action.setCurrentIndex(0)
    assert "--save samples" in echo.texts["command"].toPlainText()
