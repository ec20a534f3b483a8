"""Whatever denoises, opened from its file."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from quietscope.deploy.card import History
from quietscope.io import Image, Sink
from quietscope.metrics.coverage import Exposure
from quietscope.tiling.cut import Room, Within
from quietscope.tiling.request import Request


class Model(Protocol):
    """Whatever denoises: a trained model, or an exported one with or without PyTorch."""

    @property
    def history(self) -> History:
        """What it has learnt from, and how far."""

    @property
    def known_noise(self) -> tuple[Exposure, ...]:
        """The noise of each channel in the units of images; none where it is not known."""

    def denoise_into(
        self,
        image: Image,
        sinks: Mapping[str, Sink],
        request: Request,
        *,
        chunks: Iterable[Within] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Denoise an image of any size, or chunks of it, into sinks by kind, tile by tile."""

    def room(self, kinds: Sequence[str], request: Request) -> Room:
        """Return what decides how an image is cut into chunks."""


def open_model_file(file: Path, device: str | None, kinds: Collection[str]) -> Model:
    """Open a model, and PyTorch only where what is wanted needs it.

    Args:
        file: The file.
        device: Where to compute; the best there is if None.
        kinds: Names of the kinds of results that are wanted.

    Returns:
        The model.

    Raises:
        QuietScopeError: If the file is no model, or its runtime or the device is not there.
    """
    from quietscope.deploy import is_exported

    if not is_exported(file):
        from quietscope.denoiser import Denoiser

        return Denoiser.load(file, device=device)
    from quietscope.deploy import open_session
    from quietscope.deploy.predict import LeanPredictor

    session = open_session(file, device)
    if LeanPredictor.can(kinds):
        return LeanPredictor(session=session)
    from quietscope.model.exported import Deployed

    return Deployed(session)
