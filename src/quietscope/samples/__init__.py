"""Small real images that are part of the package, for examples, tests and a first try.

Four fields of 512 x 512 pixels from the Fluorescence Microscopy Denoising data set (Zhang et al., CVPR 2019), licence
Apache-2.0; see SOURCE.md in this folder.
"""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

from quietscope.errors import ImageFileError

SAMPLES: Mapping[str, str] = MappingProxyType(
    {
        "confocal_fish_noisy": "Confocal_FISH_noisy.tif",
        "confocal_fish_clean": "Confocal_FISH_clean.tif",
    }
)


def sample_path(name: str) -> Path:
    """Return the path of a sample image.

    Args:
        name: One of the names in `SAMPLES`.

    Returns:
        The path of the file.

    Raises:
        ImageFileError: If there is no sample of this name.
    """
    if name not in SAMPLES:
        raise ImageFileError(f"one of the samples {', '.join(SAMPLES)}", repr(name), f"use `{next(iter(SAMPLES))}`")
    return Path(str(files(__name__) / SAMPLES[name]))
