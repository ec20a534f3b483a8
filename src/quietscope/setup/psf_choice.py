"""From the words a user gave for the PSF to one PSF per channel, and a configuration that knows its size."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from quietscope.data.frames import Frames
from quietscope.data.preparation import Notify
from quietscope.errors import PsfError
from quietscope.io import Image, atomic_path
from quietscope.presets import Configuration
from quietscope.presets.configuration import PSF_SIZE
from quietscope.psf.gaussian_psf import gaussian_psf
from quietscope.psf.psf import Psf, check_fits, read_psf
from quietscope.wording import typed

KEPT = "psf.npy"
"""What a run folder keeps the PSFs in, so that a resumed run sees through the same."""
_SIGMA = "sigma="


def choose_psf(
    configuration: Configuration,
    images: Sequence[Image],
    frames: Frames,
    notify: Notify | None = None,
    *,
    folder: Path | None = None,
    resume: bool = False,
) -> tuple[Configuration, Tensor | None]:
    """Read the PSF of every channel, trim what is next to nothing, and see whether it fits the images.

    Args:
        configuration: The configuration; its ``psf`` is "sigma=PIXELS" or a file, one for all channels or one per
            channel separated by commas.
        images: The images.
        frames: Their frames.
        notify: Receives a line where a PSF was moved to its middle, or has another pixel size than the images.
        folder: Run folder, which keeps the PSFs; None keeps none.
        resume: Take the PSFs that the folder has kept, whatever has become of their files.

    Returns:
        The configuration with the size of the PSFs among its network settings, and the PSFs, (C, *K), of one size; the
        same configuration and None where it names no PSF.

    Raises:
        PsfError: If a PSF cannot be read, or does not fit the images.
    """
    if configuration.psf is None:
        return configuration, None
    if folder is not None and resume and (folder / KEPT).is_file():
        kept = np.load(folder / KEPT, allow_pickle=False)
        return _with_size(configuration, kept.shape[1:]), torch.from_numpy(kept)
    words = configuration.psf.split(",")
    if len(words) not in (1, frames.num_channels):
        raise PsfError(
            f"one PSF, or one for each of {frames.num_channels} channels",
            f"{len(words)}",
            f"separate them by commas, e.g. `{typed(psf='red.tif,green.tif')}`",
        )
    smallest = tuple(min(sides) for sides in zip(*(frames.spatial_shape(n) for n in range(len(frames))), strict=True))
    tell = notify or (lambda _: None)
    psfs = [_one(word.strip(), configuration.dims, tell).trimmed() for word in words]
    for psf in psfs:
        check_fits(psf, configuration.dims, smallest, images[0].pixel_size_um, notify)
    values = [psf.values for psf in psfs] * (frames.num_channels // len(psfs))
    size = tuple(max(sides) for sides in zip(*(each.shape for each in values), strict=True))
    padded = [np.pad(each, [((n - k) // 2,) * 2 for n, k in zip(size, each.shape, strict=True)]) for each in values]
    if folder is not None:
        with atomic_path(folder / KEPT, overwrite=True) as temporary, temporary.open("wb") as file:
            np.save(file, np.stack(padded))
    return _with_size(configuration, size), torch.from_numpy(np.stack(padded))


def _with_size(configuration: Configuration, size: tuple[int, ...]) -> Configuration:
    network = {**configuration.network, PSF_SIZE: size}
    return Configuration.of({**configuration.model_dump(), "network": network})


def _one(word: str, spatial_dims: int, notify: Notify) -> Psf:
    if not word:
        raise PsfError("sigma=PIXELS or a PSF file", "nothing", f"pass e.g. `{typed(psf='psf.tif')}`")
    if not word.startswith(_SIGMA):
        return read_psf(Path(word), notify)
    try:
        sigma = float(word.removeprefix(_SIGMA))
    except ValueError:
        sigma = math.nan
    if not 0 < sigma < math.inf:
        raise PsfError("sigma=PIXELS above zero", repr(word), f"pass e.g. `{typed(psf='sigma=1.2')}`, or a file")
    return gaussian_psf((sigma,) * spatial_dims)
