"""Small real images that the package carries, for examples, tests and a first try.

Four fields of 512 x 512 pixels from the Fluorescence Microscopy Denoising data set (Zhang et al., CVPR 2019), under
Apache-2.0; SOURCE.md beside them says more.
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
    """Return the file of a sample image.

    Args:
        name: One of the names in `SAMPLES`.

    Returns:
        Its path.

    Raises:
        ImageFileError: If there is no sample of this name.
    """
    if name not in SAMPLES:
        raise ImageFileError(f"one of the samples {', '.join(SAMPLES)}", repr(name), f"use `{next(iter(SAMPLES))}`")
    return Path(str(files(__name__) / SAMPLES[name]))
