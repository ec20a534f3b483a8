"""Step 3, Denoise: what is seen first, then the whole, while the window goes on."""

import html
import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from napari.utils.notifications import show_warning
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from quietscope.errors import ImageFileError
from quietscope.io import Image
from quietscope.main_memory import free_main_memory
from quietscope.napari.background import Work
from quietscope.napari.denoising_work import Denoising, Done, denoise, draws_samples, kinds_given
from quietscope.napari.desk import Desk, Shown
from quietscope.napari.echo_box import EchoBox
from quietscope.napari.layer_results import layer_of
from quietscope.napari.layer_source import Source, part_of, place_in, visible_box
from quietscope.napari.learn_step import SELECTED, THIS
from quietscope.napari.typed_lines import of_denoising
from quietscope.napari.window_words import FIELDS, as_said
from quietscope.napari.wrapped_text import WrappedText

USUAL_SAMPLES = 50
SEEN_SIDE = 512
"""Pixels along Y and X of the part that is denoised first, at most."""

MOST_OF_MEMORY = 0.7
"""Share of the free memory that results may take; of what would take more, only the part that is seen is denoised."""

PAUSE = 0.5
"""Seconds between two times that the window draws a result which grows."""


class DenoisingStep(QWidget):
    """The step that denoises.

    Args:
        desk: What the steps share.
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._work: Work | None = None
        self._start: tuple[int, ...] | None = None
        self._pending: list[tuple[tuple[Any, ...], Any, dict[str, np.ndarray], dict[str, list[Any]]]] = []
        self._drawn = 0.0
        self._started = 0.0
        self.first_seconds: float | None = None
        self.what, self.samples = QComboBox(), QSpinBox()
        self.what.addItems([THIS, SELECTED])
        self.samples.setRange(1, 1000)
        self.samples.setValue(desk.remembered.get("samples", USUAL_SAMPLES))
        self.samples.setToolTip("Posterior samples behind mean and deviation; methods that draw none take none.")
        self.run, self.cancel = QPushButton("Denoise"), QPushButton("Cancel")
        self.bar, self.words, self.echo = QProgressBar(), WrappedText(), EchoBox()
        self.bar.setRange(0, 1000)
        form = QFormLayout()
        form.addRow("Denoise", self.what)
        form.addRow(FIELDS["num_samples"], self.samples)
        buttons = QHBoxLayout()
        buttons.addWidget(self.run)
        buttons.addWidget(self.cancel)
        column = QVBoxLayout(self)
        column.addLayout(form)
        column.addLayout(buttons)
        column.addWidget(self.bar)
        column.addWidget(self.words)
        column.addStretch()
        column.addWidget(self.echo)
        self.run.clicked.connect(lambda: desk.guarded(self.begin))
        self.cancel.clicked.connect(self.end)
        self.what.currentIndexChanged.connect(self.refresh)
        self.samples.valueChanged.connect(self.refresh)
        desk.layer_changed.connect(self.refresh)
        desk.model_changed.connect(self.refresh)
        self.refresh()

    @property
    def is_running(self) -> bool:
        """Whether something is being denoised."""
        return self._work is not None

    def refresh(self) -> None:
        """Say again what would be typed, and what can be pressed."""
        denoiser = self._desk.denoiser
        self.run.setEnabled(not self.is_running and denoiser is not None)
        self.cancel.setEnabled(self.is_running)
        self.samples.setEnabled(denoiser is None or draws_samples(denoiser))
        try:
            source = self._desk.source(selected=self.what.currentText() == SELECTED)
        except ImageFileError:
            self.echo.show_lines(None)
            return
        self._echo(source)

    def _echo(self, source: Source) -> None:
        denoiser, path = self._desk.denoiser, self._desk.model_path
        kinds = ("mean", "std") if denoiser is None else kinds_given(denoiser)
        drawn = self.samples.value() if denoiser is None or draws_samples(denoiser) else 0
        self.echo.show_lines(of_denoising(source, str(path or "model.safetensors"), kinds, drawn))

    def begin(self) -> None:
        """Denoise, in the background; pressed again meanwhile, it does nothing.

        Raises:
            QuietScopeError: If there is no model, or a layer is no image for it.
        """
        if self.is_running:
            return
        denoiser = self._desk.model()
        source = self._desk.source(selected=self.what.currentText() == SELECTED)
        images = source.images()
        groups = [source.layers] if source.are_channels else [(layer,) for layer in source.layers]
        kinds, dims = kinds_given(denoiser), denoiser.method.spatial_dims
        self._pending, boxes, self._start = [], [], None
        for image in images:
            image.layout(dims)  # refused before any layer appears
        if not _fits(images, len(kinds)):
            groups, images = groups[:1], (self._seen_part(groups[0], images[0], dims),)
        for layers, image in zip(groups, images, strict=True):
            box = self._box_of(layers, image, dims)
            whole = all(part == slice(0, size) for part, size in zip(box, image.shape, strict=True))
            boxes.append(None if whole else box)
            out = {kind: np.full(image.shape, np.nan, np.float32) for kind in kinds}
            self._pending.append((layers, image, out, {}))
        job = Denoising(
            denoiser=denoiser,
            images=images,
            boxes=tuple(boxes),
            out=tuple(each[2] for each in self._pending),
            num_samples=self.samples.value(),
        )
        self._desk.remembered.keep("samples", self.samples.value())
        self._echo(source)
        self.bar.setValue(0)
        self.words.setText("Denoising what is seen …")
        self._started, self.first_seconds = time.monotonic(), None
        self._work = self._desk.start(
            lambda tell: denoise(job, tell), told=self._hear, done=self._finish, ended=self._ended
        )
        self.run.setEnabled(False)
        self.cancel.setEnabled(True)

    def _box_of(self, layers: tuple[Any, ...], image: Image, dims: int) -> tuple[slice, ...]:
        """Return the part of an image that is seen; all of it where it is such a part itself."""
        if self._start is not None:
            return tuple(slice(0, size) for size in image.shape)
        return visible_box(layers[0], image, place_in(self._desk.viewer, layers[0]), dims, SEEN_SIDE)

    def _seen_part(self, layers: tuple[Any, ...], image: Image, dims: int) -> Image:
        """Return the part of an image that is seen, where there is no memory for the results of all of it."""
        box = self._box_of(layers, image, dims)
        show_warning(
            f"the results of {str(layers[0].name)!r} are larger than the free memory: only what is seen is denoised, "
            f"{SEEN_SIDE} pixels a side at most; for all of it, save the layer and type what stands under 'The same as'"
        )
        self._start = tuple(side.start for side in box[len(box) - layers[0].ndim :])
        return part_of(image, box)

    def end(self) -> None:
        """Stop; what is denoised by then stays."""
        if self._work is not None:
            self._work.stop()
            self.words.setText("Cancelling …")

    def _hear(self, told: Done) -> None:
        now = time.monotonic()
        if told.is_first and self.first_seconds is None:
            self.first_seconds = now - self._started
        if told.total:
            share = (told.number + told.done / told.total) / len(self._pending)
            self.bar.setValue(round(1000 * share))
            if told.done:
                left = (now - self._started) * (1 - share) / share
                self.words.setText(f"Denoising: {share:.0%}, {left:.0f} s left")
        if (told.is_first or told.done) and (told.is_first or now - self._drawn > PAUSE):
            self._drawn = now
            self._show(told.number)

    def _show(self, number: int) -> None:
        """Show the results of an image as they are by now; layers that somebody removed stay away."""
        layers, _image, out, made = self._pending[number]
        for kind, pixels in out.items():
            if kind not in made:
                made[kind] = self._add(layers, kind, pixels)
            else:
                for each in made[kind]:
                    if each in self._desk.viewer.layers:
                        each.refresh()

    def _add(self, layers: tuple[Any, ...], kind: str, pixels: np.ndarray) -> list[Any]:
        """Add the layers of a result: one, or one for each channel; the deviation waits until it is asked for."""
        told = {"model": str(self._desk.model_path or "")}
        parts = [pixels] if len(layers) == 1 else list(pixels)
        made = []
        for layer, part in zip(layers, parts, strict=True):
            each = layer_of(layer, kind, part, start=self._start, told=told)
            each.visible = kind != "std"
            self._desk.add(each)
            made.append(each)
        return made

    def _finish(self, results: list[Any]) -> None:
        lines = []
        for number, (layers, image, out, made) in enumerate(self._pending):
            self._show(number)
            self._rescale(layers, out, made)
            for at, layer in enumerate(layers if self._start is None else ()):
                shown = {kind: found[at] for kind, found in made.items()}
                channel = at if len(layers) > 1 else None
                self._desk.shown[layer] = Shown(image=image, result=results[number], layers=shown, channel=channel)
            verdict = results[number].verdict
            lines.append(f"<b>{html.escape(layers[0].name)}</b>: {html.escape(as_said(verdict.words))}")
            if verdict.level != "usable":
                show_warning(f"{layers[0].name}: {as_said(verdict.words)}")
        self.bar.setValue(1000)
        took = time.monotonic() - self._started
        self.words.setText("<br>".join([f"Done in {took:.1f} s. Verdict:", *lines]))
        self._desk.result_changed.emit()

    @staticmethod
    def _rescale(layers: tuple[Any, ...], out: Mapping[str, np.ndarray], made: Mapping[str, list[Any]]) -> None:
        """Show a deviation in its own range, which is known only now."""
        for each in made.get("std", []):
            known = out["std"][np.isfinite(out["std"])]
            high = float(np.percentile(known[:: max(1, known.size // 1_000_000)], 99.5)) if known.size else 0.0
            each.contrast_limits_range = each.contrast_limits = (0.0, high if high > 0 else 1.0)

    def _ended(self) -> None:
        if self._work is not None and self._work.error:
            self.words.setText(html.escape(self._work.error))
        elif not self.words.text().startswith("Done"):
            self.words.setText("Cancelled; what was denoised until then is shown.")
        self._work = None
        self._pending = []
        self.refresh()


def _fits(images: Sequence[Image], kinds: int) -> bool:
    """Tell whether the results of images, numbers of four bytes, are small beside the memory that is free."""
    needed = 4 * kinds * sum(math.prod(image.shape) for image in images)
    return needed < MOST_OF_MEMORY * free_main_memory()
