"""The table at the end of a run: input, noise, files written, times and scores."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.table import Table

from quietscope.metrics import Calibration, Score
from quietscope.metrics.unexplained import NOT_TESTED, Unexplained
from quietscope.metrics.verdict import USABLE, Verdict, num_steps, worst_of


@dataclass(frozen=True, kw_only=True)
class Denoised:
    """One image of a run.

    Attributes:
        source: The noisy file.
        what: Axes, shape and data type of the image in words.
        files: Files written for it, by name.
        seconds: Time of prediction, in seconds.
        main: Kind of the result that is scored.
        before: Score of the noisy image, if there is a clean one.
        after: Score of the result, if there is a clean image.
        calibration: Coverage of the intervals of mean and deviation over all of the image, if there is a clean one.
        verdict: What the result is worth, as far as that can be known without a clean image.
        unexplained: Regions that noise does not explain.
    """

    source: Path | None
    what: str
    files: Mapping[str, Path]
    seconds: float
    main: str = "mean"
    before: Score | None = None
    after: Score | None = None
    calibration: Calibration | None = None
    verdict: Verdict = USABLE
    unexplained: Unexplained = NOT_TESTED

    @property
    def honesty(self) -> str:
        """Coverage of the intervals in words; empty without a clean image."""
        return "" if self.calibration is None else self.calibration.describe()

    def values(self) -> dict[str, Any]:
        """Return all of it as values that JSON has."""
        return {
            "source": None if self.source is None else str(self.source),
            "what": self.what,
            "files": {name: str(path) for name, path in self.files.items()},
            "prediction_seconds": round(self.seconds, 3),
            "before": None if self.before is None else dict(self.before.means),
            "after": None if self.after is None else dict(self.after.means),
            "uncertainty": self.honesty or None,
            "verdict": self.verdict.values(),
            "not_noise": self.unexplained.values(),
        }


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A run of `denoise`.

    Attributes:
        method: Method and preset.
        noise: The noise model of every channel, in words.
        steps: Number of training steps.
        training_seconds: Time of training, in seconds.
        num_samples: Number of posterior samples per image; 0 for a method that draws none.
        images: The images.
        files: Files written for the run as a whole, by name.
        intervals: What was done about the deviation without a clean image, in words; empty where nothing was.
        quality: The PSNR that is estimated without one, in words; empty likewise.
    """

    method: str
    noise: Sequence[str]
    steps: int
    training_seconds: float
    num_samples: int
    images: Sequence[Denoised]
    files: Mapping[str, Path] = field(default_factory=dict)
    intervals: str = ""
    quality: str = ""

    @property
    def verdict(self) -> Verdict:
        """What the run is worth: the worst of its images."""
        return worst_of([image.verdict for image in self.images])

    def values(self) -> dict[str, Any]:
        """Return all of it as values that JSON has."""
        return {
            "verdict": self.verdict.level,
            "method": self.method,
            "noise": list(self.noise),
            "steps": self.steps,
            "training_seconds": round(self.training_seconds, 3),
            "num_samples": self.num_samples,
            "intervals": self.intervals or None,
            "estimated_psnr": self.quality or None,
            "images": [image.values() for image in self.images],
            "files": {name: str(path) for name, path in self.files.items()},
        }


def summary_table(summary: Summary) -> Table:
    """Return the table of a run.

    Args:
        summary: The run.

    Returns:
        The table: first the run, then one section per image, then the files of the run.
    """
    table = Table(show_header=False, title="QuietScope", title_justify="left", title_style="bold")
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("method", summary.method)
    for channel, noise in enumerate(summary.noise):
        table.add_row("noise found" if len(summary.noise) == 1 else f"noise of channel {channel}", noise)
    table.add_row("training", f"{num_steps(summary.steps)} in {duration(summary.training_seconds)}")
    for name, words in (("intervals", summary.intervals), ("estimated PSNR", summary.quality)):
        if words:
            table.add_row(name, words)
    for image in summary.images:
        table.add_section()
        for name, words in _image_rows(image, summary.num_samples):
            table.add_row(name, words)
    table.add_section()
    for name, path in summary.files.items():
        table.add_row(name, str(path))
    return table


def _image_rows(image: Denoised, num_samples: int) -> Iterator[tuple[str, str]]:
    yield "input", f"{image.source or 'array'} ({image.what})"
    for name, path in image.files.items():
        yield name, str(path)
    yield "prediction", f"{samples(num_samples)} in {duration(image.seconds)}"
    if image.before is not None and image.after is not None:
        before, after = image.before["psnr"], image.after["psnr"]
        gain = f"{after - before:+.2f} dB"
        yield "PSNR", f"{psnr_words(before)} -> {psnr_words(after)} ({gain})"
        yield "SSIM", f"{image.before['ssim']:.3f} -> {image.after['ssim']:.3f}"
    if image.honesty:
        yield "uncertainty", image.honesty
    yield "unexplained", image.unexplained.words
    yield "verdict", image.verdict.words


def psnr_words(psnr: float) -> str:
    """Return a PSNR in words, the same in the table and in the titles of the picture: ``32.66 dB``."""
    return f"{psnr:.2f} dB"


def samples(number: int) -> str:
    """Return a number of samples in words: ``1 sample``, ``50 samples``, and ``one pass`` where none are drawn."""
    return f"{number:,} sample{'s' * (number != 1)}" if number else "one pass"


def duration(seconds: float) -> str:
    """Return a duration such as ``4.2 s``, ``4 min 5 s`` or ``1 h 2 min``."""
    if seconds < 60.0:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
