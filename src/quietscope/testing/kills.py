"""Kills of the command line at a moment of one's choice, and what they leave."""

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

HIDDEN = (".partial", ".quietscope-running", ".earlier")
"""How the names end of what nobody is to find after a run that came to its end."""
BETWEEN_SIGNALS = 0.25
"""Seconds."""


def run_verb(words: Sequence[object], folder: Path) -> tuple[int, str]:
    """Run the command line in a folder to its end.

    Args:
        words: What is typed after the program's name.
        folder: Where.

    Returns:
        The exit status and what was written to standard error.
    """
    typed = [sys.executable, "-m", "quietscope", *map(str, words)]
    done = subprocess.run(typed, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def killed_verb(words: Sequence[object], folder: Path, seconds: float) -> None:
    """Start the command line in a folder and kill it, unless it has ended by then.

    Args:
        words: What is typed after the program's name.
        folder: Where.
        seconds: When to kill it.
    """
    typed = [sys.executable, "-m", "quietscope", *map(str, words)]
    with subprocess.Popen(typed, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        end = time.monotonic() + seconds
        while process.poll() is None and time.monotonic() < end:
            time.sleep(0.005)
        process.kill()


def signalled_verb(
    words: Sequence[object], folder: Path, seconds: float, numbers: Sequence[signal.Signals]
) -> tuple[int, str]:
    """Start the command line in a folder and send it signals, a quarter of a second apart, unless it has ended by then.

    Args:
        words: What is typed after the program's name.
        folder: Where.
        seconds: When to send the first.
        numbers: The signals.

    Returns:
        The exit status and what was written to standard error.
    """
    typed = [sys.executable, "-m", "quietscope", *map(str, words)]
    with subprocess.Popen(typed, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        wait = seconds
        for number in numbers:
            try:
                process.wait(wait)
            except subprocess.TimeoutExpired:
                process.send_signal(number)
            wait = BETWEEN_SIGNALS
        said = process.communicate()[1]
    return process.returncode, said


def leftovers(folder: Path) -> list[str]:
    """Return what is in a folder, at any depth, that a run which came to its end would have removed."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.name.endswith(HIDDEN))
