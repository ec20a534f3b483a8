"""The parts of the report that are numbers: verdict, quality, noise, training, settings."""

from collections.abc import Sequence

from quietscope.report.sheet.markup import folded, listed, paragraph, rows, section, table, text
from quietscope.report.sheet.plotted import plot
from quietscope.report.sheet.run_record import NOT_KNOWN, ImageRecord, NoiseCurve, RunRecord, TrainingCurve
from quietscope.report.table import duration

FEW_IMAGES = 12
"""Images of which tables are shown at once."""

_REGION_HEADS = ("plane", "channel", "y", "x", "side", "kind", "evidence", "size")


def verdict(record: RunRecord) -> str:
    """Return what the run is worth, what it has warned of, and what the report lacks."""
    judged = "good" if any(each.verdict != NOT_KNOWN for each in record.images) else "open"
    kind = f"verdict {judged if record.level == 'usable' else 'bad'}"
    lacks = "".join(paragraph(f"Not in this report: {each}", "missing") for each in record.missing)
    notes = f"<h3>Notes and warnings of the run</h3>{listed(record.notes)}" if record.notes else ""
    several = [(each.name, each.verdict) for each in record.images] if len(record.images) > 1 else []
    doubtful = [(each.name, each.verdict) for each in record.images if each.level != "usable"]
    many = len(several) > FEW_IMAGES
    return section(
        "verdict",
        "Verdict",
        paragraph(f"Verdict: {record.verdict}", kind),
        paragraph(_in_short(record)),
        rows(doubtful, "images whose verdict is another") if many else "",
        _of_each(several, "verdict of each image"),
        lacks,
        notes,
    )


def _of_each(lines: Sequence[tuple[str, str]], caption: str) -> str:
    """Return a table with a line for each image, folded away where they are many."""
    found = rows(lines, caption)
    return folded(f"{caption}, all {len(lines)}", found) if len(lines) > FEW_IMAGES else found


def _in_short(record: RunRecord) -> str:
    """Return the one figure that people ask for first."""
    first = next((each for each in record.images if each.psnr is not None), None)
    if first is None or first.psnr is None:
        return f"Estimated without a clean image: PSNR {record.quality}." if record.quality else ""
    before, after = first.psnr
    whose = f"{first.name}, against" if len(record.images) > 1 else "Against"
    return f"{whose} the clean reference: PSNR {before:.2f} dB before, {after:.2f} dB after."


def unexplained(record: RunRecord) -> str:
    """Return what of the images noise does not explain."""
    about = (
        "Squares in which what was taken away is no noise, or something was made up. Look at them before anything is "
        "measured there; regions.csv has all of them."
    )
    found = [(each.name, each.unexplained) for each in record.images if each.unexplained]
    each = [table(_REGION_HEADS, image.regions, f"the surest regions of {image.name}") for image in record.images]
    shown = folded("The surest of them", *each)
    counted = rows(found, "regions that noise does not explain")
    return section("regions", "Regions not explained by noise", paragraph(about), counted, shown) if found else ""


def quality(record: RunRecord) -> str:
    """Return how good the results are: by a clean reference, or as far as it can be told without one."""
    told = [("intervals", record.intervals), ("estimated PSNR", record.quality)]
    estimated = rows([each for each in told if each[1]], "estimated without a clean image")
    scored = [_scores(each) for each in record.images if each.psnr is not None and each.ssim is not None]
    head = ("image", "PSNR noisy", "PSNR denoised", "SSIM noisy", "SSIM denoised")
    by_reference = table(head, scored, "compared with the clean reference")
    return section("quality", "Quality", by_reference, *map(_coverage, record.images), estimated)


def _scores(image: ImageRecord) -> list[str]:
    assert image.psnr is not None
    assert image.ssim is not None
    return [image.name, *(f"{value:.2f} dB" for value in image.psnr), *(f"{value:.3f}" for value in image.ssim)]


def _coverage(image: ImageRecord) -> str:
    lines = [(f"{100 * promised:.0f} %", f"{100 * held:.1f} %") for promised, held in image.coverage]
    shown = table(("promised", "held"), lines, f"coverage of the intervals of {image.name}")
    if shown:
        dots = [(100 * promised, 100 * held) for promised, held in image.coverage]
        title = f"{image.name}: share of the pixels that intervals hold, against what they promise"
        drawn = plot(title, "promised, %", "held, %", line=((0.0, 0.0), (100.0, 100.0)), dots=dots)
        about = "Line: honest. Dots: measured."
        figure = f"<figure>{drawn}<figcaption>{about}</figcaption></figure>"
        shown = f'<div class="figures">{figure}{shown}</div>'
    return shown + (paragraph(f"{image.name}: {image.honesty}.") if shown and image.honesty else "")


def noise(record: RunRecord) -> str:
    """Return noise model and measured noise of every channel, and the diagnosis."""
    found = f"<h3>Diagnosis</h3>{listed(record.diagnosis)}" if record.diagnosis else ""
    none = "" if record.noise else paragraph("This method has no noise model.")
    return section("noise", "Noise", none, *map(_noise, record.noise), found)


def _noise(curve: NoiseCurve) -> str:
    title = f"variance of the noise against the signal, {curve.channel}: {curve.words}"
    drawn = plot(title, "signal, in the units of the file", "variance", line=curve.model, dots=curve.measured)
    about = "Line: the noise model. Dots: measured in the noisy image, without a reference." if curve.measured else ""
    note = paragraph(curve.note) if curve.note else ""
    return f"<h3>{text(curve.channel)}</h3>{paragraph(curve.words)}{drawn}{paragraph(about) if about else ''}{note}"


def training(record: RunRecord) -> str:
    """Return how training went."""
    told = [("steps", f"{record.steps:,}"), ("time", duration(record.training_seconds))]
    told += [("learnt from", each) for each in record.learnt_from]
    drawn = "".join(map(_curve, record.curves))
    curves = f'<div class="figures">{drawn}</div>' if drawn else ""
    return section("training", "Training", rows(told, "how long, and of what"), curves)


def _curve(curve: TrainingCurve) -> str:
    first, last = curve.points[0], curve.points[-1]
    title = f"{curve.name} by training step: {first[1]:.4g} at step {first[0]:g}, {last[1]:.4g} at step {last[0]:g}"
    drawn = plot(title, "training step", curve.name, trace=curve.points)
    return f"<figure>{drawn}</figure>"


def settings(record: RunRecord) -> str:
    """Return settings, versions, hardware and times."""
    times = [("training", duration(record.training_seconds))]
    predicted = [(f"prediction of {each.name}", duration(each.seconds)) for each in record.images]
    if len(predicted) > 1:
        times.append(("prediction", duration(sum(each.seconds for each in record.images))))
    files = [(each.name, ", ".join(each.files)) for each in record.images]
    return section(
        "settings",
        "Settings, versions, hardware, time",
        rows(record.versions, "versions"),
        rows(record.hardware, "hardware"),
        rows(times, "times"),
        _of_each(predicted, "times of each image"),
        _of_each(files, "files of each image"),
        folded(
            "All settings", f'<div class="columns">{rows(record.settings, "settings")}</div>' if record.settings else ""
        ),
    )
