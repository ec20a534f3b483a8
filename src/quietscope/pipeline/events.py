"""What a run tells while it works: frozen records, handed one by one to whoever listens."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from quietscope.pipeline.outcome import Outcome
    from quietscope.training.watch import TrainingState

Step: TypeAlias = Literal["settle", "train", "calibrate", "images", "predict", "chunks", "compare", "report", "watch"]
"""What a run does, part by part; "images" and "watch" go around the "predict" of every image."""


@dataclass(frozen=True, kw_only=True)
class Began:
    """A step has begun.

    Attributes:
        step: Which.
        what: What it works on, such as the name of an image.
        count: How many images it works on.
    """

    step: Step
    what: str = ""
    count: int = 1


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A step has ended well; one that fails raises, and ends without this.

    Attributes:
        step: Which.
        what: What it worked on.
    """

    step: Step
    what: str = ""


@dataclass(frozen=True, kw_only=True)
class Note:
    """Something that a person should know.

    Attributes:
        text: One line.
    """

    text: str


@dataclass(frozen=True, kw_only=True)
class TrainingProgress:
    """A training step is done.

    Attributes:
        state: How training stands.
    """

    state: "TrainingState"


@dataclass(frozen=True, kw_only=True)
class PredictionProgress:
    """A part of an image is denoised.

    Attributes:
        what: Name of the image.
        done: Samples of tiles that are done.
        total: Samples of tiles in all.
    """

    what: str
    done: int
    total: int


@dataclass(frozen=True, kw_only=True)
class ChunkProgress:
    """A chunk of an image is denoised, and on the disk; or what is made of all chunks stands so far.

    Attributes:
        what: Name of the image, or what is made.
        done: Chunks that are done, those of earlier runs among them.
        total: Chunks in all.
        new: Chunks that this run has done.
        num_bytes: Bytes of results in these.
    """

    what: str
    done: int
    total: int
    new: int = 0
    num_bytes: int = 0


@dataclass(frozen=True, kw_only=True)
class ImageDone:
    """An image of many has had its turn.

    Attributes:
        what: Its path.
        done: Images that have had their turn.
        total: Images in all.
        error: Why it could not be denoised, in one line; empty where it was.
        is_earlier: Whether it was passed over, for an earlier process has denoised it.
    """

    what: str
    done: int
    total: int
    error: str = ""
    is_earlier: bool = False


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """Nothing is at hand in a folder that is watched; told several times a second, so that a listener can end it.

    Attributes:
        what: The folder.
        growing: Files in it that have changed lately, which are not whole yet.
    """

    what: str
    growing: int = 0


@dataclass(frozen=True, kw_only=True)
class Written:
    """A file stands under its name, whole.

    Attributes:
        name: What it is: "model", "overview", "mean" and so on.
        path: The file.
    """

    name: str
    path: Path


@dataclass(frozen=True, kw_only=True)
class Finished:
    """The run is over.

    Attributes:
        outcome: What came of it.
    """

    outcome: "Outcome"


Event: TypeAlias = (
    Began
    | Ended
    | Note
    | TrainingProgress
    | PredictionProgress
    | ChunkProgress
    | ImageDone
    | Waiting
    | Written
    | Finished
)
Listener: TypeAlias = Callable[[Event], None]
"""Receives every event; ends the run by raising `quietscope.Stop`, after which it can be resumed."""


@dataclass
class Noted:
    """Passes events on to a listener, and keeps the notes among them.

    Attributes:
        events: The listener.
        notes: The notes so far.
    """

    events: Listener
    notes: list[str] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        """Pass an event on."""
        if isinstance(event, Note):
            self.notes.append(event.text)
        self.events(event)


def ignore(event: Event) -> None:
    """Listen to nothing."""


@contextmanager
def step(events: Listener, name: Step, what: str = "", count: int = 1) -> Iterator[None]:
    """Tell that a step begins, and, if the block ends well, that it has ended."""
    events(Began(step=name, what=what, count=count))
    yield
    events(Ended(step=name, what=what))
