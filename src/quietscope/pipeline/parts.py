"""Parts of images that stand for them all where looking at all of them would take too long."""

from collections.abc import Sequence

import numpy as np

from quietscope.axes import NO_CONTEXT, Context, Layout
from quietscope.data.by_itself import in_context
from quietscope.data.mask import NAN
from quietscope.data.measured import as_measured
from quietscope.io import Image


def middle_parts(
    images: Sequence[Image], dims: int, size: Sequence[int], most: int, context: Context = NO_CONTEXT
) -> Image:
    """Return the middle of some frames as one image.

    Args:
        images: The images.
        dims: 2 or 3, as frames are planes or volumes.
        size: Length of a part along every axis of a frame, at most; shorter where the first image is.
        most: Number of parts, at most.
        context: What a model sees of an image beside its planes. Where that are neighbours, the parts are of frames
            that follow each other, else of frames that lie evenly.

    Returns:
        Parts one after another, (Q, C, *S), or with the axis of the neighbours in place of Q; NaN where nothing was
        measured.
    """
    seen = [in_context(as_measured(each), context) for each in images]
    first = seen[0].layout(dims)
    size = tuple(min(n, longest) for n, longest in zip(first.spatial_shape, size, strict=True))
    frames = [
        (image, layout, n)
        for image, layout in ((each, each.layout(dims)) for each in seen)
        if all(n >= m for n, m in zip(layout.spatial_shape, size, strict=True))
        for n in range(layout.num_frames)
    ]
    chosen = [frames[round(k)] for k in np.linspace(0, len(frames) - 1, min(most, len(frames)))]
    if context.axis is not None:
        image, layout, n = frames[len(frames) // 2]
        chosen = [(image, layout, number) for number in _run(layout, n, most)]
    planes = []
    for image, layout, n in chosen:
        middle = tuple(slice((a - b) // 2, (a - b) // 2 + b) for a, b in zip(layout.spatial_shape, size, strict=True))
        planes.append(np.asarray(layout.region(image.data, n, middle), np.float32))
    data = np.stack(planes)
    axes = f"{context.axis or 'Q'}C{context.depth if dims == 3 else ''}YX"
    return Image(data, axes, mask=NAN if np.isnan(data).any() else None, context=context)


def _run(layout: Layout, frame: int, most: int) -> list[int]:
    """Return the numbers of frames that follow each other along the axis of the neighbours, around one of them."""
    axis = layout.context.axis
    assert axis is not None
    sizes = [dict(zip(layout.axes, layout.shape, strict=True))[letter] for letter in layout.frame_axes]
    counted, place = layout.frame_axes.index(axis), list(np.unravel_index(frame, sizes))
    length = min(most, sizes[counted])
    begin = min(max(0, int(place[counted]) - length // 2), sizes[counted] - length)
    numbers = []
    for at in range(begin, begin + length):
        place[counted] = np.intp(at)
        numbers.append(int(np.ravel_multi_index(place, sizes)))
    return numbers
