"""Denoisers and the files that they were exported to."""

from dataclasses import dataclass
from pathlib import Path

from quietscope import Denoiser


@dataclass(frozen=True)
class Exported:
    """A denoiser, and the file it was exported to."""

    denoiser: Denoiser
    path: Path
