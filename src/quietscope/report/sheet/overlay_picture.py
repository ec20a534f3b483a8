"""The picture of outlines that a segmentation has left, made small enough for a page."""

import base64
import io
from pathlib import Path

from quietscope.report.sheet.run_record import Picture

_LARGEST_SIDE, _COLOURS = 800, 128


def overlay_picture(path: Path) -> tuple[Picture, float]:
    """Return a picture of few bytes.

    Args:
        path: The file of the outlines, PNG.

    Returns:
        The picture, and how many columns of the file one of its columns is.

    Raises:
        OSError: If it cannot be read.
    """
    from PIL import Image

    with Image.open(path) as opened:
        whole = opened.convert("RGB")
    width = whole.width
    whole.thumbnail((_LARGEST_SIDE, _LARGEST_SIDE))
    file = io.BytesIO()
    whole.quantize(_COLOURS).save(file, "png", optimize=True)
    png = base64.b64encode(file.getvalue()).decode("ascii")
    return Picture(png=png, width=whole.width, height=whole.height, low=0.0, high=255.0), width / whole.width
