"""Learn away from the window: a run of the pipeline that shows by the way what it makes of a small part by now."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from quietscope.errors import QuietScopeError, Stop
from quietscope.io import Image
from quietscope.napari.background import Tell

QUICK = "instant"
"""The method that shows the first preview: it comes trained, and suits an image in seconds."""

QUICK_STEPS, QUICK_SIDE = 8, 192
"""Steps in which it does, and the side of the part that it is fitted to, in pixels."""

FIRST_STEP, FIRST_SECONDS, LATE_SECONDS = 3, 2.0, 12.0
"""When a method that learns is first looked at: after so many steps and seconds; later where there is a preview."""

LEAST_PAUSE, SHARE = 4.0, 0.1
"""Seconds between previews at least, and the share of the time that they may take."""


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What a small part looks like by now.

    Attributes:
        pixels: The denoised part.
        box: Which part of the image it is, one slice per axis.
        by: The method, and how far it is.
        seconds: Time since Learn was pressed.
    """

    pixels: np.ndarray
    box: tuple[slice, ...]
    by: str
    seconds: float


@dataclass
class Seen:
    """The part that is previewed; the window puts another one here when somebody moves the view.

    Attributes:
        part: The noisy part; None for no preview.
        box: Where in the image it lies.
    """

    part: Image | None = None
    box: tuple[slice, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Learning:
    """What is to be learnt.

    Attributes:
        images: The images, or names of files, folders and patterns.
        folder: The run folder.
        settings: How to learn, as for `quietscope.Denoiser`.
        resume: Whether the run in the folder goes on.
        axes: Axes of files that do not name them.
        seen: The part that is previewed.
    """

    images: Sequence[Any]
    folder: Path
    settings: Mapping[str, Any]
    resume: bool = False
    axes: str | None = None
    seen: Seen


def learn(job: Learning, tell: Tell) -> Path:
    """Learn, and keep the model in the run folder; what is stopped keeps what was learnt until then.

    Args:
        job: What is to be learnt.
        tell: Told the events of the run, and previews.

    Returns:
        The file of the model.

    Raises:
        Stop: If it was stopped before there was a model.
        QuietScopeError: If images or settings cannot be used.
    """
    from quietscope import plan_train, run

    watched = _Watched(job, tell)
    plan = plan_train(list(job.images), job.folder, job.settings, axes=job.axes, resume=job.resume)
    model = plan.training.files["model"]
    before = model.stat().st_mtime_ns if model.exists() else None
    watched.configuration = plan.training.configuration
    watched.quick()
    try:
        run(plan, watched)
    except Stop:
        if not model.exists() or model.stat().st_mtime_ns == before:
            raise
    return model


class _Watched:
    """The listener of the run: passes events on, and looks at the method from time to time."""

    def __init__(self, job: Learning, tell: Tell) -> None:
        self._job, self._tell = job, tell
        self._started = time.monotonic()
        self._due = 0.0
        self._has_shown = False
        self._trains = 0.0
        self.configuration: Any = None

    def __call__(self, event: Any) -> None:
        """Pass an event on, and show a preview where one is due."""
        from quietscope import Began, TrainingProgress

        if isinstance(event, Began) and event.step == "train":
            self._trains = time.monotonic()
        is_progress = isinstance(event, TrainingProgress)
        try:
            if isinstance(event, TrainingProgress):
                self._look(event.state)
                event = replace(event, state=replace(event.state, method=None))  # nobody else is to hold the network
            self._tell(event)
        except Stop:  # while the model is written nothing is stopped any more
            if is_progress or not self._trains:
                raise

    def quick(self) -> None:
        """Show what the method that comes trained makes of the part, before another one has learnt anything."""
        from quietscope import Denoiser

        seen = self._job.seen
        if seen.part is None or self._job.resume or self.configuration.method in (QUICK, "auto"):
            return
        side = tuple(slice(0, QUICK_SIDE) if letter in "YX" else slice(None) for letter in seen.part.axes)
        few = replace(seen.part, data=np.asarray(seen.part.data)[side])
        try:
            denoiser = Denoiser(method=QUICK, steps=QUICK_STEPS)
            denoiser.fit(few, watch=lambda state: self._tell(None), notify=lambda text: None)
            if denoiser.fit_report is not None and denoiser.fit_report.interrupted:
                raise Stop
            self._show(denoiser.denoise(seen.part).mean, seen.box, f"{QUICK}, until the first look at what is learnt")
        except QuietScopeError:  # it does not suit every noise; the method itself is looked at later
            return

    def _look(self, state: Any) -> None:
        from quietscope import glance

        now, seen = time.monotonic(), self._job.seen
        wait = LATE_SECONDS if self._has_shown else FIRST_SECONDS
        is_due = now >= self._due if self._due else state.step >= FIRST_STEP and now - self._trains >= wait
        if seen.part is None or not is_due:
            return
        part, box = seen.part, seen.box
        pixels = glance(state, part, self._settled(state))
        took = time.monotonic() - now
        self._due = time.monotonic() + max(LEAST_PAUSE, took / SHARE)
        self._show(pixels, box, f"{state.method.name}, step {state.step:,}")

    def _settled(self, state: Any) -> Any:
        """Return the configuration with the method that was chosen, which is all that a look needs to know of it."""
        if self.configuration.method == "auto":
            self.configuration = self.configuration.model_copy(update={"method": state.method.name})
        return self.configuration

    def _show(self, pixels: np.ndarray, box: tuple[slice, ...], by: str) -> None:
        self._has_shown = True
        self._tell(Preview(pixels=pixels, box=box, by=by, seconds=time.monotonic() - self._started))
