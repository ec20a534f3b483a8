"""What the four steps share: the layer, the model, the results, and whatever is at work in the background."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import QEvent, QObject, Signal

from quietscope.errors import ImageFileError, QuietScopeError
from quietscope.io import Image
from quietscope.napari.background import Tell, Work
from quietscope.napari.layer_source import Source, is_own_result
from quietscope.napari.remembered import Remembered
from quietscope.napari.window_words import as_said, for_the_window

PATIENCE = 60.0
"""Seconds that a window which is closed waits for a model to be written."""


@dataclass(kw_only=True, eq=False)
class Shown:
    """What was made of a layer.

    Attributes:
        image: The noisy image.
        result: What the model made of it.
        layers: The layers that show it, by kind.
        channel: Number of the channel that the layer is, where several layers are the channels of one image.
    """

    image: Image
    result: Any
    layers: dict[str, Any] = field(default_factory=dict)
    channel: int | None = None

    @property
    def ahead(self) -> tuple[int, ...]:
        """The index in front of those of the layer."""
        return () if self.channel is None else (self.channel,)


class Desk(QObject):
    """The state that the steps share.

    Args:
        viewer: The viewer of napari.
    """

    layer_changed = Signal()
    model_changed = Signal()
    result_changed = Signal()
    busy_changed = Signal()

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self.viewer = viewer
        self.remembered = Remembered()
        self.axes = ""
        self.are_channels = False
        self.has_gaps = False
        self.denoiser: Any = None
        self.model_path: Path | None = None
        self.seen_depth = 2
        self.shown: WeakKeyDictionary[Any, Shown] = WeakKeyDictionary()
        self._layer: Any = None
        self._works: list[Work] = []

    @property
    def layer(self) -> Any:
        """The layer that is worked on; None where there is none."""
        return self._layer if self._layer is not None and self._layer in self.viewer.layers else None

    @layer.setter
    def layer(self, layer: Any) -> None:
        if layer is not self._layer:
            self._layer = layer
            self.layer_changed.emit()

    def source(self, *, selected: bool = False) -> Source:
        """Return what is worked on.

        Args:
            selected: Whether it is the layers that are selected in the list, in its order, not the one alone.

        Returns:
            The layers.

        Raises:
            ImageFileError: If there is none.
        """
        if selected:
            chosen = [
                each for each in self.viewer.layers if each in self.viewer.layers.selection and not is_own_result(each)
            ]
        else:
            chosen = [] if self.layer is None else [self.layer]
        if not chosen:
            raise ImageFileError(
                "a layer with a noisy image", "none", "open an image, or take File > Open Sample > QuietScope"
            )
        return Source(
            layers=tuple(chosen),
            axes=self.axes,
            are_channels=self.are_channels and len(chosen) > 1,
            has_gaps=self.has_gaps,
        )

    def add(self, layer: Any) -> None:
        """Add a layer to the viewer; what is selected stays so, for it is worked on, and what is seen stays seen."""
        layers, camera = self.viewer.layers, self.viewer.scene.camera
        center, zoom = camera.center, camera.zoom
        selected, active = set(layers.selection), layers.selection.active
        self.viewer.add_layer(layer)
        camera.center, camera.zoom = center, zoom
        if selected:
            layers.selection = selected
            layers.selection.active = active if len(selected) == 1 else layers.selection.active

    def guarded(self, action: Callable[[], None]) -> None:
        """Do something that a person asked for; a mistake of theirs is a notification of one line."""
        try:
            with for_the_window():
                action()
        except QuietScopeError as error:
            show_error(as_said(error))

    def start(
        self,
        function: Callable[[Tell], Any],
        *,
        told: Callable[[Any], None] | None = None,
        done: Callable[[Any], None] | None = None,
        ended: Callable[[], None] | None = None,
    ) -> Work:
        """Begin a piece of work in the background; the arguments are those of `Work`."""

        def leave() -> None:
            self._works = [each for each in self._works if each is not work]
            if ended is not None:
                ended()
            self.busy_changed.emit()

        work = Work(function, told=told, done=done, ended=leave)
        self._works.append(work)
        work.start()
        self.busy_changed.emit()
        return work

    @property
    def is_busy(self) -> bool:
        """Whether anything is at work."""
        return bool(self._works)

    def take_model(self, path: Path, denoiser: Any = None) -> None:
        """Use a model from now on.

        Args:
            path: Its file.
            denoiser: The model; it is read from the file if None.

        Raises:
            ModelFileError: If it is no model.
        """
        from quietscope import Denoiser

        self.denoiser = Denoiser.load(path) if denoiser is None else denoiser
        self.model_path = path
        self.model_changed.emit()

    def save_model(self, path: Path) -> None:
        """Write the model to a file of a person's choice, which a dialog has asked whether to replace.

        Raises:
            QuietScopeError: If there is no model, or it cannot be written.
        """
        self.model().save(path, overwrite=True)
        self.model_path = path
        self.model_changed.emit()
        show_info(f"model: {path}")

    def model(self) -> Any:
        """Return the model.

        Raises:
            ModelFileError: If there is none.
        """
        from quietscope.errors import ModelFileError

        if self.denoiser is None:
            raise ModelFileError("a model", "none yet", "press Learn, or load one")
        return self.denoiser

    def shown_of(self, layer: Any) -> Shown:
        """Return what was made of a layer.

        Raises:
            ImageFileError: If nothing was.
        """
        found = self.shown.get(layer) if layer is not None else None
        if found is None:
            name = "this layer" if layer is None else repr(layer.name)
            raise ImageFileError(f"a denoised image of {name}", "none yet", "press Denoise")
        return found

    def close(self) -> None:
        """End what is at work: models that are being learnt are kept."""
        works, self._works = self._works, []
        for work in works:
            work.stop()
            work.forget_window()
        for work in works:
            work.wait(PATIENCE)
        self.remembered.flush()
        self.denoiser = None
        self.shown.clear()


class Closing(QObject):
    """Watches the window that a widget lies in, and calls a function when it is closed.

    Args:
        window: The window.
        closed: What is called, once.
    """

    def __init__(self, window: QObject, closed: Callable[[], None]) -> None:
        super().__init__(window)
        self._closed: Callable[[], None] | None = closed
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Look at an event of the window, and let it pass."""
        if event.type() == QEvent.Type.Close and self._closed is not None:
            closed, self._closed = self._closed, None
            closed()
        return False
