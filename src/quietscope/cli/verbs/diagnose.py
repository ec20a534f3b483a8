"""``quietscope diagnose``: what the noise of an image is, and which method takes it away."""

import shlex
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from rich.table import Table

from quietscope.cli.options import Axes, Flag, Group, Mask, Output, Series, read_measured
from quietscope.cli.part_options import NO_PART, PartOptions
from quietscope.cli.screen import Screen
from quietscope.errors import OutputError
from quietscope.io.atomic import check_target

if TYPE_CHECKING:
    import numpy.typing as npt

    from quietscope.diagnosis import Advice, Diagnosis
    from quietscope.diagnosis.correlation import AxisCorrelation

PICTURE = Path("diagnose.png")
IN_SECONDS = "seconds"
"""Folder for the results of the method that comes trained, beside those of the other."""


def diagnose(
    images: Annotated[list[Path], Parameter(name="IMAGES...", help="Noisy images of one camera setting.")],
    /,
    *,
    output: Annotated[
        Path | None, Output, Parameter(help="Picture, .png. Default: diagnose.png, or the next that is free.")
    ] = None,
    axes: Axes = None,
    series: Series = None,
    mask: Mask = None,
    part: Annotated[PartOptions, Group] = NO_PART,
    overwrite: Annotated[bool, Flag, Parameter(help="Replace a picture that exists.")] = False,
) -> None:
    """Look at the noise of an image, and say which method to take.

    Prints how the noise is correlated along x, y, z and t, how strong it is, which pixels are saturated or hot, and
    the command to type; draws all that as a picture. It says so where it is not sure.
    """
    from quietscope.data.frames import Frames
    from quietscope.diagnosis import notes, verdict
    from quietscope.diagnosis.recording import diagnose_frames
    from quietscope.report.diagnosis_figure import diagnosis_row, write_diagnosis_figure
    from quietscope.setup.method import method_in_seconds

    screen, output = Screen(), _free_name() if output is None else output
    if output.suffix.lower() != ".png":
        raise OutputError("a name that ends in .png", str(output), f"write to {output.with_suffix('.png')}")
    noisy = read_measured(images, axes, series, mask, screen.note, part=part.part)
    check_target(output, overwrite)
    frames = Frames.of(noisy, 2)
    found = diagnose_frames(frames)
    names = noisy[0].channel_names
    labels = [names[channel] if channel < len(names) else str(channel) for channel in range(frames.num_channels)]
    title = images[0].name + (f" and {len(images) - 1} more" if len(images) > 1 else "")
    screen.show(_table(title, labels, found))
    for label, each in zip(labels, found, strict=True):
        channel = f"channel {label}: " if len(found) > 1 else ""
        (screen.note if each.is_clean else screen.show)(f"{channel}{verdict(each)}")
        for note in notes(each):
            screen.note(f"{channel}{note}")
    middle = frames.measured[len(frames.measured) // 2]
    rows = [
        diagnosis_row(_whole(frames[middle][channel]), each, f"{title}, channel {label}" if len(found) > 1 else title)
        for channel, (label, each) in enumerate(zip(labels, found, strict=True))
    ]
    write_diagnosis_figure(output, rows, overwrite=overwrite)
    read_with = _read_with(axes, series, mask)
    command = _command(images, found, read_with)
    if command:
        quick = method_in_seconds(found)
        if quick:
            line = _line(quick, images, [], IN_SECONDS, read_with)
            screen.show(f"in seconds, with a denoiser that comes trained: {line}")
        screen.show(f"or in minutes, learning from these images alone: {command}" if quick else command)
    screen.show(f"picture: {output}")


def _free_name() -> Path:
    """Return the usual name of the picture, with a number where pictures of other images are there."""
    names = (PICTURE if number == 1 else PICTURE.with_stem(f"{PICTURE.stem}-{number}") for number in count(1))
    return next(name for name in names if not name.exists())


def _whole(plane: "npt.NDArray[Any]") -> "npt.NDArray[Any]":
    """Return a plane (Y, X) with its mean where pixels were never measured."""
    import numpy as np

    missing = np.isnan(plane)
    return np.where(missing, np.nanmean(plane), plane) if missing.any() else plane


def denoise_command(
    advice: "Advice", images: Sequence[str | Path], *, output: str | Path = "out", read_with: Sequence[str] = ()
) -> str:
    """Return the command that denoises images as advised.

    Args:
        advice: The advice.
        images: The images.
        output: Folder for the results.
        read_with: Options that the images were read with, such as axes that their files do not name.

    Returns:
        The command, ready to paste; empty if there is nothing to denoise.
    """
    if advice.method is None:
        return ""
    if advice.direction != "none" and advice.is_far:  # then the noise decoder must see further than its preset's
        return _line("auto", images, [], output, read_with)
    options: list[str] = []
    if advice.direction != "none":
        options += ["--direction", advice.direction, *(["--dims", "3"] if advice.direction == "z" else [])]
    if advice.deterministic_levels:
        options += ["--deterministic-levels", ",".join(map(str, advice.deterministic_levels))]
    return _line(advice.method, images, options, output, read_with)


def _command(images: list[Path], found: "list[Diagnosis]", read_with: Sequence[str]) -> str:
    """Return the advised command; if the channels need different methods, one that decides when it sees the images."""
    commands = {denoise_command(each.advice, images, read_with=read_with) for each in found} - {""}
    if len(commands) > 1:
        return _line("auto", images, [], "out", read_with)
    return next(iter(commands), "")


def _line(
    method: str, images: Sequence[str | Path], options: list[str], output: str | Path, read_with: Sequence[str]
) -> str:
    words = ["quietscope", "denoise", *map(str, images), "--method", method, *options]
    return shlex.join([*words, *read_with, "-o", str(output)])


def _read_with(axes: str | None, series: int | str | None, mask: str | None) -> list[str]:
    """Return the options by which the same images are read again."""
    given = {"--axes": axes, "--series": series, "--mask": mask}
    return [word for name, value in given.items() if value is not None for word in (name, str(value))]


def _table(title: str, labels: list[str], found: "list[Diagnosis]") -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    axes = [axis for axis in "xyzt" if any(getattr(each, axis) is not None for each in found)]
    table.add_column("channel")
    table.add_column("noise", style="bold", no_wrap=True)
    for name in (*(f"along {axis}" for axis in axes), "noise/signal", "saturated", "hot"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("strength", overflow="fold")
    for label, each in zip(labels, found, strict=True):
        estimate, defects = each.estimate, each.defects
        table.add_row(
            label,
            each.kind,
            *(_correlation(getattr(each, axis)) for axis in axes),
            f"{each.noise_to_signal:.2g}",
            f"{defects.saturated:.2%}" if defects.has_saturated else "none",
            str(defects.num_hot) if defects.has_hot else "none",
            "not measured" if estimate is None else estimate.model.describe().partition(": ")[2],
        )
    return table


def _correlation(part: "AxisCorrelation | None") -> str:
    """Return the lag-1 correlation with two standard errors, or a dash where an axis has no neighbours."""
    return "-" if part is None else f"{round(part.neighbours, 2) + 0.0:.2f} ±{2.0 * part.errors[1]:.2f}"
