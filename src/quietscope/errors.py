"""One exception class for each kind of user mistake.

Every message names what was expected, what was given, and what to type instead. The command line prints it as one line
and exits with status 2. An error in our own code is an ``assert``, never one of these.
"""

from typing import Any


class QuietScopeError(ValueError):
    """A mistake that the user can correct, described in one line.

    Args:
        expected: What was expected, in the user's terms.
        got: What was given instead.
        fix: What to type or change; ready to paste if it is a command.
    """

    def __init__(self, expected: str, got: str, fix: str) -> None:
        super().__init__(f"expected {expected}; got {got}; {fix}")
        self.expected = expected
        self.got = got
        self.fix = fix

    def __reduce__(self) -> tuple[type["QuietScopeError"], tuple[str, str, str]]:
        """Pickle the three parts, so that an error can be passed between processes."""
        return type(self), (self.expected, self.got, self.fix)


class Terminated(KeyboardInterrupt):
    """Raised when the system asks the program to end (SIGTERM); it then ends as after Ctrl-C, and cleans up.

    Args:
        learnt: A model that was being trained, as good as it had become, where nobody else has it.
    """

    def __init__(self, learnt: Any = None) -> None:
        super().__init__("the system has asked the program to end (SIGTERM)")
        self.learnt = learnt


class Stop(KeyboardInterrupt):
    """Raised by a listener of a run to end it; the model trained so far is kept, and the run can be resumed."""


class ImageFileError(QuietScopeError):
    """A file that is missing, truncated, or not an image."""


class SeriesError(ImageFileError):
    """A file has no image of that number or name."""


class SeriesWarning(UserWarning):
    """A file holds several images, and the first was taken because nobody said which."""


class CaveatWarning(UserWarning):
    """The pixels of a file are not quite what a camera has given: compressed with loss, indices, or left as stored."""


class LeftOutWarning(UserWarning):
    """A format has no place for something that is known of the image that is written."""


class MissingPixelsWarning(UserWarning):
    """No pixel of an image was ever stored; the format reads such pixels as its fill value."""


class AxesError(QuietScopeError):
    """Axes that do not fit the shape of the array, or that QuietScope does not know how to use."""


class PixelError(QuietScopeError):
    """Pixel values that cannot be trained on: NaN, infinite, or all equal."""


class ChannelError(QuietScopeError):
    """An image whose channels do not fit the model."""


class SizeError(QuietScopeError):
    """An image that is too small, or whose size does not match another image."""


class ModelFileError(QuietScopeError):
    """A file that is not a QuietScope model, or one written by a newer version."""


class NoiseError(QuietScopeError):
    """A noise specification, noise file or calibration that cannot be used."""


class BudgetError(QuietScopeError):
    """A time or step budget that cannot be understood."""


class SettingsError(QuietScopeError):
    """A configuration key that is unknown, or a value that is out of range."""


class OutputError(QuietScopeError):
    """A result that cannot be written to the requested place."""


class TrainingError(QuietScopeError):
    """A training run that did not lead to a usable model."""


class CompressionError(QuietScopeError):
    """A compression that is not possible, or that would lose more quality than allowed."""


class PsfError(QuietScopeError):
    """A point spread function that cannot be used, or optics or beads from which none can be made."""


class ExportError(QuietScopeError):
    """A model that cannot be exported for another program, or that would compute something else there."""


class ClusterError(QuietScopeError):
    """Workers or a scheduler that cannot be reached, are of another version, or were lost."""


class PluginError(QuietScopeError):
    """A method, noise model, format or the like of another package that cannot be used, or is not installed."""
