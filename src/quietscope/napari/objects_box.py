"""A part of step 4: segment samples, and show the objects, each coloured by how many of the samples have it."""

import html
from collections.abc import Callable
from typing import Any, TypeAlias

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QFormLayout, QGroupBox, QHBoxLayout, QPushButton, QSpinBox

from quietscope.errors import QuietScopeError
from quietscope.io import Image
from quietscope.napari.background import Work
from quietscope.napari.desk import Desk
from quietscope.napari.layer_source import Source, part_of, place_in
from quietscope.napari.objects_work import (
    USUAL_SAMPLES,
    Segmenting,
    Step,
    count_words,
    counted,
    dims_of,
    frame_box,
    pixel_um,
    segment_samples,
    usual_diameter,
)
from quietscope.napari.segmented_objects import found_layer
from quietscope.napari.typed_lines import Lines, of_objects, parts_of
from quietscope.napari.window_words import FIELDS, as_said
from quietscope.napari.wrapped_text import WrappedText

SEEN, ALL = "the frame that is seen", "all frames"
_COLOURS = "Green: sure to exist; red: in doubt."

Chosen: TypeAlias = Callable[[], tuple[Any, Image, int | None]]
"""Returns a layer, its image, and which channel of that it is, where it is one of several."""


class ObjectsBox(QGroupBox):
    """Fields, two buttons, and what was found in words.

    Args:
        desk: What the steps share.
        chosen: Returns what is worked on.
    """

    changed = Signal()
    touched = Signal()

    def __init__(self, desk: Desk, chosen: Chosen) -> None:
        super().__init__("Cells and other objects")
        self._desk, self._chosen = desk, chosen
        self._work: Work | None = None
        self._of: Any = None
        self._is_own = False
        self.made: Any = None
        self.diameter, self.samples, self.frames = QDoubleSpinBox(), QSpinBox(), QComboBox()
        self.run, self.cancel, self.words = QPushButton("Segment the samples"), QPushButton("Cancel"), WrappedText()
        self.diameter.setRange(1.0, 10_000.0)
        self.diameter.setDecimals(1)
        self.samples.setRange(2, 1000)
        self.samples.setValue(desk.remembered.get("segmented", USUAL_SAMPLES))
        self.frames.addItems([SEEN, ALL])
        self.diameter.setToolTip("About how large an object is; what is much smaller does not count as one.")
        self.samples.setToolTip("Samples that are drawn and segmented; each object is given the share that has it.")
        self._lay_out()
        self._connect()
        self.refresh()

    def _lay_out(self) -> None:
        form = QFormLayout(self)
        form.setContentsMargins(6, 6, 6, 6)
        buttons = QHBoxLayout()
        for button in (self.run, self.cancel):
            buttons.addWidget(button)
        for words, field in (
            (FIELDS["diameter"], self.diameter),
            (FIELDS["num_samples"], self.samples),
            ("Frames", self.frames),
        ):
            form.addRow(words, field)
            field.setAccessibleName(f"{words} of what is segmented")
        form.addRow(buttons)
        form.addRow(self.words)

    def _connect(self) -> None:
        desk = self._desk
        self.run.clicked.connect(lambda: desk.guarded(self.begin))
        self.cancel.clicked.connect(self.end)
        self.diameter.valueChanged.connect(self._name_diameter)
        self.samples.valueChanged.connect(self._tell)
        self.samples.valueChanged.connect(lambda value: desk.remembered.keep("segmented", value))
        self.frames.currentIndexChanged.connect(self._tell)
        desk.layer_changed.connect(self._follow)
        desk.model_changed.connect(self.refresh)
        desk.result_changed.connect(self.refresh)

    @property
    def is_running(self) -> bool:
        """Whether something is being segmented."""
        return self._work is not None

    def refresh(self) -> None:
        """Say what can be pressed."""
        self.run.setEnabled(not self.is_running and self._desk.denoiser is not None)
        self.cancel.setEnabled(self.is_running)

    def _follow(self) -> None:
        """Say how large objects usually are in another layer, unless somebody has said it of this one."""
        layer = self._desk.layer
        if layer is not self._of:
            self._of, self._is_own = layer, False
            if not self.is_running:
                self.words.setText("")
        known = self._known()
        self.frames.setEnabled(known is not None and not set(known) <= set("CSYX"))
        if known is not None and not self._is_own:
            self.diameter.blockSignals(True)
            self.diameter.setValue(usual_diameter(layer, known))
            self.diameter.blockSignals(False)
        self._name_size()
        self.refresh()

    def _known(self) -> str | None:
        """Return the axes of the layer; None where it is no image, or nobody knows them."""
        try:
            layer, image, _ = self._chosen()
        except QuietScopeError:
            return None
        return image.axes[image.ndim - layer.ndim :]

    def _name_diameter(self) -> None:
        self._is_own = True
        self._name_size()
        self._tell()

    def _name_size(self) -> None:
        """Say the diameter in micrometres, too, where the layer has a pixel size."""
        axes, layer = self._known(), self._desk.layer
        size = None if axes is None else pixel_um(layer, axes)
        self.diameter.setSuffix(" pixels" if size is None else f" pixels ({self.diameter.value() * size:.3g} µm)")

    def _tell(self) -> None:
        self.changed.emit()
        self.touched.emit()

    def begin(self) -> None:
        """Segment, in the background; pressed again meanwhile, it does nothing.

        Raises:
            QuietScopeError: If there is no model, it does not sample, or the layer is no image for it.
        """
        from quietscope.consensus.posterior_samples import check_samples

        if self.is_running:
            return
        denoiser, number = self._desk.model(), self.samples.value()
        layer, image, of_several = self._chosen()
        check_samples(denoiser, number)
        image.layout(denoiser.method.spatial_dims)
        axes, start = image.axes[image.ndim - layer.ndim :], dict[str, int]()
        channel = self._channel(layer, axes) if of_several is None else of_several
        if self.frames.currentText() == SEEN:
            box = frame_box(image, place_in(self._desk.viewer, layer), dims_of(denoiser, image))
            start = {letter: side.start for letter, side in zip(image.axes, box, strict=True)}
            image = part_of(image, box)
        job = Segmenting(
            denoiser=denoiser, image=image, num_samples=number, channel=channel, diameter=self.diameter.value()
        )
        told = {"model": str(self._desk.model_path or ""), "diameter": job.diameter, "samples": number}
        self._tell()
        self.words.setText(f"Drawing {number} samples …")
        self._work = self._desk.start(
            lambda tell: segment_samples(job, tell),
            told=self._hear,
            done=lambda found: self._show(layer, found, axes, {**start, "C": channel}, told),
            ended=self._ended,
        )
        self.refresh()

    def _channel(self, layer: Any, axes: str) -> int:
        """Return which channel of a layer is seen, where it has several along an axis of its own."""
        return place_in(self._desk.viewer, layer)[axes.index("C")] if "C" in axes else 0

    def end(self) -> None:
        """Stop; nothing is shown then."""
        if self._work is not None:
            self._work.stop()
            self.words.setText("Cancelling …")
            self.cancel.setEnabled(False)

    def _hear(self, step: Step) -> None:
        self.words.setText(f"{step.what}: {step.done / max(step.total, 1):.0%}")

    def _show(self, layer: Any, found: Any, axes: str, start: dict[str, int], told: dict[str, Any]) -> None:
        if self.made is not None and self.made in self._desk.viewer.layers:
            self._desk.viewer.layers.remove(self.made)
        noted = {**told, "counts": counted(found, start)}
        self.made = found_layer(layer, found, axes, start, noted)
        self._desk.add(self.made)
        any_colours = f"<br>{_COLOURS}" if self.made.data.any() else ""
        words = html.escape(as_said(count_words(found, start)))
        self.words.setText(f"<b>{html.escape(layer.name)}</b>: {words}{any_colours}")

    def _ended(self) -> None:
        if self._work is not None and self._work.error:
            self.words.setText(html.escape(self._work.error))
        elif self._work is not None and self._work.is_stopping:
            self.words.setText("Cancelled.")
        self._work = None
        self.refresh()

    def lines(self, source: Source, model: str) -> Lines | None:
        """Return what would be typed; nothing where the layer is no image.

        Args:
            source: The layer.
            model: File of the model.
        """
        try:
            layer, image, of_several = self._chosen()
        except QuietScopeError:
            return None
        ahead, denoiser = image.ndim - layer.ndim, self._desk.denoiser
        axes, part = image.axes[ahead:], dict[str, tuple[int, int]]()
        if self.frames.currentText() == SEEN:
            dims = 2 if denoiser is None else dims_of(denoiser, image)
            box = frame_box(image, place_in(self._desk.viewer, layer), dims)
            part = parts_of(axes, image.shape[ahead:], box[ahead:])
        channel = self._channel(layer, axes) if of_several is None else 0
        return of_objects(source, model, self.samples.value(), self.diameter.value(), channel, part)
