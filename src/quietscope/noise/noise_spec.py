"""What a user can type for the noise: ``auto``, ``bootstrap``, ``sigma=NUMBER``, or the name of a noise file."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from quietscope.errors import NoiseError
from quietscope.noise.noise_file import SUFFIXES


@dataclass(frozen=True)
class AutoNoise:
    """Estimate the noise from the noisy images themselves."""


@dataclass(frozen=True)
class BootstrapNoise:
    """Fit a noise model to the images and their estimate by a first denoiser that needs no noise model."""


@dataclass(frozen=True)
class SigmaNoise:
    """Gaussian noise of a known standard deviation ``sigma``, in intensity units."""

    sigma: float


@dataclass(frozen=True)
class NoiseFile:
    """A noise model stored at ``path``."""

    path: Path


NoiseSpec: TypeAlias = AutoNoise | BootstrapNoise | SigmaNoise | NoiseFile


def parse_noise_spec(text: str) -> NoiseSpec:
    """Parse what a user typed for the noise: ``auto``, ``bootstrap``, ``sigma=NUMBER``, or the name of a noise file.

    Args:
        text: The typed text.

    Returns:
        The parsed specification; a file is not opened yet.

    Raises:
        NoiseError: If the text is none of these.
    """
    expected, word = "auto, bootstrap, sigma=NUMBER or a noise file", text.strip()
    words: dict[str, NoiseSpec] = {"auto": AutoNoise(), "bootstrap": BootstrapNoise()}
    if word.lower() in words:
        return words[word.lower()]
    name, equals, number = word.partition("=")
    if equals and name.strip().lower() == "sigma":
        try:
            sigma = float(number)
        except ValueError:
            sigma = math.nan
        if not (math.isfinite(sigma) and sigma > 0.0):
            raise NoiseError("a positive number after sigma=", repr(number), "try sigma=25, in units of the image")
        return SigmaNoise(sigma)
    if Path(word).suffix.lower() in SUFFIXES:
        return NoiseFile(Path(word))
    raise NoiseError(expected, repr(text), f"noise files end in {' or '.join(SUFFIXES)}; try auto")
