"""The axis along which a model sees neighbours, where nobody named it, and whether their noise is another."""

from collections.abc import Sequence
from contextlib import suppress

from quietscope.axes import ORDERED
from quietscope.data.by_itself import in_context
from quietscope.data.frames import Frames
from quietscope.data.preparation import Notify
from quietscope.diagnosis.recording import diagnose_frames
from quietscope.errors import AxesError, NoiseError
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
            raise _lacking(images, able)
        configuration = Configuration.of({**configuration.model_dump(), "neighbour_axis": found})
    for image in images:
        in_context(image, configuration.context)
    return configuration


def _lacking(images: Sequence[Image], able: Sequence[str]) -> AxesError:
    """Return the error where no axis is one of all images: it names one that lacks what most of the others have."""
    axes = [image.layout().axes for image in images]
    letter = max(able, key=lambda each: sum(each in letters for letters in axes))
    image, lacking = next(pair for pair in zip(images, axes, strict=True) if letter not in pair[1])
    stack = next((each for each in lacking if each not in "CSYX"), "")
    named = f"name it, e.g. `{typed(axes=lacking.replace(stack, letter))}`, or " if stack else ""
    return AxesError(
        f"an axis {' or '.join(able)} of all images, along which frames follow each other",
        f"axes {lacking!r}" + ("" if image.path is None else f" in {image.path}"),
        f"{named}leave out `{typed('neighbours')}`",
    )


def note_common_noise(configuration: Configuration, frames: Frames, notify: Notify) -> None:
    """Tell of noise that a frame shares with its neighbours, who then show it to the network as if it were structure.

    Args:
        configuration: The configuration; nothing is looked at where it has no neighbours.
        frames: The noisy frames.
        notify: Receives one line for the first channel of which that is true.
    """
    axis = configuration.context.axis
    if axis is None:
        return
    with suppress(NoiseError):  # images that are too small say nothing of their noise, and need not
        for found in diagnose_frames(frames):
            along = found.t if axis == "T" else found.z
            if along is not None and along.verdict == "correlated":
                notify(
                    f"The noise is correlated along {axis} (lag-1 correlation {along.neighbours:.2f}): neighbours show "
                    f"it, and it would be kept as if it were structure. Leave out `{typed('neighbours')}`."
                )
                return
