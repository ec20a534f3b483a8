"""Parts of images that stand for them all where looking at all of them would take too long."""

from collections.abc import Sequence

import numpy as np

from quietscope.axes import NO_CONTEXT, Context, Layout
from quietscope.data.by_itself import in_context
from quietscope.data.mask import NAN
from quietscope.data.measured import as_measured
from quietscope.io import Image

MIDDLE = (0.5, 0.5)
CORNERS = ((0.0, 0.0), (1.0, 1.0), (0.0, 1.0), (1.0, 0.0))
"""Where boxes lie by turns, in Y and X: the middle of images, where things of interest lie, does not stand for all."""


def parts_of(
    images: Sequence[Image], dims: int, size: Sequence[int], most: int, context: Context = NO_CONTEXT
) -> Image:
    """Return boxes of some frames, which lie evenly among them and in their corners by turns, as one image.

    Args:
        images: The images.
        dims: 2 or 3, as frames are planes or volumes.
        size: Length of a part along every axis of a frame, at most; shorter where the first image is.
        most: Number of parts, at most.
        context: What a model sees of an image beside its planes. Where that are neighbours, the parts are the middle
            of frames that follow each other.

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
    places = [(round(k), CORNERS[n % len(CORNERS)]) for n, k in enumerate(np.linspace(0, len(frames) - 1, most))]
    chosen = [(*frames[k], _box(frames[k][1].spatial_shape, size, corner)) for k, corner in places]
    if context.axis is not None:
        image, layout, n = frames[len(frames) // 2]
        box = _box(layout.spatial_shape, size, MIDDLE)
        chosen = [(image, layout, number, box) for number in _run(layout, n, most)]
    apart = {
        (id(image), n, tuple(part.start for part in box)): (image, layout, n, box) for image, layout, n, box in chosen
    }
    data = np.stack(
        [np.asarray(layout.region(image.data, n, box), np.float32) for image, layout, n, box in apart.values()]
    )
    axes = f"{context.axis or 'Q'}C{context.depth if dims == 3 else ''}YX"
    return Image(data, axes, mask=NAN if np.isnan(data).any() else None, context=context)


def _box(shape: Sequence[int], size: Sequence[int], corner: tuple[float, float]) -> tuple[slice, ...]:
    """Return a box in a frame: in Y and X as far from the origin as `corner` says, 0 to 1; in the middle of Z."""
    shares = (*[0.5] * (len(size) - 2), *corner)
    starts = [int((whole - part) * share) for whole, part, share in zip(shape, size, shares, strict=True)]
    return tuple(slice(start, start + part) for start, part in zip(starts, size, strict=True))


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
