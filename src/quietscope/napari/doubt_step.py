"""Step 4, Doubt: where the model is not sure, and whether what was removed is noise."""

import html
from typing import Any

import numpy as np
from qtpy.QtWidgets import (
    QCheckBox,
    QFormLayout,
    QHBoxLayout,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from quietscope.errors import ImageFileError
from quietscope.io import Image
from quietscope.napari.background import Work
from quietscope.napari.before_after import BeforeAfter
from quietscope.napari.curve_plot import CurvePlot, Drawn
from quietscope.napari.desk import Desk, Shown
from quietscope.napari.doubt_work import Removed, draw_samples, judge_removed
from quietscope.napari.echo_box import EchoBox
from quietscope.napari.layer_results import layer_of
from quietscope.napari.layer_source import part_of, place_in, visible_box
from quietscope.napari.objects_box import ObjectsBox
from quietscope.napari.pixel_asking import Pointer, show_line, show_pixel, values_along
from quietscope.napari.sample_player import SamplePlayer
from quietscope.napari.typed_lines import of_samples, parts_of
from quietscope.napari.window_words import FIELDS, as_said
from quietscope.napari.wrapped_text import WrappedText

SIDE = 512
"""Pixels along Y and X of the part that samples are drawn of, at most."""


class DoubtStep(QWidget):
    """The step that doubts.

    Args:
        desk: What the steps share.
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._work: Work | None = None
        self._samples: np.ndarray | None = None
        self._box: tuple[slice, ...] = ()
        self._part: dict[str, tuple[int, int]] = {}
        self.sampled: Any = None
        self._sampled_of: Any = None
        self._about: Any = None
        self.removed: Removed | None = None
        self.compare, self.player = BeforeAfter(desk), SamplePlayer(desk.viewer, desk.remembered)
        self.overlay = QCheckBox("Show the deviation over the image")
        self.count, self.draw = QSpinBox(), QPushButton("Draw samples")
        self.draw.setToolTip("Of the part of the image that is seen")
        self.count.setRange(2, 100)
        self.count.setValue(desk.remembered.get("drawn", 8))
        self.count.setAccessibleName("Samples")
        self.ask, self.take_away = QPushButton("Ask a pixel or a line"), QPushButton("What was removed?")
        self.ask.setCheckable(True)
        self.ask.setToolTip("Click a pixel of the image, or draw a line over it")
        self.values, self.noise = CurvePlot("Values of a pixel"), CurvePlot("Autocorrelation of what was removed")
        self.words, self.echo = WrappedText(), EchoBox("the samples", "the objects")
        self.objects = ObjectsBox(desk, self._image)
        self.pointer = Pointer(desk.viewer, self.answer)
        self._lay_out()
        self._connect()
        self.refresh()

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.addRow("Compare", self.compare)
        row = QHBoxLayout()
        row.addWidget(self.count)
        row.addWidget(self.draw)
        form.addRow(FIELDS["num_samples"], row)
        form.addRow("Player", self.player)
        column = QVBoxLayout(self)
        column.addLayout(form)
        buttons = QHBoxLayout()
        buttons.addWidget(self.ask)
        buttons.addWidget(self.take_away)
        column.addWidget(self.overlay)
        column.addLayout(buttons)
        for widget in (self.values, self.noise, self.words, self.objects):
            column.addWidget(widget)
        column.addStretch()
        column.addWidget(self.echo)

    def _connect(self) -> None:
        desk = self._desk
        self.draw.clicked.connect(lambda: desk.guarded(self.begin))
        self.take_away.clicked.connect(lambda: desk.guarded(self.show_removed))
        self.overlay.toggled.connect(self._show_deviation)
        self.ask.toggled.connect(self.pointer.listen)
        self.count.valueChanged.connect(lambda value: desk.remembered.keep("drawn", value))
        self.objects.changed.connect(self._echo)
        self.objects.touched.connect(lambda: self.echo.choose(1))
        desk.layer_changed.connect(self._begin_anew)
        desk.result_changed.connect(self.refresh)
        desk.model_changed.connect(self.refresh)

    def _begin_anew(self) -> None:
        """Forget the samples of another layer, and what was said of it."""
        if self._sampled_of is None or self._sampled_of is not self._desk.layer:
            self._samples, self._box, self._part, self._sampled_of = None, (), {}, None
        if self._about is not self._desk.layer and self._work is None:
            self.words.setText("")
            self.values.draw()
            self.noise.draw()
        self._about = self._desk.layer
        self.refresh()

    def refresh(self) -> None:
        """Say what can be pressed, for the layer that is worked on."""
        shown = self._shown()
        self.draw.setEnabled(self._desk.denoiser is not None and self._work is None)
        for widget in (self.ask, self.take_away):
            widget.setEnabled(shown is not None)
        deviation = None if shown is None else shown.layers.get("std")
        self.overlay.setEnabled(deviation is not None)
        self.overlay.setChecked(deviation is not None and deviation.visible)
        if shown is None:
            self.ask.setChecked(False)
        self.compare.take(self._desk.layer if shown is not None else None)
        self._echo()

    def _shown(self) -> Shown | None:
        layer = self._desk.layer
        return None if layer is None else self._desk.shown.get(layer)

    def _echo(self) -> None:
        try:
            source = self._desk.source()
        except ImageFileError:
            self.echo.show_lines(None, None)
            return
        model = str(self._desk.model_path or "model.safetensors")
        self.echo.show_lines(
            of_samples(source, model, self.count.value(), self._part), self.objects.lines(source, model)
        )

    def begin(self) -> None:
        """Draw samples of the part that is seen, in the background.

        Raises:
            QuietScopeError: If there is no model, or it draws no samples.
        """
        if self._work is not None:
            return
        denoiser = self._desk.model()
        layer, image, channel = self._image()
        dims = denoiser.method.spatial_dims
        box = visible_box(layer, image, place_in(self._desk.viewer, layer), dims, SIDE)
        part = part_of(image, box)
        self._part = parts_of(image.axes, image.shape, box)
        number = self.count.value()
        self.echo.choose(0)
        self.words.setText(f"Drawing {number} samples …")
        self._work = self._desk.start(
            lambda tell: draw_samples(denoiser, part, number, tell),
            told=lambda told: self.words.setText(f"Drawing {number} samples: {told[0] / max(told[1], 1):.0%}"),
            done=lambda samples: self._show_samples(layer, box, samples, channel),
            ended=self._ended,
        )
        self.refresh()

    def _image(self) -> tuple[Any, Image, int | None]:
        """Return the layer that is worked on, its image, and which channel of that it is, where it is one of several.

        Raises:
            QuietScopeError: If there is no layer, or it is no image.
        """
        shown, layer = self._shown(), self._desk.layer
        if shown is not None:
            return layer, shown.image, shown.channel
        source = self._desk.source(selected=self._desk.are_channels)
        [image, *_] = source.images()
        if not source.are_channels:
            return source.layers[0], image, None
        at = source.layers.index(layer) if layer in source.layers else 0
        return source.layers[at], image, at

    def _show_samples(self, layer: Any, box: tuple[slice, ...], samples: np.ndarray, channel: int | None) -> None:
        if self.sampled is not None and self.sampled in self._desk.viewer.layers:
            self._desk.viewer.layers.remove(self.sampled)
        self._samples, self._box, self._sampled_of = samples, box, layer
        ahead = samples.ndim - 1 - layer.ndim
        pixels = samples if channel is None else samples[:, channel]
        start = [side.start for side in box[ahead:]]
        self.sampled = layer_of(layer, "samples", pixels, start=start, told={"model": str(self._desk.model_path or "")})
        self._desk.add(self.sampled)
        self.player.take(self.sampled)
        self.words.setText(
            f"{len(samples)} samples of the part that was seen; where they flicker, the model is not sure."
        )

    def _ended(self) -> None:
        if self._work is not None and self._work.error:
            self.words.setText(html.escape(self._work.error))
        self._work = None
        self.refresh()

    def _show_deviation(self, is_on: bool) -> None:
        shown = self._shown()
        layer = None if shown is None else shown.layers.get("std")
        if layer is not None and layer in self._desk.viewer.layers:
            layer.visible = is_on

    def answer(self, first: Any, last: Any) -> None:
        """Show what is known of a pixel, or of those along a line.

        Args:
            first: Where the mouse was pressed, in world coordinates.
            last: Where it was let go.
        """
        shown, layer = self._shown(), self._desk.layer
        if shown is None:
            return
        ends = [layer.world_to_data(np.asarray(point)[-layer.ndim :]) for point in (first, last)]
        start = [side.start for side in self._box]
        samples = self._samples if len(start) == shown.image.ndim else None
        values = values_along(ends[0], ends[1], shown, samples, start)
        if not values:
            self.words.setText("That is outside the image.")
            return
        told = show_pixel(self.values, values[0]) if len(values) == 1 else show_line(self.values, values)
        self.words.setText(html.escape(told))

    def show_removed(self) -> None:
        """Show what was removed as a layer, and whether it is noise.

        Raises:
            QuietScopeError: If nothing was denoised yet, or the plane is too small.
        """
        layer = self._desk.layer
        shown = self._desk.shown_of(layer)
        place = place_in(self._desk.viewer, layer)
        box = visible_box(layer, shown.image, place, 2, 1 << 20)
        noisy = part_of(shown.image, box)
        residual = np.asarray(noisy.data, np.float32) - shown.result.mean[box]
        index = tuple(slice(None) if letter in "YX" else 0 for letter in noisy.axes)
        channel = 0 if shown.channel is None else shown.channel
        index = tuple(
            channel if letter == "C" and shown.channel is not None else i
            for letter, i in zip(noisy.axes, index, strict=True)
        )
        self.removed = judge_removed(
            np.asarray(noisy.data)[index],
            shown.result.mean[box][index],
            shown.result.verdict.words,
            shown.result.unexplained.words,
        )
        self._replace_removed(layer, residual[shown.ahead] if shown.ahead else residual, box[len(shown.ahead) :])
        lags, width = self.removed.lags, self.removed.width
        self.noise.draw(
            Drawn(x=lags, y=np.full(len(lags), -width), upper=np.full(len(lags), width), kind="band", colour=3),
            Drawn(x=lags, y=self.removed.along_x, label="along x", colour=0),
            Drawn(x=lags, y=self.removed.along_y, label="along y", colour=1),
            x_name="distance in pixels",
        )
        self.words.setText(html.escape(as_said(self.removed.words)))

    def _replace_removed(self, layer: Any, residual: np.ndarray, box: tuple[slice, ...]) -> None:
        shown = self._desk.shown_of(layer)
        before = shown.layers.pop("removed", None)
        if before is not None and before in self._desk.viewer.layers:
            self._desk.viewer.layers.remove(before)
        made = layer_of(layer, "removed", residual, start=[side.start for side in box])
        shown.layers["removed"] = made
        self._desk.add(made)

    def leave(self) -> None:
        """Stop what moves, and give the mouse back."""
        self.player.take(None)
        self.ask.setChecked(False)
