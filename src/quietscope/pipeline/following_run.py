"""Trackers that follow a run from its first step to its last: what it is at, and how good the results are."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from quietscope.pipeline.events import Began, Event, Listener, Note
from quietscope.pipeline.outcome import Outcome
from quietscope.pipeline.plan import Training
from quietscope.training.followed import Followers, Names, followed


@contextmanager
def following(log: Names, folder: Path, training: Training, events: Listener) -> Iterator[Followers]:
    """Have trackers follow a run in this block.

    Args:
        log: Their names.
        folder: The folder of the run.
        training: What is learnt, settled.
        events: Told of what a person should know of them.

    Raises:
        SettingsError: If there is none of a name, or what it needs is not installed.
    """
    settings = training.configuration.model_dump(mode="json")
    with followed(log, folder, settings, lambda text: events(Note(text=text))) as followers:
        yield followers


class StagesTold:
    """Passes events on to a listener, and tells trackers which step a run is at.

    Args:
        events: The listener.
        followers: The trackers.
    """

    def __init__(self, events: Listener, followers: Followers) -> None:
        self._events, self._followers = events, followers

    def __call__(self, event: Event) -> None:
        """Pass an event on."""
        if isinstance(event, Began):
            self._followers.tell({"stage": f"{event.step} {event.what}".strip()})
        self._events(event)


def tell_outcome(followers: Followers, outcome: Outcome) -> None:
    """Tell trackers what came of a run: its verdict, and the PSNR in dB, measured or estimated."""
    told: dict[str, float | str] = {"stage": "done", "verdict": outcome.verdict.words}
    if outcome.unaided.quality:
        told["estimated_psnr"] = outcome.unaided.quality
    scored = [image for image in outcome.images if image.before is not None and image.after is not None]
    for name, which in (("psnr_noisy_db", "before"), ("psnr_db", "after")):
        values = [getattr(image, which)["psnr"] for image in scored]
        if values:
            told[name] = float(sum(values) / len(values))
    followers.tell(told)
