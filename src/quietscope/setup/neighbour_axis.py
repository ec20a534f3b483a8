"""The axis along which a model sees neighbours, where nobody named it."""

from collections.abc import Sequence

from quietscope.axes import ORDERED
from quietscope.data.by_itself import in_context
from quietscope.errors import AxesError
from quietscope.io import Image
from quietscope.presets import Configuration
from quietscope.wording import typed


def with_neighbour_axis(configuration: Configuration, images: Sequence[Image]) -> Configuration:
    """Choose the axis along which neighbours lie: T where all images have one, else Z; the depth of volumes is none.

    Args:
        configuration: The configuration.
        images: The noisy images.

    Returns:
        A configuration that names the axis; the same object where there are no neighbours, or it does so already.

    Raises:
        AxesError: If an image has neither axis, so that nothing says that its frames follow each other.
        SizeError: If an image has one frame along the axis.
    """
    if not configuration.neighbours:
        return configuration
    axes = [image.layout().axes for image in images]
    if configuration.neighbour_axis is None:
        able = [letter for letter in ORDERED if configuration.dims == 2 or letter != configuration.depth_axis]
        found = next((letter for letter in able if all(letter in each for each in axes)), None)
        if found is None:
            lacking = next(each for each in axes if not any(letter in each for letter in able))
            stack = next((letter for letter in lacking if letter not in "CSYX"), "")
            named = f"name it, e.g. `{typed(axes=lacking.replace(stack, able[0]))}`, or " if stack else ""
            raise AxesError(
                f"an axis {' or '.join(able)} along which frames follow each other",
                f"axes {lacking!r}",
                f"{named}leave out `{typed('neighbours')}`",
            )
        configuration = Configuration.of({**configuration.model_dump(), "neighbour_axis": found})
    for image in images:
        in_context(image, configuration.context)
    return configuration
