"""The step that denoises one image into its files."""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from quietscope.data.measured import as_measured, gap_notes
from quietscope.deploy.card import History
from quietscope.io import Image, Sink
from quietscope.metrics.coverage import Exposure
from quietscope.pipeline.events import Listener, Note, PredictionProgress, Written, ignore, step
from quietscope.pipeline.image_files import Target
from quietscope.pipeline.inputs import name_of
from quietscope.pipeline.outcome import Predicted
from quietscope.pipeline.plan import PredictPlan
from quietscope.tiling.judged import judging, unexplained_of, verdict_of
from quietscope.tiling.request import Request

if TYPE_CHECKING:
    from quietscope.pipeline.panels import Panels


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
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Denoise an image of any size into sinks by kind, tile by tile."""


def open_model(plan: PredictPlan) -> Model:
    """Open the model of a plan, and PyTorch only where what is wanted needs it.

    Args:
        plan: The plan.

    Returns:
        The model.

    Raises:
        QuietScopeError: If the file is no model, or its runtime or the device is not there.
    """
    from quietscope.deploy import is_exported

    if not is_exported(plan.model):
        from quietscope.denoiser import Denoiser

        return Denoiser.load(plan.model, device=plan.device)
    from quietscope.deploy import open_session
    from quietscope.deploy.predict import LeanPredictor

    session = open_session(plan.model, plan.device)
    if LeanPredictor.can(plan.targets.endings):
        return LeanPredictor(session=session)
    from quietscope.model.exported import Deployed

    return Deployed(session)


def predict(
    model: Model,
    target: Target,
    events: Listener = ignore,
    *,
    panels: "Panels | None" = None,
    is_own: bool = False,
) -> Predicted:
    """Denoise one image into its files; all of them appear when it is done, and none where it fails.

    Args:
        model: The model.
        target: What is to be written where, and how.
        events: Told how it stands.
        panels: What keeps the part of the results that a picture shows, while they pass by; None for no picture.
        is_own: Whether the image is one of those that the model has learnt from.

    Returns:
        The time that it took, what the panels show, what the result is worth, and what noise does not explain.

    Raises:
        Stop: If the listener has raised it.
        QuietScopeError: If the image does not fit the model, or results cannot be written.
    """
    started, name = time.monotonic(), name_of(target.image)

    def progress(done: int, total: int) -> None:
        events(PredictionProgress(what=name, done=done, total=total))

    with step(events, "predict", name), target.writers() as sinks:
        noisy = as_measured(target.image)
        for text in () if is_own else gap_notes([noisy]):
            events(Note(text=text))
        taps = {} if panels is None else panels.tap(sinks)
        tapped: dict[str, Sink] = {**sinks, **taps}
        judged = judging(noisy, tapped, model.known_noise)
        model.denoise_into(noisy, {**tapped, **judged}, target.request, progress=progress)
    for kind, path in target.files.items():
        events(Written(name=kind, path=path))
    return Predicted(
        seconds=time.monotonic() - started,
        panels={} if panels is None else panels.planes(taps),
        verdict=verdict_of(judged, model.history.effort, is_own=is_own),
        unexplained=unexplained_of(judged),
    )
