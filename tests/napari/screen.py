"""A screen for the tests of the window: the one that there is, a virtual one, or one that draws nothing."""

import os
import select
import shutil
import subprocess
import time
from collections.abc import Callable
from typing import Any

SIZE = "1600x1200x24"
_PATIENCE = 20.0
_LIFE: list[int] = []


def open_screen() -> bool:
    """See to it that Qt finds a screen, and tell whether pictures can be drawn on it.

    A virtual one ends when this process has ended, however that comes: ended before, it takes Qt along.
    """
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return True
    if shutil.which("Xvfb") is None:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
        return False
    reading, writing = os.pipe()
    kept, life = os.pipe()  # whose other end closes with this process, and with nobody else
    _LIFE.append(life)
    screen = f"Xvfb -displayfd {writing} -screen 0 {SIZE} -nolisten tcp & cat <&3; sleep 1; kill $!"
    command = f"exec 3<&0; {{ {screen}; }} >/dev/null 2>&1 </dev/null &"
    subprocess.run(["/bin/sh", "-c", command], stdin=kept, pass_fds=[writing], check=True)
    os.close(writing)
    os.close(kept)
    number, deadline = b"", time.monotonic() + _PATIENCE
    while not number.endswith(b"\n") and time.monotonic() < deadline and select.select([reading], [], [], 1.0)[0]:
        number += os.read(reading, 16) or b"\n"
    os.close(reading)
    if not number.strip():
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
        return False
    os.environ["DISPLAY"] = f":{int(number)}"
    return True


def until(condition: Callable[[], Any], seconds: float = 240.0) -> None:
    """Let the window live until something is so."""
    from qtpy.QtCore import QCoreApplication

    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never was so"
        QCoreApplication.processEvents()
        time.sleep(0.003)
    QCoreApplication.processEvents()


def live(seconds: float = 0.1) -> None:
    """Let the window live for a while."""
    end = time.monotonic() + seconds
    until(lambda: time.monotonic() > end)
