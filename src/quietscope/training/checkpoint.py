"""The resume file: everything that changes during training; a partly written file never replaces the old one."""

import io
from pathlib import Path
from typing import Any

import torch

from quietscope.errors import ModelFileError
from quietscope.io.atomic import write_bytes_atomically
from quietscope.outside.regular_file import check_regular

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
        raise ModelFileError("a resume file", f"{folder} without {RESUME_FILE}", "leave out `--resume`")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file may raise any of a dozen exceptions, depending on its bytes
        raise ModelFileError("a resume file", f"{path}, which is damaged", "start anew with `--overwrite`") from error
    if not isinstance(state, dict) or state.get(FORMAT) != VERSION:
        raise ModelFileError(
            "a resume file of this version of QuietScope",
            f"{path}, which another version wrote",
            "start anew with `--overwrite`, or go on with the version that wrote it",
        )
    return state
