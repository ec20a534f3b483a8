"""One class per user mistake.

Every error names what was expected, what came, and what to type instead; the command line prints that one line
and exits with code 2. A mistake of our own is an ``assert``, never one of these.
"""


class QuietScopeError(ValueError):
    """A mistake that its maker can mend, told in one line.

    Args:
        expected: What was expected, in the user's terms.
        got: What came instead.
        fix: What to type or change, ready to paste where there is a command for it.
    """

    def __init__(self, expected: str, got: str, fix: str) -> None:
        super().__init__(f"expected {expected}; got {got}; {fix}")
        self.expected = expected
        self.got = got
        self.fix = fix

    def __reduce__(self) -> tuple[type["QuietScopeError"], tuple[str, str, str]]:
        """Rebuild from the three parts, so that an error survives a trip between processes."""
        return type(self), (self.expected, self.got, self.fix)


class Terminated(KeyboardInterrupt):
    """The system asked the program to end (SIGTERM); it ends as after Ctrl-C, cleaning up behind itself."""


class Stop(KeyboardInterrupt):
    """Raised by whoever listens to a run, to end it: what was learnt until then is kept, and the run can be resumed."""


class ImageFileError(QuietScopeError):
    """A file that is missing, truncated, or no image."""


class AxesError(QuietScopeError):
    """Axes that do not fit the array's shape or that QuietScope cannot place."""


class PixelError(QuietScopeError):
    """Pixel values that cannot be learnt from: NaN, infinite, or all the same."""


class ChannelError(QuietScopeError):
    """An image whose channels do not fit the model."""


class SizeError(QuietScopeError):
    """An image too small for what was asked of it."""


class ModelFileError(QuietScopeError):
    """A file that is no QuietScope model, or one written by a newer version."""


class NoiseError(QuietScopeError):
    """A noise specification, noise file or calibration that cannot be used."""


class BudgetError(QuietScopeError):
    """A time or step budget that cannot be read."""


class SettingsError(QuietScopeError):
    """A configuration value or key that is not known, or lies outside its range."""


class OutputError(QuietScopeError):
    """A result that cannot be written where it was asked for."""


class TrainingError(QuietScopeError):
    """A training run that could not be brought to a usable model."""


class CompressionError(QuietScopeError):
    """A compression that is not possible, or that would lose more than it is allowed to."""


class PsfError(QuietScopeError):
    """A point spread function that cannot be used, or optics or beads that give none."""


class ExportError(QuietScopeError):
    """A model that cannot be written for another program, or that would not compute the same there."""


class PluginError(QuietScopeError):
    """A member that another package declares and that cannot be used, or whose package is missing."""
