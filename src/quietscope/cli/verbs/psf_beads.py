"""``quietscope psf beads``: a point spread function from an image of small beads."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from cyclopts import Parameter

from quietscope.cli.options import Axes, Mask, Series, read_measured
from quietscope.cli.psf_output import Overwrite, PsfFile, check_output, finish
from quietscope.cli.screen import Screen
from quietscope.data.measured import MeasuredArray
from quietscope.errors import ChannelError, PsfError


def psf_beads(
    beads: Annotated[Path, Parameter(help="Image of sparse beads smaller than the PSF; a stack with Z for volumes.")],
    /,
    *,
    output: PsfFile,
    size: Annotated[int, Parameter(help="Pixels of the box along Y and X, odd: four times the FWHM or more.")] = 21,
    size_z: Annotated[int | None, Parameter(help="Planes of the box, odd. Default: as --size, if there are.")] = None,
    channel: Annotated[
        int | None, Parameter(help="Which channel, from 0, where there are more. Default: the only one.")
    ] = None,
    axes: Axes = None,
    series: Series = None,
    mask: Mask = None,
    overwrite: Overwrite = False,
) -> None:
    """Average the isolated beads of an image, aligned to a fraction of a pixel, their background removed.

    All axes but channels and space count frames, whose beads are averaged together.
    """
    from quietscope.psf.beads import average_beads
    from quietscope.psf.detect import MARGIN

    screen = Screen()
    check_output(output, overwrite=overwrite)
    [image] = read_measured([beads], axes, series, mask, screen.note)
    layout = image.layout(3 if "Z" in image.axes else 2)
    count = layout.num_channels
    if channel is None and count > 1:
        raise ChannelError("one channel, as a PSF is of one colour", f"an image of {count}", "pass e.g. `--channel 0`")
    if channel is not None and not 0 <= channel < count:
        raise ChannelError(f"a channel from 0 to {count - 1}", f"{channel}", f"pass e.g. `--channel {count - 1}`")
    box: tuple[int, ...] = (size, size)
    if layout.spatial_dims == 3:
        room = layout.spatial_shape[0] - 2 * MARGIN
        if room < 3:
            raise PsfError(
                f"a stack of at least {3 + 2 * MARGIN} planes", f"{layout.spatial_shape[0]}", "record more of them"
            )
        box = (min(size, room - 1 + room % 2) if size_z is None else size_z, *box)
    elif size_z is not None:
        raise PsfError("a stack with Z for --size-z", f"axes {image.axes}", "pass e.g. `--axes ZYX`, or leave it out")
    taken = (layout.take(image.data, n)[channel or 0] for n in range(layout.num_frames))
    frames = (_without_gaps(frame) if isinstance(image.data, MeasuredArray) else frame for frame in taken)
    found = average_beads(frames, box, image.pixel_size_um, screen.note)
    why = ", ".join(f"{number} {reason}" for reason, number in found.rejected.items())
    rows = [("beads", f"{found.found} found, {found.used} used"), *([("left out", why)] if why else [])]
    finish(screen, found.psf, output, f"average of {found.used} beads of {beads.name}", overwrite=overwrite, rows=rows)


def _without_gaps(frame: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a frame with its median, which is background, where pixels were never measured."""
    missing = np.isnan(frame)
    return np.where(missing, 0.0 if missing.all() else np.nanmedian(frame), frame)
