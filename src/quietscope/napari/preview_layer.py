"""The layer that shows, while something is learnt, what the part that is seen looks like by now."""

from collections.abc import Sequence
from typing import Any

from quietscope.io import Image
from quietscope.napari.desk import Desk
from quietscope.napari.layer_results import layer_of
from quietscope.napari.layer_source import part_of, place_in, visible_box
from quietscope.napari.learning_work import Preview, Seen

SIDE = 320
"""Pixels along Y and X that are previewed at most, so that a look takes a second or less."""


class PreviewLayer:
    """The layer, where there is one.

    Attributes:
        first_seconds: Time from Learn to the first preview, in seconds; None before it.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._noisy: Any = None
        self._image: Image | None = None
        self._dims = 2
        self._seen = Seen()
        self.layer: Any = None
        self.first_seconds: float | None = None

    def begin(self, layer: Any, dims: int, images: Sequence[Image]) -> Seen:
        """Choose what is previewed of a layer: what is seen of it now.

        Args:
            layer: The noisy layer that is worked on.
            dims: 2 where planes are learnt, 3 for volumes.
            images: What is learnt from, of which the first with the layer's size is shown.

        Returns:
            The part, which is read now, so that the layer may go.
        """
        self._noisy, self._dims, self.first_seconds = layer, dims, None
        fitting = [image for image in images if layer is not None and image.ndim == layer.ndim]
        self._image = next((each for each in fitting if each.shape == _shape(layer)), None)
        self._seen = Seen()
        self._follow()
        return self._seen

    def show(self, preview: Preview) -> None:
        """Show a preview, and choose anew what is seen for the next one."""
        if self.first_seconds is None:
            self.first_seconds = preview.seconds
        if self._noisy is None or self._noisy not in self._desk.viewer.layers:
            self._seen.part = None
            return
        start = [side.start for side in preview.box]
        if self.layer is not None and self.layer not in self._desk.viewer.layers:  # somebody does not want to see it
            self._seen.part = None
            return
        made = layer_of(self._noisy, "preview", preview.pixels, start=start, told={"by": preview.by})
        if self.layer is None:
            self.layer = made
            self._desk.add(made)
        else:
            self.layer.data, self.layer.translate = made.data, made.translate
            self.layer.metadata = made.metadata
        self.layer.name = f"{self._noisy.name} preview ({preview.by})"
        self._follow()

    def end(self) -> None:
        """Take the layer away: what was learnt is to be applied to all of the image."""
        if self.layer is not None and self.layer in self._desk.viewer.layers:
            self._desk.viewer.layers.remove(self.layer)
        self.layer = self._noisy = self._image = None
        self._seen.part = None

    def _follow(self) -> None:
        """Read what is seen now, for the next preview."""
        if self._image is None or self._noisy is None:
            return
        shown = place_in(self._desk.viewer, self._noisy)
        box = visible_box(self._noisy, self._image, shown, self._dims, SIDE if self._dims == 2 else SIDE // 2)
        if box != self._seen.box or self._seen.part is None:
            self._seen.box, self._seen.part = box, part_of(self._image, box)


def _shape(layer: Any) -> tuple[int, ...]:
    return tuple(layer.data[0].shape if layer.multiscale else layer.data.shape)
