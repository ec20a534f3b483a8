"""The command line: one file per verb, each of which parses, makes one call and prints.

A new verb is one file and one line in `VERBS`; another package declares its own in the entry-point group
"quietscope.commands". The files are imported when their verb is typed, and PyTorch only when the verb needs it, so
that help comes at once.
"""

import _thread
import io
import keyword
import os
import signal
import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from types import FrameType, MappingProxyType
from typing import TYPE_CHECKING, TextIO

from quietscope.errors import (
    CaveatWarning,
    LeftOutWarning,
    MissingPixelsWarning,
    QuietScopeError,
    SeriesWarning,
    Terminated,
)
from quietscope.insistence import SIGNALS, heard, insistence_heard
from quietscope.outside.shown import shown
from quietscope.registry import PluginWarning, Registry
from quietscope.version import __version__
from quietscope.wording import for_the_command_line

if TYPE_CHECKING:
    from cyclopts import App  # imported where a signal is answered already

VERBS = MappingProxyType(
    {
        "denoise": "Train on the very images and denoise them: no clean data, no settings.",
        "demo": "Denoise the sample that comes with QuietScope and compare with its clean reference.",
        "train": "Train a model in a run folder, to be used on other images.",
        "predict": "Denoise images with a trained model.",
        "array": "Write the script of a job array that denoises one large image on a cluster: SLURM, PBS or LSF.",
        "watch": "Denoise images with a trained model as a microscope writes them.",
        "segment": "Segment cells by the consensus of samples: objects, counts, and how sure each is.",
        "measure": "Measure anything on samples of images: numbers with intervals, and whether two groups differ.",
        "spots": "Find spots in samples of an image, and say how probable each is.",
        "generate": "Draw images from what a model has learnt, or go from one image to another through it.",
        "report": "Make the report of a run anew from what its folder holds.",
        "evaluate": "Compare a denoised image with a clean one: PSNR, SSIM, and whether its uncertainty is honest.",
        "recalibrate": "Correct a model's uncertainty by a reference, or by a second opinion.",
        "diagnose": "Look at the noise of an image, and say which method to take.",
        "read": "Read the text on noisy pages by many samples of them: words with their probability.",
        "levels": "Show what each level of a model's hierarchy holds of an image.",
        "distill": "Train a network that gives a model's mean or median in one pass.",
        "compress": "Make a trained model smaller and faster without losing what it was trained for.",
        "export": "Write a model for other programs: ONNX, OpenVINO, torch.export, BioImage Model Zoo.",
        "import": "Make a model file of a checkpoint that another program wrote.",
        "presets": "List every method and preset: parameters, budget, measured quality.",
        "info": "Say what a file is: an image, a model, an exported model or a noise model.",
    }
)
NOISE_VERBS = MappingProxyType(
    {
        "estimate": "Estimate the noise from noisy images alone.",
        "fit": "Fit the noise to pairs of noisy and clean images.",
        "calibrate": "Measure the noise from many frames of one static scene.",
        "bootstrap": "Measure the noise without calibration, by a first denoiser.",
        "show": "Show the noise model in a file, in numbers and as a picture.",
    }
)
PSF_VERBS = MappingProxyType(
    {
        "gaussian": "Make a Gaussian PSF of a given width.",
        "theory": "Compute the PSF of an objective.",
        "beads": "Average the beads of an image.",
    }
)
COMPLETION, COMPLETES = "--install-completion", "Let the Tab key complete verbs and options in this shell."
_TOLD = (PluginWarning, SeriesWarning, MissingPixelsWarning, CaveatWarning, LeftOutWarning)
"""Warnings that are notes for a person, told in one line."""
USAGE_ERROR, OUR_ERROR, INTERRUPTED, TERMINATED = 2, 70, 130, 143


def _command(name: str, member: object) -> Callable[..., object]:
    if not callable(member):
        raise TypeError(f"it must be a function, but it is a {type(member).__name__}")
    return member


COMMANDS: Registry[Callable[..., object]] = Registry(
    "quietscope.commands", {}, _command, reserved=(*VERBS, "noise", "psf")
)
"""Verbs of other packages: functions as in `quietscope.cli.verbs`, whose parameters and docstring are their help."""


def make_app(typed: Sequence[str] = ()) -> "App":
    """Return the command line with all its verbs.

    Args:
        typed: What was typed. A verb in it shows its whole docstring as help, in place of its line in the list of
            verbs, for which none has to be imported.
    """
    from cyclopts import App

    from quietscope.cli.help_groups import BASIC

    def about(verb: str, summary: str) -> str | None:
        return None if verb in typed else summary

    app = App(
        name="quietscope",
        help="Remove noise from microscopy images without clean training data, and say how sure the result is.",
        version=__version__,
        group_parameters=BASIC,
        result_action="return_value",
        suppress_keyboard_interrupt=False,  # it would exit without a word
    )
    about_noise = "Noise models: how an intensity scatters around the clean signal."
    noise = App(name="noise", help=about_noise, group_parameters=BASIC)
    for verb, summary in VERBS.items():
        function = f"{verb}_" if keyword.iskeyword(verb) else verb
        app.command(f"quietscope.cli.verbs.{function}:{function}", name=verb, help=about(verb, summary))
    for verb, summary in NOISE_VERBS.items():
        noise.command(f"quietscope.cli.verbs.noise_{verb}:noise_{verb}", name=verb, help=about(verb, summary))
    app.command(noise)
    about_psf = "Point spread functions: how the microscope blurs a point."
    psf = App(name="psf", help=about_psf, group_parameters=BASIC)
    for verb, summary in PSF_VERBS.items():
        psf.command(f"quietscope.cli.verbs.psf_{verb}:psf_{verb}", name=verb, help=about(verb, summary))
    app.command(psf)
    app.command("quietscope.cli.completion:install_completion", name=COMPLETION, help=about(COMPLETION, COMPLETES))
    for verb in COMMANDS:
        summary = f"Of the package {COMMANDS.source_of(verb)}."
        app.command(f"quietscope.cli.commands:{verb}", name=verb, help=about(verb, summary))
    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its status.

    0, 2 for a mistake that can be mended or one of many images that cannot be denoised, 3 for a result that is of no
    use, 70 for a fault of ours, 130 after Ctrl-C.

    Args:
        arguments: What was typed after the program's name; by default this process's own arguments.
    """
    warnings.showwarning = partial(_tell, set())
    sys.unraisablehook = _pass_on
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # no character of a file's name is to end a run
            stream.reconfigure(errors="backslashreplace")
    status = run(list(sys.argv[1:] if arguments is None else arguments))
    for number in SIGNALS:  # all is done and said
        signal.signal(number, signal.SIG_IGN)
    # Python remembers an interrupt that came in a text it executed, as dataclasses do when they are imported, and would
    # end by that signal whatever the status. The next text that ends well makes it forget.
    exec("")
    sys.exit(status)


def run(arguments: list[str]) -> int:
    """Run the command line and return its status.

    Args:
        arguments: What was typed after the program's name.

    Returns:
        The exit status.
    """
    received: list[int] = []

    def end(number: int, frame: FrameType | None) -> None:
        received.append(number)
        heard()
        raise Terminated if number == signal.SIGTERM else KeyboardInterrupt

    earlier = [signal.signal(number, end) for number in SIGNALS]
    try:
        with insistence_heard(_end_at_once), for_the_command_line():
            status = _perform([_from_home(word) for word in arguments])
        return status if isinstance(status, int) else 0
    except QuietScopeError as error:
        return _complain(str(error))
    except BrokenPipeError:
        # The reader of a pipe has gone (`quietscope info x | head -1`). Python would complain again when it flushes.
        sys.stdout = None
        return 0
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        return _complain(f"expected the system to allow it; got {error.strerror or error}{place}; {_advice(error)}")
    except KeyboardInterrupt as error:
        return _stopped(signal.SIGTERM in received or isinstance(error, Terminated))
    except Exception as error:  # a fault of ours, or of a library that we use
        if received:  # some libraries turn what a signal raises into an error of theirs
            return _stopped(signal.SIGTERM in received)
        if _is_out_of_memory(error):
            return _complain(_out_of_memory(error))
        return _confess(error, arguments)
    finally:
        for number, handler in zip(SIGNALS, earlier, strict=True):
            signal.signal(number, handler)


def _perform(arguments: list[str]) -> object:
    """Call the verb that was typed, with its inputs protected from its outputs."""
    from cyclopts import CycloptsError

    from quietscope.outside.sources import reading

    try:
        command, bound, _ = make_app(arguments).parse_args(arguments, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        words = str(error).replace("Unused Tokens:", "Nobody asked for")
        return _complain(f"{words} {_help_for(arguments)}")
    with reading(bound.arguments):
        return command(*bound.args, **bound.kwargs)


def _from_home(word: str) -> str:
    """Return a word with the home folder for ``~``, which a shell leaves alone in quotes and after ``--option=``."""
    start, equals, path = word.rpartition("=") if word.startswith("--") else ("", "", word)
    if (path != "~" and not path.startswith(f"~{os.sep}")) or os.path.lexists("~"):
        return word
    from pathlib import Path

    return f"{start}{equals}{Path(path).expanduser()}"


def _help_for(arguments: list[str]) -> str:
    """Say where the options of what was typed are listed."""
    verb = " ".join(arguments[: 2 if arguments[:1] in (["noise"], ["psf"]) else 1])
    known = (*VERBS, *(f"noise {each}" for each in NOISE_VERBS), *(f"psf {each}" for each in PSF_VERBS))
    start = "Type e.g. `quietscope denoise cells.tif -o out/`, or see" if verb == "denoise" else "See"
    return f"{start} `quietscope {verb + ' ' if verb in known else ''}--help`."


def _complain(text: str) -> int:
    print("quietscope:", shown(" ".join(text.split())), file=sys.stderr)
    return USAGE_ERROR


def _advice(error: OSError) -> str:
    from quietscope.io.atomic import DISK_FULL

    return "free some space, or write elsewhere" if error.errno in DISK_FULL else "check disk and path"


def _is_out_of_memory(error: Exception) -> bool:
    """Tell whether PyTorch found too little memory, for which it raises a RuntimeError as for anything else."""
    return (
        isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or "allocate memory" in str(error)
    )


def _out_of_memory(error: Exception) -> str:
    words = " ".join(str(error).split())[:200] or "less than was needed"
    return f"expected enough memory; got {words}; try a smaller size or `--tile 256`"


def _confess(error: Exception, arguments: Sequence[str]) -> int:
    """Say in one line that QuietScope failed, and where the rest is written."""
    from quietscope.cli.error_file import write_error_file

    words = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    path = write_error_file(error, arguments)
    where = f"please report it with {path}" if path else "please report it with what was typed"
    _complain(f"expected to work, and failed ({words}), which is a fault of QuietScope; {where}")
    return OUR_ERROR


def _tell(
    told: set[str],
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print a warning: of a package or an image that is passed over in one line, of anything else as Python does."""
    if issubclass(category, _TOLD):
        if str(message) not in told:  # a run opens its results twice: to try them, and to write them
            print("quietscope: note:", message, file=sys.stderr)
        told.add(str(message))
    else:
        print(warnings.formatwarning(message, category, filename, lineno, line), end="", file=sys.stderr)


def _pass_on(unraisable: "sys.UnraisableHookArgs") -> None:
    """Receive a signal once more that came where nothing can be raised, and would be printed and forgotten."""
    if isinstance(unraisable.exc_value, KeyboardInterrupt):
        is_term = isinstance(unraisable.exc_value, Terminated)
        _thread.interrupt_main(signal.SIGTERM if is_term else signal.SIGINT)
    else:
        sys.__unraisablehook__(unraisable)


def _stopped(is_terminated: bool) -> int:
    for number in SIGNALS:  # a second one would cut the line short
        signal.signal(number, signal.SIG_IGN)
    _complain("stopped; nothing half-written is left")
    return TERMINATED if is_terminated else INTERRUPTED


def _end_at_once(number: int) -> None:
    """End the process as it stands: what is being written is not in its place yet, and locks end with it."""
    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    clear = "\x1b[?25h\n" if is_terminal else ""  # a bar of progress hides the cursor, and is in the middle of its line
    with suppress(OSError):
        os.write(2, f"{clear}quietscope: stopped at once; what was being written is not kept\n".encode())
    os._exit(TERMINATED if number == signal.SIGTERM else INTERRUPTED)
