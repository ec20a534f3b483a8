"""What reviewers ask of denoised images, answered with what the run knows."""

from dataclasses import dataclass
from typing import Literal

from quietscope.report.sheet.markup import paragraph, section, text
from quietscope.report.sheet.run_record import RunRecord

MOST_NAMES = 10
"""Names of images that an answer lists."""

_STATES = {"answered": "done", "look at it": "doubt", "yours to answer": "own"}
"""How the states are shown."""

CORRELATED = 0.1
"""Correlation of neighbours in the residual from which a person is asked to look at it."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """A line of the checklist.

    Attributes:
        asked: What reviewers ask.
        state: Whether this run answers it, raises a doubt, or leaves the answer to the authors.
        answer: The answer, with this run's values.
    """

    asked: str
    state: Literal["answered", "look at it", "yours to answer"]
    answer: str


def checklist(record: RunRecord) -> str:
    """Return the checklist as a section of the report."""
    lines = "".join(
        f'<tr><th scope="row">{text(each.asked)} {_state(each)}</th><td>{text(each.answer)}</td></tr>'
        for each in questions(record)
    )
    head = "".join(f'<th scope="col">{name}</th>' for name in ("question", "this run"))
    caption = "<caption>what reviewers ask of denoised images</caption>"
    whole = f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"
    about = "Answers come from this run alone; what it cannot know is left to you."
    return section("checklist", "Checklist for reviewers", paragraph(about), f'<div class="wide asked">{whole}</div>')


def _state(question: Question) -> str:
    return f'<span class="state {_STATES[question.state]}">{text(question.state)}</span>'


def questions(record: RunRecord) -> list[Question]:
    """Return the lines of the checklist."""
    every = (_raw, _one_model, _residual, _regions, _measurable, _uncertainty, _software, _kept)
    return [each(record) for each in every]


def _raw(record: RunRecord) -> Question:
    names = _names([image.name for image in record.images] or list(record.learnt_from))
    answer = (
        f"QuietScope does not change the files that it reads: {names}. Deposit them beside the denoised ones, and show "
        "a raw image next to each denoised one."
    )
    return Question(asked="Are the raw data kept?", state="yours to answer", answer=answer)


def _one_model(record: RunRecord) -> Question:
    count = len(record.learnt_from)
    how = "came trained and was adapted to" if record.comes_trained else "was trained on"
    told = f"One model ({record.method}, preset {record.preset}, seed {record.seed}) {how} {count} image"
    rest = (
        " Denoise all conditions that are compared with this one model.safetensors, by `quietscope predict`, and train "
        "it on images of all of them; two models may differ by more than two conditions do."
    )
    answer = f"{told}{'s' * (count != 1)}: {_names(list(record.learnt_from))}.{rest}"
    return Question(asked="Is it the same model for all conditions?", state="yours to answer", answer=answer)


def _residual(record: RunRecord) -> Question:
    asked = "Was the noise in the residual checked?"
    if not record.images:
        return Question(asked=asked, state="yours to answer", answer="No image was denoised by this run.")
    known = [pair for image in record.images for pair in image.neighbours if None not in pair]
    largest = max((abs(value or 0.0) for pair in known for value in pair), default=None)
    lost = [value for image in record.images for value in image.lost if value is not None]
    parts = [f"Verdict: {record.verdict}."]
    if largest is not None:
        parts.append(f"Neighbouring pixels of the residual are correlated by {largest:.2f} at most.")
    if lost:
        parts.append(f"Share of the structure that the result lacks: {100 * max(0.0, *lost):.1f} % at most.")
    doubtful = record.level != "usable" or largest is None or largest > CORRELATED
    if largest is not None and largest > CORRELATED:
        parts.append("Tell whether the noise itself is correlated so; otherwise structure was taken away.")
    return Question(asked=asked, state="look at it" if doubtful else "answered", answer=" ".join(parts))


def _regions(record: RunRecord) -> Question:
    asked = "Is anything in the result that noise does not explain?"
    found = [f"{image.name}: {image.unexplained}" for image in record.images if image.unexplained]
    if not found:
        return Question(asked=asked, state="yours to answer", answer="Not looked for: no image was denoised.")
    clean = all(image.unexplained.startswith("none") for image in record.images)  # "not looked for" is none of them
    answer = f"Regions found: {_names(found)}."
    return Question(asked=asked, state="answered" if clean else "look at it", answer=answer)


def _measurable(record: RunRecord) -> Question:
    may = "Mean intensities of areas, positions, counts and shapes may be measured"
    sure = " where the deviation is small against what is compared" if record.deviates else ""
    answer = (
        f"{may}{sure}; measure intensities in the raw images too, where areas are large enough, and tell of both. "
        "Do not measure noise, variance, texture, resolution, or the brightest and darkest pixels: they are changed. "
        "Neighbouring pixels are no independent observations."
    )
    return Question(asked="Which intensities may be measured?", state="yours to answer", answer=answer)


def _uncertainty(record: RunRecord) -> Question:
    asked = "Is the uncertainty reported?"
    if not record.images:
        return Question(asked=asked, state="yours to answer", answer="No image was denoised by this run.")
    if not record.deviates:
        words = "No: this run gives no deviation. A method that draws samples does."
        return Question(asked=asked, state="look at it", answer=words)
    parts = ["The method gives a deviation for every pixel."]
    if record.num_samples:
        parts[0] = f"The method gives a deviation for every pixel, of {record.num_samples} samples."
    parts += [f"Intervals: {record.intervals}."] if record.intervals else []
    honest = [f"{image.name}: {image.honesty}" for image in record.images if image.honesty]
    parts += [f"Checked with a reference: {_names(honest)}."] if honest else []
    checked = bool(record.intervals or honest)
    parts += [] if checked else ["Whether its intervals hold what they promise was not checked."]
    return Question(asked=asked, state="answered" if checked else "look at it", answer=" ".join(parts))


def _software(record: RunRecord) -> Question:
    versions = ", ".join(f"{name} {version}" for name, version in record.versions)
    where = ", ".join(words for _, words in record.hardware)
    answer = f"{versions or 'not known'}; seed {record.seed}; computed on {where or 'hardware that is not known'}."
    return Question(asked="Software version and seed?", state="answered" if versions else "look at it", answer=answer)


def _kept(record: RunRecord) -> Question:
    answer = (
        "model.safetensors and config.yaml in the run's folder repeat the result: deposit them with the images. "
        f"Pixel size: {record.pixel_size or 'not in the file; tell it'}."
    )
    return Question(asked="Can somebody else repeat it?", state="yours to answer", answer=answer)


def _names(names: list[str]) -> str:
    more = f", and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more if names else "not known"
