"""A model is not used on images that are unlike those that it learnt from without a word."""

from quietscope.data.likeness import differences
from quietscope.deploy.card import History
from quietscope.errors import PixelError
from quietscope.io import Image
from quietscope.pipeline.events import Listener, Note
from quietscope.wording import typed

UNKNOWN = (
    "An earlier version exported this model, which does not tell what it has learnt from: nobody knows whether this "
    "image is like that. Export it again."
)


def tell_of_model(history: History, events: Listener) -> None:
    """Say what a person should know of a model, whatever it is used on.

    Args:
        history: What it has learnt from, and how far.
        events: Told a note for each.
    """
    if history.effort is not None and history.effort.early_end:
        events(Note(text=f"The training of this model was {history.effort.early_end}."))
    if not history.seen:
        events(Note(text=UNKNOWN))


def check_likeness(history: History, image: Image, events: Listener, *, insist: bool) -> None:
    """Compare an image with those that a model has learnt from.

    Args:
        history: What the model has learnt from; nothing where that is not known. Where each image is normalised by
            itself, images are compared after that.
        image: The noisy image.
        events: Told one note for each difference.
        insist: Whether to go on where the result must be wrong.

    Raises:
        PixelError: If the result must be wrong, unless `insist`.
    """
    learnt = history.seen
    if len(learnt) != image.layout().num_channels:  # refused by the model in its own words
        return
    from quietscope.data.by_itself import for_model
    from quietscope.data.look import look_at

    seen = look_at([for_model(image, history.normalize, history.context)], 2)
    for channel, (before, now) in enumerate(zip(learnt, seen, strict=False)):
        name = f"channel {channel + 1}: " if len(learnt) > 1 else ""
        for each in differences(before, now):
            if each.is_hopeless and not insist:
                raise PixelError(
                    "an image like those that the model has learnt from",
                    f"another one: {name}{each.words}",
                    f"train on images like this one, or pass `{typed(insist=True)}`",
                )
            events(Note(text=f"{name}{each.words}: the result may be wrong."))
