"""What is left where QuietScope itself fails: a file with all that somebody needs who is to find out why."""

import platform
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from importlib import metadata
from itertools import count
from pathlib import Path

from quietscope.outside.shown import shown
from quietscope.version import __version__

NAME = "quietscope-error"
_MOST_FILES = 100
_PACKAGES = ("torch", "numpy", "scipy", "tifffile", "imagecodecs", "zarr", "pydantic", "safetensors", "matplotlib")


def write_error_file(error: BaseException, arguments: Sequence[str], folders: Iterable[Path] = ()) -> Path | None:
    """Write traceback, versions and command line into a new file; a file that is there is never replaced.

    Args:
        error: What happened.
        arguments: What was typed after the program's name.
        folders: Where to write, in order of preference; by default here, the home folder, the system's temporary one.

    Returns:
        The file; None where none of the folders can be written to.
    """
    text = "\n".join(
        [
            f"quietscope {__version__}, Python {platform.python_version()}, {platform.platform()}",
            ", ".join(_versions()),
            "command line: quietscope " + " ".join(shown(each) for each in arguments),
            "",
            "".join(traceback.format_exception(error)),
        ]
    )
    content = text.encode("utf-8", "backslashreplace")
    choices: list[Callable[[], Path]] = [partial(Path, each) for each in folders]
    for folder in choices or [Path.cwd, Path.home, _temporary]:
        try:
            return _new_file(folder(), content)
        except (OSError, RuntimeError):  # full, read-only, gone, or there is no home
            continue
    return None


def _temporary() -> Path:
    return Path(tempfile.gettempdir())


def _new_file(folder: Path, content: bytes) -> Path:
    for number in count(1):
        path = folder / (f"{NAME}.txt" if number == 1 else f"{NAME}-{number}.txt")
        try:
            file = path.open("xb")
        except FileExistsError:
            if number < _MOST_FILES:
                continue
            raise
        with file:
            try:
                file.write(content)
                file.flush()
            except OSError:
                path.unlink(missing_ok=True)
                raise
        return path
    raise AssertionError


def _versions() -> Iterable[str]:
    for name in _PACKAGES:
        module = sys.modules.get(name)  # only what the run had loaded can be at fault
        if module is not None:
            try:
                yield f"{name} {metadata.version(name)}"
            except metadata.PackageNotFoundError:
                yield f"{name} {getattr(module, '__version__', '?')}"
