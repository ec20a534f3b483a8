"""What the report of a run tells, gathered from what came of it."""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quietscope.data.planes import describe_image
from quietscope.io import Image
from quietscope.metrics.verdict import Verdict, judge
from quietscope.outside.shown import shown, shown_lines
from quietscope.pipeline.inputs import name_of
from quietscope.pipeline.machine import hardware_words, version_words
from quietscope.pipeline.measured_noise import diagnosis_of, noise_of
from quietscope.pipeline.outcome import Outcome, Trained
from quietscope.pipeline.plan import DenoisePlan, TrainPlan
from quietscope.pipeline.results import Abilities
from quietscope.pipeline.training_log import curves_in
from quietscope.report.overview import Overview
from quietscope.report.region_list import cells_of
from quietscope.report.sheet.channel_pictures import channels_of
from quietscope.report.sheet.run_record import ImageRecord, Publication, RunRecord
from quietscope.report.table import Denoised
from quietscope.tiling.kinds import kind_of
from quietscope.version import __version__

if TYPE_CHECKING:
    from quietscope.denoiser import Denoiser

MOST_IMAGES, MOST_WITH_REGIONS, MOST_REGIONS, MOST_NOTES = 200, 10, 20, 100
"""Images that a report lists, those of them whose regions it lists, such regions, and notes of the run."""


def record_of_training(plan: TrainPlan, trained: Trained, verdict: Verdict, notes: Sequence[str]) -> RunRecord:
    """Return what the report of a training tells; for arguments see `record_of_run`."""
    missing = "Images before and after: this run trained a model, and denoised none."
    common = _common(plan.training.images, trained, plan.training.folder.path, notes)
    return RunRecord(**common, verb="train", level=verdict.level, verdict=shown(verdict.words), missing=(missing,))


def record_of_run(
    plan: DenoisePlan, trained: Trained, outcome: Outcome, picture: Overview, notes: Sequence[str]
) -> RunRecord:
    """Return what the report of a run tells.

    Args:
        plan: The plan.
        trained: The model.
        outcome: What came of the images.
        picture: What the overview shows of the first.
        notes: What the run has told a person.

    Returns:
        The record.
    """
    count = len(outcome.images)
    missing = []
    if picture.std is not None and not len(picture.samples):
        missing.append("Samples: this method computes its deviation, and draws samples where they are asked for.")
    elif not len(picture.samples):
        missing.append("Samples: this method draws none.")
    if not plan.references:
        missing.append("PSNR, SSIM and coverage as measured: there is no clean reference.")
    if count > MOST_IMAGES:
        missing.append(f"{count - MOST_IMAGES:,} more images: the first {MOST_IMAGES} are listed.")
    log, main = plan.training.folder.path, kind_of(plan.targets[0].main)
    able = Abilities.of(type(trained.denoiser.method))
    return RunRecord(
        **_common(plan.training.images, trained, log, notes),
        verb="denoise",
        part=picture.part,
        level=outcome.verdict.level,
        verdict=shown(outcome.verdict.words),
        num_samples=outcome.num_samples if able.deviates_by_samples or main.needs == "samples" else 0,
        estimate=main.word,
        deviates=picture.std is not None,
        intervals=outcome.unaided.intervals,
        quality=outcome.unaided.quality,
        images=tuple(_image(each, n) for n, each in enumerate(outcome.images[:MOST_IMAGES])),
        channels=channels_of(picture),
        missing=tuple(missing),
    )


def record_of_model(denoiser: "Denoiser", folder: Path) -> RunRecord:
    """Return what the report of a run tells of which a folder holds the model, and maybe logs.

    Args:
        denoiser: The model.
        folder: The folder.
    """
    card = denoiser.card
    numbers = card.training
    trained = Trained(
        denoiser=denoiser,
        steps=int(numbers.get("steps", 0)),
        seconds=float(numbers.get("training_seconds", 0.0)),
    )
    found = judge((), card.effort)
    common = _common((), trained, folder, ())
    versions = [*card.versions.items(), ("quietscope that made this report", __version__)]
    sizes = _sizes(card.pixel_size_um)
    common |= {"versions": _rows(versions), "created": shown(card.created), "hardware": (), "pixel_size": sizes}
    return RunRecord(**common, verb="train", level=found.level, verdict=shown(found.words))


def _common(images: Sequence[Image], trained: Trained, folder: Path, notes: Sequence[str]) -> dict[str, Any]:
    """Return what is told of every run."""
    from quietscope.methods.pretrained import PretrainedMethod

    denoiser, first = trained.denoiser, next(iter(images), None)
    configuration = denoiser.configuration
    names = denoiser.card.channel_names if first is None else first.channel_names
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "pixel_size": "" if first is None else _sizes(first.pixel_size_um),
        "pixel_size_um": None if first is None else _along_x(first.pixel_size_um),
        "method": configuration.method,
        "preset": configuration.preset,
        "seed": configuration.seed,
        "steps": trained.steps,
        "training_seconds": trained.seconds,
        "learnt_from": tuple(shown(f"{name_of(each)} ({describe_image(each)})") for each in images[:MOST_IMAGES]),
        "comes_trained": isinstance(denoiser.method, PretrainedMethod),
        "spread": denoiser.spread,
        "noise": noise_of(denoiser, first, names),
        "curves": curves_in(folder),
        "diagnosis": () if first is None else diagnosis_of(first),
        "notes": tuple(shown(note) for note in dict.fromkeys(notes))[:MOST_NOTES],
        "settings": _rows(_settings(denoiser)),
        "versions": version_words(),
        "hardware": hardware_words(str(denoiser.device)),
        "publications": _publications(configuration.method),
    }


def _image(found: Denoised, number: int) -> ImageRecord:
    before, after, figures = found.before, found.after, found.verdict.figures
    regions = found.unexplained.regions[: MOST_REGIONS if number < MOST_WITH_REGIONS else 0]
    honest = found.calibration
    scores = {} if before is None or after is None else {k: (before[k], after[k]) for k in ("psnr", "ssim")}
    finite = {name: pair for name, pair in scores.items() if all(map(math.isfinite, pair))}
    return ImageRecord(
        name=shown("array" if found.source is None else found.source.name),
        what=found.what,
        files=tuple(shown(path.name) for path in found.files.values()),
        seconds=found.seconds,
        level=found.verdict.level,
        verdict=shown(found.verdict.words),
        unexplained=found.unexplained.words,
        regions=tuple(tuple(cells_of(each)) for each in regions),
        neighbours=tuple((_finite(each.neighbours_x), _finite(each.neighbours_y)) for each in figures),
        lost=tuple(_finite(each.lost) for each in figures),
        coverage=() if honest is None else tuple(zip(honest.nominal, honest.measured, strict=True)),
        honesty=found.honesty,
        **finite,
    )


def _settings(denoiser: "Denoiser") -> Iterable[tuple[str, Any]]:
    """Yield all settings of a run by name, those of network and training with the presets' values."""
    configuration = denoiser.configuration
    inside = {"network": denoiser.method.settings, "training": configuration.training_settings()}
    yield from ((name, value) for name, value in configuration.model_dump().items() if name not in inside)
    for name, values in inside.items():
        yield from ((f"{name}: {each}", value) for each, value in values.model_dump().items())


def _publications(method: str) -> tuple[Publication, ...]:
    from quietscope.methods import METHODS

    key = "quietscope"
    entry = f"@software{{{key},\n  title = {{{{QuietScope}}}},\n  author = {{{{the QuietScope authors}}}},\n"
    own = Publication(
        text=f"QuietScope, version {__version__}, by the QuietScope authors",
        bibtex=f"{entry}  version = {{{__version__}}},\n  license = {{BSD-3-Clause}}\n}}",
    )
    cited = METHODS[method].citation if method in METHODS else None
    if cited is None:
        return (own,)
    return own, Publication(text=shown(cited.text), link=cited.link, bibtex=shown_lines(cited.bibtex(method)))


def _sizes(pixel_size_um: Mapping[str, float]) -> str:
    return ", ".join(f"{axis} {size:g} µm" for axis, size in sorted(pixel_size_um.items()))


def _along_x(pixel_size_um: Mapping[str, float]) -> float | None:
    """Return micrometres from one column to the next; None where that is not known, or out of all bounds."""
    found = pixel_size_um.get("X", math.nan)
    return found if 1e-9 <= found <= 1e9 else None


def _rows(pairs: Iterable[tuple[str, Any]]) -> tuple[tuple[str, str], ...]:
    return tuple((shown(str(name)), shown(str(value))) for name, value in pairs)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
