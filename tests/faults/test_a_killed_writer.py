"""A writer that is killed in the middle leaves the old file as it was."""

import signal
import subprocess
import sys
from pathlib import Path

WRITER = """
import os, pathlib, signal, sys
from quietscope.io.atomic import atomic_path
with atomic_path(pathlib.Path(sys.argv[1]), overwrite=True) as temporary:
    temporary.write_bytes(b"half of the new")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_old_file_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "result.bin"
    target.write_bytes(b"the old one")
    done = subprocess.run([sys.executable, "-c", WRITER, str(target)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert target.read_bytes() == b"the old one"
