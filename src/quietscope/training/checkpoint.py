"""The resume file: everything that changes during training; a partly written file never replaces the old one."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from quietscope.errors import ModelFileError, OutputError
from quietscope.io.atomic import DISK_FULL, write_bytes_atomically
from quietscope.outside.regular_file import check_regular
from quietscope.wording import typed

RESUME_FILE = "resume.ckpt"
FORMAT = "quietscope-resume"
VERSION = 1


def write_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Write the resume file under a temporary name, then replace the old file by it.

    Args:
        folder: The run folder.
        state: Numbers, strings and tensors, in lists and dictionaries.

    Raises:
        OutputError: If the disk is full.
    """
    made = io.BytesIO()  # in memory first: PyTorch ends the whole process where it finds the disk full
    torch.save({FORMAT: VERSION, **state}, made)
    write_bytes_atomically(folder / RESUME_FILE, made.getvalue(), overwrite=True)


class ResumeFile:
    """Keeps the state of a run; where the disk has no room for it, training goes on without.

    Args:
        folder: The run folder; None keeps nothing.
        notify: Told, once, that there was no room.
    """

    def __init__(self, folder: Path | None, notify: Callable[[str], object] | None) -> None:
        self._folder, self._notify = folder, notify

    def keep(self, make_state: Callable[[], dict[str, Any]]) -> None:
        """Write the state of now; the file of before is kept where that fails for want of room."""
        if self._folder is None:
            return
        try:
            write_checkpoint(self._folder, make_state())
        except OutputError as error:
            if not isinstance(error.__cause__, OSError) or error.__cause__.errno not in DISK_FULL:
                raise
            if self._notify is not None:
                path = self._folder / RESUME_FILE
                later = "can be resumed from an earlier step alone" if path.exists() else "cannot be resumed later"
                self._notify(f"no room on the disk for {path}: this run {later}")
            self._notify = None


def read_checkpoint(folder: Path) -> dict[str, Any]:
    """Read the resume file, without executing any code in it.

    Args:
        folder: The run folder.

    Returns:
        The state, tensors on the CPU.

    Raises:
        ModelFileError: If the file is missing, damaged, or written by another version.
    """
    path = folder / RESUME_FILE
    check_regular(path, ModelFileError, "a resume file")
    if not path.is_file():
        raise ModelFileError("a resume file", f"{folder} without {RESUME_FILE}", f"leave out `{typed(resume=True)}`")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file may raise any of a dozen exceptions, depending on its bytes
        raise ModelFileError(
            "a resume file", f"{path}, which is damaged", f"start anew with `{typed(overwrite=True)}`"
        ) from error
    if not isinstance(state, dict) or state.get(FORMAT) != VERSION:
        raise ModelFileError(
            "a resume file of this version of QuietScope",
            f"{path}, which another version wrote",
            f"start anew with `{typed(overwrite=True)}`, or go on with the version that wrote it",
        )
    return state
