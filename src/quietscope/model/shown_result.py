"""What a result says of itself in a word, and in a notebook: a line, and a small picture beside a table."""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from quietscope.axes import Layout
from quietscope.errors import SizeError
from quietscope.outside.shown import shown
from quietscope.tiling.kinds import kind_of

if TYPE_CHECKING:
    from quietscope.io import Image
    from quietscope.model.result import Result

CONTRAST = (0.5, 99.8)
"""Percentiles of the intensities that are shown as black and as white."""

THUMBNAIL_SIDE = 192
"""Longest side of the small picture in pixels: at most 37 kB before it is compressed."""

_CELL = "text-align:left;padding:0 0.8em 0 0;border:none;background:none"


def shown_result(result: "Result") -> str:
    """Return a line such as ``<Result of hdn: mean, deviation of 4 x 512 x 512 QYX; usable>``."""
    of_method = f" of {result.method}" if result.method else ""
    return f"<Result{of_method}: {_kinds(result)} of {_size(result)}; {result.verdict.level}>"


def shown_result_as_html(result: "Result") -> str:
    """Return the middle plane of the first channel as a small picture, beside a table; nothing is loaded from afar."""
    rows = [("results", _kinds(result)), ("image", _size(result)), ("method", result.method)]
    rows += [("pixel size", ", ".join(f"{axis} {size:g} um" for axis, size in result.pixel_size_um.items()))]
    rows += [("channels", ", ".join(result.channel_names)), ("verdict", result.verdict.words)]
    picture = b64encode(_thumbnail(plane_of(result.axes, result.image))).decode("ascii")
    return (
        '<div style="display:flex;gap:1em;align-items:center">'
        f'<img alt="the denoised image, its middle plane" src="data:image/png;base64,{picture}">'
        f"{html_table(rows)}</div>"
    )


def html_table(rows: Iterable[Sequence[str]], heading: Sequence[str] = ()) -> str:
    """Return a table for a notebook, in which nothing from outside is more than text.

    Args:
        rows: Words, cell by cell; of two cells, a row whose second is empty is left out.
        heading: Words above the columns; the first column is set in bold where there are none.
    """
    head = "".join(f'<th style="{_CELL}">{escape(shown(word))}</th>' for word in heading)
    lines = [f"<tr>{head}</tr>"] if heading else []
    for row in rows:
        if len(row) == 2 and not row[1]:
            continue
        tags = ["td" if heading or number else "th" for number in range(len(row))]
        cells = (f'<{tag} style="{_CELL}">{escape(shown(each))}</{tag}>' for tag, each in zip(tags, row, strict=True))
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table>{''.join(lines)}</table>"


def plane_of(axes: str, array: Any, frame: int | None = None, channel: int = 0) -> npt.NDArray[np.float64]:
    """Read one plane, and nothing else.

    Args:
        axes: One letter per dimension.
        array: The pixels.
        frame: Number of the plane, counted along all axes but channels, Y and X; that in the middle of each if None.
        channel: Number of the channel.

    Returns:
        (Y, X).

    Raises:
        SizeError: If there is no such frame or channel.
    """
    layout = Layout.of(axes, array.shape)
    number = _middle(layout) if frame is None else frame
    for name, at, count in (("frame", number, layout.num_frames), ("channel", channel, layout.num_channels)):
        if not 0 <= at < count:
            raise SizeError(f"a {name} from 0 to {count - 1}", str(at), f"pass e.g. {name}={count - 1}")
    return np.asarray(layout.take(array, number)[channel], np.float64)


def noisy_plane(noisy: "Image", frame: int | None = None, channel: int = 0) -> npt.NDArray[np.float64]:
    """Read one plane of the noisy image; NaN where nothing was measured. For arguments see `plane_of`."""
    return plane_of(noisy.axes, noisy.data, frame, channel)


def display_range(pixels: npt.NDArray[Any]) -> tuple[float, float]:
    """Return the intensities to be shown as black and as white, the lower one below; a hot pixel moves neither."""
    known = pixels[np.isfinite(pixels)]
    if not known.size:
        return 0.0, 1.0
    low, high = (float(level) for level in np.percentile(known, CONTRAST))
    return low, high if high > low else low + max(1.0, abs(low))


def _middle(layout: Layout) -> int:
    number = 0
    for letter, size in zip(layout.axes, layout.shape, strict=True):
        if letter in layout.frame_axes:
            number = number * size + size // 2
    return number


def _thumbnail(plane: npt.NDArray[np.float64]) -> bytes:
    """Return a plane as a grey PNG, made smaller by the mean of squares of pixels."""
    import imagecodecs

    factor = -(-max(plane.shape) // THUMBNAIL_SIDE)
    rows, columns = (min(factor, size) for size in plane.shape)
    height, width = plane.shape[0] // rows, plane.shape[1] // columns
    squares = plane[: height * rows, : width * columns].reshape(height, rows, width, columns)
    small = squares.mean(axis=(1, 3))
    low, high = display_range(small)
    grey = np.clip(np.nan_to_num((small - low) / (high - low)), 0.0, 1.0)
    return bytes(imagecodecs.png_encode(np.round(255.0 * grey).astype(np.uint8), level=9))


def _kinds(result: "Result") -> str:
    return ", ".join(kind_of(name).word for name in result.estimates)


def _size(result: "Result") -> str:
    shape = result.image.shape
    return f"{' x '.join(map(str, shape))} {result.axes}" if prod(shape) else result.axes
