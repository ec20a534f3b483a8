"""An image and what it is compared with, opened as they go together."""

import math
from collections.abc import Callable
from pathlib import Path

from quietscope.io import Image
from quietscope.io.part import ALL, Part


def read_pair(
    noisy: Path,
    clean: Path,
    axes: str | None,
    series: int | str | None,
    mask: str | None,
    note: Callable[[str], None],
    *,
    is_result: bool = False,
    part: Part = ALL,
) -> tuple[Image, Image]:
    """Open an image and its reference, with NaN where one of them was never measured, and tell what that is.

    Areas of one value are looked for in the image alone, since a reference may be a drawing, and not in a smooth result
    of whole numbers; absurd pixels in the reference, and in an image that is not the result of a method. Of both a part
    is taken; where one of them is that part already, of the other.
    """
    from quietscope.data.mask import NAN, masked
    from quietscope.data.measured import MeasuredArray, as_measured, gap_notes, is_smooth_and_rounded, only
    from quietscope.pipeline.inputs import open_together

    image, reference = open_together([noisy, clean], axes, series, mask if mask == NAN else None)
    if mask is not None and mask != NAN:
        image = masked(image, mask, series)
    image, reference = _parts(part, image, reference)
    areas = not (is_result and is_smooth_and_rounded(image))
    image, whole = only(as_measured(image), areas=areas, sentinels=True, absurd=not is_result), as_measured(reference)
    reference = only(whole, absurd=True)
    if isinstance(whole.data, MeasuredArray) and not isinstance(image.data, MeasuredArray):
        values = sorted({value for gaps in whole.data.gaps for value in gaps.sentinels})
        if values:
            named = " and ".join(f"{value:.6g}" for value in values)
            note(f"{clean.name}: {named} counts as measured here; if it stands for no measurement, pass `--mask FILE`.")
    for text in (*gap_notes([image]), *gap_notes([reference], with_given=False)):
        note(text)
    return image, reference


def _parts(part: Part, one: Image, other: Image) -> tuple[Image, Image]:
    """Return a part of two images that go together; one that is smaller may be of that part alone."""
    if math.prod(one.shape) < math.prod(other.shape):
        second, first = _parts(part, other, one)
        return first, second
    cut = part.of(one)
    return cut, other if other.shape == cut.shape else part.of(other)
