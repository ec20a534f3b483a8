"""The step that denoises one image into its files."""

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from quietscope.data.measured import as_measured, gap_notes
from quietscope.io import Sink, is_shared
from quietscope.pipeline.chunks.chunk_job import cut_of
from quietscope.pipeline.events import Listener, Note, PredictionProgress, Written, ignore, step
from quietscope.pipeline.image_files import Target
from quietscope.pipeline.inputs import name_of
from quietscope.pipeline.opened_model import Model, open_model_file
from quietscope.pipeline.outcome import Predicted
from quietscope.pipeline.plan import PredictPlan
from quietscope.tiling.cut import Cut
from quietscope.tiling.judged import judging, unexplained_of, verdict_of
from quietscope.tiling.request import Request

if TYPE_CHECKING:
    from quietscope.pipeline.panels import Panels


def open_model(plan: PredictPlan) -> Model:
    """Open the model of a plan, see `open_model_file`."""
    return open_model_file(plan.model, plan.device, plan.targets.endings)


def _by_chunks(model: Model, target: Target) -> tuple[Request, Cut | None]:
    """Return how to predict: what several processes could write is cut as they would cut it, so that it is the same."""
    if not all(map(is_shared, target.files.values())):
        return target.request, None
    cut = cut_of(target, model.room(tuple(target.files), target.request))
    return replace(target.request, tile=cut.tiles), cut


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
        request, chunks = _by_chunks(model, target)
        model.denoise_into(noisy, {**tapped, **judged}, request, chunks=chunks, progress=progress)
    for kind, path in target.files.items():
        events(Written(name=kind, path=path))
    return Predicted(
        seconds=time.monotonic() - started,
        panels={} if panels is None else panels.planes(taps),
        verdict=verdict_of(judged, model.history.effort, is_own=is_own),
        unexplained=unexplained_of(judged),
    )
