"""What the verbs that make a PSF have in common: the checks before, the table and the files at the end."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

from cyclopts import Parameter
from rich.table import Table

from quietscope.cli.options import Flag, Output
from quietscope.cli.screen import Screen
from quietscope.errors import OutputError
from quietscope.io.atomic import check_target

if TYPE_CHECKING:
    from quietscope.psf.psf import Psf

PsfFile: TypeAlias = Annotated[Path, Output, Parameter(help="PSF, .tif; its picture goes beside it, .png.")]
Size: TypeAlias = Annotated[int | None, Parameter(help="Pixels of the box along Y and X, odd. Default: what it needs.")]
SizeZ: TypeAlias = Annotated[int | None, Parameter(help="Planes of the box, odd. Default: what it needs.")]
Overwrite: TypeAlias = Annotated[bool, Flag, Parameter(help="Replace a PSF and a picture that exist.")]

WRITTEN = (".ome.tif", ".ome.tiff", ".tif", ".tiff", ".npy")


def check_output(output: Path, *, overwrite: bool) -> None:
    """Refuse, before any work is done, what a PSF cannot be written to.

    Args:
        output: The PSF's file.
        overwrite: Whether one that exists may be replaced.

    Raises:
        OutputError: If the name or the place does not allow it.
    """
    if not output.name.lower().endswith(WRITTEN):
        raise OutputError("a PSF named .tif or .npy", str(output), f"write to {output.with_suffix('.tif')}")
    check_target(output, overwrite)


def finish(
    screen: Screen,
    psf: "Psf",
    output: Path,
    what: str,
    *,
    overwrite: bool,
    rows: Sequence[tuple[str, str]] = (),
) -> None:
    """Write a PSF and its picture, and print the table.

    The picture comes unasked: where it would be in the way of a file, it is left out with a note.

    Args:
        screen: Where to print.
        psf: The PSF.
        output: Its file.
        what: How it was made, in a line.
        overwrite: Whether files that exist may be replaced.
        rows: Further rows of the table.
    """
    from quietscope.psf.psf import sizes, write_psf
    from quietscope.report.psf_figure import write_psf_figure

    write_psf(output, psf, overwrite=overwrite)
    stem = next(output.name[: -len(suffix)] for suffix in WRITTEN if output.name.lower().endswith(suffix))
    picture: Path | None = output.with_name(f"{stem}.png")
    assert picture is not None
    try:
        write_psf_figure(picture, psf, what, overwrite=overwrite)
    except OutputError as error:
        screen.note(f"no picture is drawn: {error.got}; {error.fix}")
        picture = None
    table = Table(show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("PSF", what)
    for name, words in rows:
        table.add_row(name, words)
    table.add_row("size", f"{sizes(psf.values.shape)} pixels ({psf.axes})")
    table.add_row("pixel size", _pixel_size(psf))
    for name, words in _widths(psf):
        table.add_row(name, words)
    table.add_row("peak", f"{float(psf.values.max()):.4g} of the sum")
    table.add_row("used for denoising", f"{sizes(psf.trimmed().values.shape)} pixels, which hold 99.99 % of it")
    table.add_row("file", str(output))
    if picture is not None:
        table.add_row("picture", str(picture))
    screen.show(table)


def _pixel_size(psf: "Psf") -> str:
    nm = {letter: 1000.0 * size for letter, size in psf.pixel_size_um.items()}
    return ", ".join(f"{letter} {nm[letter]:.5g} nm" for letter in psf.axes if letter in nm) or "unknown"


def _widths(psf: "Psf") -> list[tuple[str, str]]:
    """Return the full width at half maximum along every axis, in words."""
    from quietscope.psf.width import full_widths

    rows = []
    for letter, width in zip(psf.axes, full_widths(psf), strict=True):
        words = "more than the box" if math.isnan(width) else f"{width:.2f} pixels"
        size = psf.pixel_size_um.get(letter)
        rows.append((f"FWHM along {letter}", words + (f", {1000 * size * width:.0f} nm" if size else "")))
    return rows
