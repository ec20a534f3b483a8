"""PNG: one grey or colour image of 8 or 16 bits."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from quietscope.axes import guess_axes, reorder
from quietscope.errors import OutputError
from quietscope.io.declared_size import check_block, check_declared
from quietscope.io.derived import NO_OPACITY, is_opaque
from quietscope.io.format import Format, WriteRequest
from quietscope.io.image import Image, Sink, check_series
from quietscope.wording import typed


def read(path: Path, series: int) -> Image:
    """Read a PNG file into memory.

    Args:
        path: The file.
        series: Index of the image; must be 0.

    Returns:
        The image, with axes YX for grey and YXS for colour or transparency. An opacity (alpha) that is the same
        everywhere is left out.

    Raises:
        ImageFileError: If the series is not 0.
    """
    import imagecodecs

    check_series(path, series)
    content = path.read_bytes()
    if content[12:16] == b"IHDR" and len(content) > 24:  # what is about to be decoded, up to 8 bytes a pixel
        width, height = struct.unpack(">II", content[16:24])
        check_declared(path, (height, width), np.uint64)
        check_block(path, (height, width), np.uint64, "image")
    pixels = imagecodecs.png_decode(content)
    told: tuple[str, ...] = ()
    if pixels.ndim == 3 and pixels.shape[-1] in (2, 4) and is_opaque(pixels):
        told = (NO_OPACITY,)
        pixels = pixels[..., 0] if pixels.shape[-1] == 2 else pixels[..., :3]
    return Image(pixels, "YXS" if pixels.ndim == 3 else guess_axes(pixels.shape), path=path, caveats=told)


@contextmanager
def create(path: Path, request: WriteRequest) -> Iterator[Sink]:
    """Provide an array for one grey plane in memory, and encode it at the end.

    Args:
        path: Temporary path to write to.
        request: Description of the image.

    Yields:
        An array of the request's shape.

    Raises:
        OutputError: If the image is not one plane of uint8 or uint16.
    """
    import imagecodecs

    plane = sorted(request.axes) == ["X", "Y"] and request.dtype in (np.uint8, np.uint16)
    if not plane:
        sizes = " x ".join(map(str, request.shape))
        is_plane = sorted(request.axes) == ["X", "Y"]
        integers = f", or pass `{typed(dtype='input')}` where the input has whole numbers" if is_plane else ""
        raise OutputError(
            "one plane of uint8 or uint16 for a .png",
            f"{sizes} ({request.axes}) of {request.dtype}",
            f"write to {request.path.with_suffix('.tif').name} instead{integers}",
        )
    pixels = np.zeros(request.shape, request.dtype)
    yield pixels
    path.write_bytes(imagecodecs.png_encode(np.array(reorder(pixels, request.axes, "YX"), order="C")))


FORMAT = Format(
    name="PNG",
    suffixes=(".png",),
    written=(".png",),
    read=read,
    create=create,
    compressions=("deflate",),
    keeps=lambda request: frozenset(),
    begins=lambda head: head.startswith(b"\x89PNG\r\n\x1a\n"),
)
