"""Step 2, Learn: train on layers or files, with a preview of what they look like by now."""

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from quietscope.errors import ImageFileError, OutputError
from quietscope.napari.background import Work
from quietscope.napari.curve_plot import CurvePlot, Drawn
from quietscope.napari.desk import Desk
from quietscope.napari.echo_box import EchoBox
from quietscope.napari.going_on import Resumed, resumed, run_of
from quietscope.napari.layer_source import Source, unsaved_name
from quietscope.napari.learn_settings import LearnSettings
from quietscope.napari.learning_work import Learning, Preview, Seen, learn
from quietscope.napari.preview_layer import PreviewLayer
from quietscope.napari.remembered import usual_runs_folder
from quietscope.napari.typed_lines import of_learning
from quietscope.napari.window_words import CONTINUE, LEARN, RUNS, as_said
from quietscope.napari.wrapped_text import WrappedText

THIS, SELECTED, FILES = "this layer", "the selected layers", "files"
_MOST_POINTS = 300


class LearnStep(QWidget):
    """The step that learns.

    Args:
        desk: What the steps share.
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._work: Work | None = None
        self._losses: list[tuple[float, float]] = []
        self._folder: Path | None = None
        self._job: Learning | None = None
        self.files: tuple[str, ...] = ()
        self.preview = PreviewLayer(desk)
        self.settings = LearnSettings(desk.remembered)
        self.origin, self.runs = QComboBox(), QLineEdit(desk.remembered.get("runs", str(usual_runs_folder())))
        self.origin.addItems([THIS, SELECTED, FILES])
        self.learn, self.stop, self.go_on = QPushButton(LEARN), QPushButton("Stop"), QPushButton(CONTINUE)
        self.load, self.save = QPushButton("Load model…"), QPushButton("Save model…")
        self.bar, self.words, self.model = QProgressBar(), WrappedText(), WrappedText("No model yet.")
        self.loss, self.echo = CurvePlot("Loss"), EchoBox()
        self.bar.setRange(0, 1000)
        self._lay_out()
        self._connect()
        self._ready()

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.addRow("Learn from", self.origin)
        form.addRow(self.settings)
        form.addRow(RUNS, self.runs)
        rows = [QHBoxLayout(), QHBoxLayout()]
        for row, widgets in zip(rows, ((self.learn, self.stop, self.go_on), (self.load, self.save)), strict=True):
            for each in widgets:
                row.addWidget(each)
        column = QVBoxLayout(self)
        column.addLayout(form)
        column.addLayout(rows[0])
        for widget in (self.bar, self.words, self.loss, self.model):
            column.addWidget(widget)
        column.addLayout(rows[1])
        column.addStretch()
        column.addWidget(self.echo)

    def _connect(self) -> None:
        guarded = self._desk.guarded
        self.learn.clicked.connect(lambda: guarded(self.begin))
        self.go_on.clicked.connect(lambda: guarded(lambda: self.begin(resume=True)))
        self.stop.clicked.connect(self.end)
        self.load.clicked.connect(lambda: guarded(self.ask_to_load))
        self.save.clicked.connect(lambda: guarded(self.ask_to_save))
        self.origin.currentTextChanged.connect(self._choose_origin)
        self.settings.changed.connect(self.refresh)
        self.runs.textChanged.connect(self.refresh)
        self._desk.layer_changed.connect(self.refresh)
        self._desk.model_changed.connect(self._show_model)

    @property
    def is_running(self) -> bool:
        """Whether something is being learnt."""
        return self._work is not None

    def source(self) -> Source | None:
        """Return the layers that are learnt from; None where it is files.

        Raises:
            ImageFileError: If there is no such layer.
        """
        if self.origin.currentText() == FILES:
            return None
        return self._desk.source(selected=self.origin.currentText() == SELECTED)

    def refresh(self) -> None:
        """Say again what would be typed."""
        try:
            source = self.source()
        except ImageFileError:
            self.echo.show_lines(None)
            return
        files = self.files or ("cells.tif",)
        folder = self._next_folder(source)
        self.echo.show_lines(of_learning(source, files, str(folder), self.settings.values()))

    def begin(self, *, resume: bool = False) -> None:
        """Learn, in the background; pressed again while it learns, it does nothing.

        Args:
            resume: Whether a run goes on: that of the model that is used, else the last one.

        Raises:
            QuietScopeError: If layers, files or settings cannot be used.
        """
        if self.is_running:
            return
        source = self.source()
        images: Sequence[Any] = self.files if source is None else source.images()
        if not images:
            raise ImageFileError("files to learn from", "none", "choose files, or a layer")
        going_on = self._resumed() if resume else None
        settings, folder = self.settings.values(), self._next_folder(source)
        dims = int(settings.get("dims", 2))
        if going_on is not None:
            settings, folder, dims = going_on.settings, going_on.folder, going_on.dims
            images = self._job.images if self._job is not None and self._job.folder == folder else images
        axes = self._desk.axes or None if source is None else None
        self._desk.seen_depth = dims
        seen = self.preview.begin(self._desk.layer, dims, images) if source is not None else Seen()
        job = Learning(images=images, folder=folder, settings=settings, resume=resume, axes=axes, seen=seen)
        self.settings.keep()
        self._desk.remembered.keep("runs", self.runs.text())
        self.echo.show_lines(of_learning(source, self.files, str(folder), settings, resume=resume))
        self._losses = self._losses if resume and folder == self._folder else []
        self._folder, self._job = folder, job
        self.words.setText("Looking at the images …")
        self._work = self._desk.start(
            lambda tell: learn(job, tell), told=self._hear, done=self._learnt, ended=self._ended
        )
        self._ready()

    def end(self) -> None:
        """Stop learning; what was learnt until then is kept."""
        if self._work is not None:
            self._work.stop()
            self.words.setText("Stopping: what was learnt is written …")
            self.stop.setEnabled(False)

    def _run(self) -> Path | None:
        """Return the folder of the run that goes on: that of the model that is used, else the last one."""
        return run_of(self._desk.model_path) or (None if self._folder is None else run_of(self._folder / "any file"))

    def _resumed(self) -> Resumed:
        """Return how the run goes on.

        Raises:
            QuietScopeError: If there is none, or what is kept of it cannot be read.
        """
        folder = self._run()
        if folder is None:
            fix = "press Learn, or load a model from the folder of its run"
            raise OutputError("a run to go on with", "none with a resume file", fix)
        return resumed(folder, self.settings.budget.text().strip())

    def _next_folder(self, source: Source | None) -> Path:
        """Return a folder for a run that does not exist yet: the name of the layer, and a number."""
        name = self.files[0] if source is None and self.files else "files" if source is None else source.name
        stem = Path(name).stem if source is None else unsaved_name(source.layers[0]).removesuffix(".ome.tif")
        base, number = Path(self.runs.text()).expanduser(), 1
        while (base / f"{stem}-{number}").exists():
            number += 1
        return base / f"{stem}-{number}"

    def _hear(self, event: Any) -> None:
        from quietscope import Began, Note, TrainingProgress

        if isinstance(event, Preview):
            self.preview.show(event)
        elif isinstance(event, TrainingProgress):
            self._show_progress(event.state)
        elif isinstance(event, Note):
            self._desk.viewer.status = as_said(event.text)
            self.words.setToolTip(as_said(event.text))
        elif isinstance(event, Began) and event.step == "settle":
            self.words.setText("Measuring the noise …")

    def _show_progress(self, state: Any) -> None:
        self.bar.setValue(round(1000 * state.progress))
        left = state.seconds * (1 - state.progress) / state.progress if state.progress > 0.005 else None
        told = "" if left is None else f", {_time(left)} left"
        self.words.setText(f"step {state.step:,}, loss {state.loss:.4g}{told}")
        self._losses.append((state.step, state.loss))
        if len(self._losses) > 2 * _MOST_POINTS:
            self._losses = self._losses[::2]
        steps, losses = zip(*self._losses, strict=True)
        self.loss.draw(Drawn(x=steps, y=losses, label="training"), x_name="step")

    def _learnt(self, model: Path) -> None:
        self._desk.guarded(lambda: self._desk.take_model(model))
        stopped = self._work is not None and self._work.is_stopping
        self.words.setText(f"{'Stopped early; the model is kept' if stopped else 'Done'}: {html.escape(str(model))}")

    def _ended(self) -> None:
        if self._work is not None and self._work.error:
            self.words.setText(html.escape(self._work.error))
        elif not self.words.text().startswith(("Stopped", "Done")):
            self.words.setText("Stopped before anything was learnt.")
        self._work = None
        self.preview.end()
        self._ready()

    def _ready(self) -> None:
        is_idle = not self.is_running
        self.learn.setEnabled(is_idle)
        self.stop.setEnabled(not is_idle)
        run = self._run()
        self.go_on.setEnabled(is_idle and run is not None)
        self.go_on.setToolTip("" if run is None else f"Goes on with {run}, on the images that it began with")
        self.save.setEnabled(is_idle and self._desk.denoiser is not None)
        self.load.setEnabled(is_idle)

    def _show_model(self) -> None:
        denoiser = self._desk.denoiser
        self.model.setText("No model yet." if denoiser is None else f"Model: {html.escape(str(self._desk.model_path))}")
        if denoiser is not None:
            self.model.setToolTip("\n".join(f"{name}: {words}" for name, words in denoiser.describe().items()))
        self._ready()

    def _choose_origin(self, chosen: str) -> None:
        if chosen == FILES:
            names, _ = QFileDialog.getOpenFileNames(self, "Noisy images to learn from")
            self.files = tuple(names)
        self.refresh()

    def ask_to_load(self) -> None:
        """Ask for a model file, and use it."""
        name, _ = QFileDialog.getOpenFileName(self, "Load a model", self.runs.text(), "Models (*.safetensors)")
        if name:
            self._desk.take_model(Path(name))

    def ask_to_save(self) -> None:
        """Ask where the model is to be written, and write it there."""
        self._desk.model()
        name, _ = QFileDialog.getSaveFileName(self, "Save the model", "model.safetensors", "Models (*.safetensors)")
        if name:
            self._desk.save_model(Path(name).with_suffix(".safetensors"))


def _time(seconds: float) -> str:
    """Return a time in words: ``40 s``, ``3 min``."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
