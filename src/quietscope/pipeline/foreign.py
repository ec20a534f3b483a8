"""A model is not used on images that are unlike those that it learnt from without a word."""

from collections.abc import Sequence

from quietscope.data.likeness import Seen, differences
from quietscope.errors import PixelError
from quietscope.io import Image
from quietscope.pipeline.events import Listener, Note
from quietscope.wording import typed

UNKNOWN = (
    "An earlier version exported this model, which does not tell what it has learnt from: nobody knows whether this "
    "image is like that. Export it again."
)


def check_likeness(learnt: Sequence[Seen], image: Image, events: Listener, *, insist: bool) -> None:
    """Compare an image with those that a model has learnt from.

    Args:
        learnt: What the model has learnt from, one record per channel; none where that is not known.
        image: The noisy image.
        events: Told one note for each difference.
        insist: Whether to go on where the result must be wrong.

    Raises:
        PixelError: If the result must be wrong, unless `insist`.
    """
    if not learnt:
        events(Note(text=UNKNOWN))
    if len(learnt) != image.layout().num_channels:  # refused by the model in its own words
        return
    from quietscope.data.look import look_at
    from quietscope.data.measured import as_measured

    for channel, (before, now) in enumerate(zip(learnt, look_at([as_measured(image)], 2), strict=False)):
        name = f"channel {channel + 1}: " if len(learnt) > 1 else ""
        for each in differences(before, now):
            if each.is_hopeless and not insist:
                raise PixelError(
                    "an image like those that the model has learnt from",
                    f"another one: {name}{each.words}",
                    f"train on images like this one, or pass `{typed(insist=True)}`",
                )
            events(Note(text=f"{name}{each.words}: the result may be wrong."))
