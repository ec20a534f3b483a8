"""The last step of a run: the picture of the first image, how good the results are, and the report."""

from collections.abc import Sequence

from quietscope.data.measured import as_measured
from quietscope.data.planes import describe_image, honesty, score, units_notes
from quietscope.io import Image, read_image
from quietscope.metrics import Score
from quietscope.metrics.verdict import Verdict
from quietscope.pipeline.events import Listener, Note, Noted, Written, ignore, step
from quietscope.pipeline.image_files import Target
from quietscope.pipeline.inputs import name_of
from quietscope.pipeline.outcome import Outcome, Predicted, Trained
from quietscope.pipeline.panels import Panels
from quietscope.pipeline.picture import Reference, overview_of
from quietscope.pipeline.plan import DenoisePlan, TrainPlan
from quietscope.pipeline.results import Abilities
from quietscope.pipeline.unaided import NOTHING_FOUND, Unaided
from quietscope.report.overview import write_overview
from quietscope.report.region_list import write_regions
from quietscope.report.table import Denoised
from quietscope.tiling.kinds import kind_of

FEW = 3
"""Samples that a picture shows at least, be they in pairs."""


def panels_of(plan: DenoisePlan, trained: Trained) -> Panels:
    """Return which part of the first image the picture of a run shows."""
    target, method = plan.targets[0], trained.denoiser.method
    able = Abilities.of(type(method))
    pairs = target.request.drawn_pairs
    alone = max(pairs.first, FEW) if pairs.count else target.request.num_samples  # the two of a pair differ too much
    drawn = min(alone, target.request.num_samples) if able.draws(target.files) else 0
    return Panels.of(target.image, method.spatial_dims, able, drawn)


def report(
    plan: DenoisePlan,
    trained: Trained,
    predicted: Sequence[Predicted],
    before: Sequence[Score] = (),
    events: Listener = ignore,
    *,
    unaided: Unaided = NOTHING_FOUND,
    notes: Sequence[str] = (),
) -> Outcome:
    """Draw the picture of the first image from what was kept of its results, judge the results of all, and report.

    Args:
        plan: The plan.
        trained: The model.
        predicted: What prediction has given, of every image; panels of the first.
        before: Scores of the noisy images against the clean references, where there are any.
        events: Told what is written.
        unaided: What was found without a clean image.
        notes: What the run has told a person.

    Returns:
        What came of the run.

    Raises:
        OutputError: If picture, table or report cannot be written.
    """
    from quietscope.pipeline.gathering import record_of_run  # with pydantic, which other runs do not wait for
    from quietscope.pipeline.report_files import write_reports

    with step(events, "report"):
        target, able = plan.targets[0], Abilities.of(type(trained.denoiser.method))
        samples, nothing = able.deviates_by_samples, [None] * len(predicted)
        each = zip(plan.targets, predicted, plan.references or nothing, before or nothing, strict=True)
        images = tuple(judge(*parts, samples=samples, events=events) for parts in each)
        count = target.request.num_independent(target.files) if samples else None
        clean = Reference(image=plan.references[0], whole=images[0]) if plan.references else None
        picture = overview_of(target.image, panels_of(plan, trained), predicted[0], trained, clean, count)
        replacing = plan.training.overwrite or plan.training.resume
        write_overview(plan.overview, picture, overwrite=replacing)
        events(Written(name="overview", path=plan.overview))
        listed = [
            (name_of(target.image), each.unexplained) for target, each in zip(plan.targets, predicted, strict=True)
        ]
        write_regions(plan.regions, listed, overwrite=replacing)
        events(Written(name="regions", path=plan.regions))
        outcome = _outcome(plan, trained, images, unaided)
        record = record_of_run(plan, trained, outcome, picture, notes)
        write_reports(record, plan.reports, events, overwrite=replacing)
    return outcome


def report_training(plan: TrainPlan, trained: Trained, verdict: Verdict, events: Noted) -> None:
    """Write the report of a training.

    Args:
        plan: The plan, settled.
        trained: The model.
        verdict: What the run is worth.
        events: Told what is written; its notes are in the report.

    Raises:
        OutputError: If the report cannot be written.
    """
    from quietscope.pipeline.gathering import record_of_training
    from quietscope.pipeline.report_files import write_reports

    record = record_of_training(plan, trained, verdict, events.notes)
    write_reports(record, plan.reports, events, overwrite=plan.training.overwrite or plan.training.resume)


def _outcome(plan: DenoisePlan, trained: Trained, images: tuple[Denoised, ...], unaided: Unaided) -> Outcome:
    target, files = plan.targets[0], plan.training.files
    drawn = Abilities.of(type(trained.denoiser.method)).draws(target.files)
    return Outcome(
        trained=trained,
        images=images,
        num_samples=target.request.num_samples if drawn else 0,
        files={
            "model": files["model"],
            "settings": files["settings"],
            "overview": plan.overview,
            "regions": plan.regions,
            **plan.reports,
        },
        unaided=unaided,
    )


def judge(
    target: Target,
    found: Predicted,
    clean: Image | None = None,
    before: Score | None = None,
    *,
    samples: bool = False,
    events: Listener = ignore,
) -> Denoised:
    """Say what was written for an image, and compare it with its clean reference, where there is one.

    Args:
        target: What was written.
        found: What prediction has given.
        clean: The clean reference.
        before: Score of the noisy image against it.
        samples: Whether the deviation is that of samples.
        events: Told where the clean reference has another brightness.

    Returns:
        The image's part of the outcome.
    """
    after, found_honest = None, None
    if clean is not None:
        judged = {"mean", "std", target.main} & set(target.files)
        images = {kind: read_image(target.files[kind], target.image.axes) for kind in judged}
        noisy = as_measured(target.image)
        if target.main in images:
            after = score(images[target.main], clean, noisy)
            for words in units_notes(images[target.main], clean, noisy):
                events(Note(text=f"{name_of(target.image)}: {words}"))
        count = target.request.num_independent(target.files) if samples else None
        if {"mean", "std"} <= judged:
            found_honest = honesty(images["mean"], images["std"], clean, noisy, count)
    return Denoised(
        source=target.image.path,
        what=describe_image(target.image),
        files={"denoised" if kind == target.main else kind_of(kind).word: path for kind, path in target.files.items()},
        seconds=found.seconds,
        main=target.main,
        before=before,
        after=after,
        calibration=found_honest,
        verdict=found.verdict,
        unexplained=found.unexplained,
    )
