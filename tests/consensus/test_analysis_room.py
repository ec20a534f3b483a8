"""Where samples lie while they are analysed: there is room, they are private, and nothing is left of the killed."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from quietscope.consensus import over_samples, scratch
from quietscope.consensus.reading import ReadingOptions, read_text
from quietscope.consensus.scratch import scratch_file
from quietscope.errors import OutputError
from quietscope.methods.hdn import HDN
from tests import tiny
from tests.consensus.by_heart import by_heart, noisy


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_a_file_is_for_its_owner_and_gone_at_the_end(place: Path) -> None:
    with scratch_file(4096, 2) as path:
        assert path.stat().st_size == 4096
        assert path.parent.parent == place
        assert path.parent.stat().st_mode & 0o077 == 0
    assert list(place.iterdir()) == []


def test_a_full_disk_is_told_before_a_sample_is_drawn(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(scratch, "reserve", full)
    by_heart(monkeypatch, "words")
    with pytest.raises(OutputError, match=r"room for .* MiB, 3 samples, in .*No space left.*TMPDIR"):
        over_samples(tiny.denoiser(HDN), noisy(), np.mean, num_samples=3)
    with pytest.raises(OutputError, match=r"2 samples, in .*No space left"):
        read_text(tiny.denoiser(HDN), noisy(), ReadingOptions(num_samples=2))
    assert list(place.iterdir()) == []


def test_no_folder_for_temporary_files_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr("tempfile.gettempdir", none)
    with pytest.raises(OutputError, match="a folder for temporary files; got none"), scratch_file(4, 2):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="no process is killed there without its own words")
def test_what_a_killed_run_left_goes_with_the_next(place: Path) -> None:
    program = (
        "import os, signal, tempfile\n"
        f"tempfile.tempdir = {str(place)!r}\n"
        "from quietscope.consensus.scratch import scratch_file\n"
        "with scratch_file(4096, 2):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", program], check=False)
    assert killed.returncode == -signal.SIGKILL
    (left,) = place.iterdir()
    with scratch_file(4096, 2) as path:
        assert path.parent != left
        assert list(place.iterdir()) == [path.parent]
