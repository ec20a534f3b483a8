"""The overview of a run: which plane of which image, and what the model makes of it."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from quietscope.axes import Layout
from quietscope.io import Image
from quietscope.metrics import psnr
from quietscope.report import Overview, write_overview
from quietscope.report.crop import choose_crop

if TYPE_CHECKING:
    from quietscope import Denoiser

NUM_SHOWN = 3


def draw_overview(
    path: Path,
    denoiser: "Denoiser",
    image: Image,
    clean: Image | None,
    *,
    num_samples: int,
    seed: int,
    overwrite: bool,
) -> None:
    """Draw the first frame and channel of an image, or a part of it with something on it.

    The part is denoised anew, with what surrounds it cut off, so that a picture needs neither the results on disk nor
    more memory than its panels.

    Args:
        path: Where the picture goes.
        denoiser: A trained denoiser.
        image: The noisy image.
        clean: Its clean reference, where there is one.
        num_samples: Posterior samples behind mean and deviation.
        seed: Seed of the samples.
        overwrite: Whether an existing picture may be replaced.

    Raises:
        OutputError: If it cannot be written.
    """
    layout = image.layout(denoiser.configuration.dims)
    depth = tuple(slice(0, size) for size in layout.spatial_shape[:-2])
    middle = tuple(size // 2 for size in layout.spatial_shape[:-2])
    at_middle = tuple(slice(z, z + 1) for z in middle)
    height, width = layout.spatial_shape[-2:]
    rows, columns = choose_crop(
        (height, width), lambda y, x: layout.region(image.data, 0, (*at_middle, y, x))[0][(0,) * len(middle)]
    )
    noisy = layout.region(image.data, 0, (*depth, rows, columns))
    shown = Image(noisy, "C" + "ZYX"[4 - noisy.ndim :], path=image.path)
    result = denoiser.denoise(shown, num_samples=num_samples, seed=seed)
    samples = denoiser.sample(shown, num_samples=min(NUM_SHOWN, num_samples), seed=seed)
    plane: tuple[Any, ...] = (0, *middle)
    overview = Overview(
        noisy=noisy[plane].astype(np.float32),
        mean=result.mean[plane],
        std=result.std[plane],
        samples=samples[(slice(None), *plane)],
        file=image.path.name if image.path is not None else "image",
        part=_part(layout, middle, rows, columns),
        method=f"{denoiser.configuration.method}, preset {denoiser.configuration.preset}",
        noise=denoiser.noise_models[0].describe(),
        pixel_size_um=image.pixel_size_um.get("X"),
    )
    if clean is not None:
        truth = clean.layout(2)
        # Z counts as frames here: the plane in the middle of the first volume is frame number `middle`.
        reference = truth.region(clean.data, _frame_of(truth, middle), (rows, columns))[0].astype(np.float32)
        titles = {
            name: f"({psnr(pixels, reference):.1f} dB)" if np.ptp(reference) > 0 else ""
            for name, pixels in (("noisy", overview.noisy), ("mean", overview.mean))
        }
        overview = replace(overview, clean=reference, titles=titles)
    write_overview(path, overview, overwrite=overwrite)


def _part(layout: Layout, middle: tuple[int, ...], rows: slice, columns: slice) -> str:
    words = [f"frame 1 of {layout.num_frames}"] if layout.num_frames > 1 else []
    words += [f"channel 1 of {layout.num_channels}"] if layout.num_channels > 1 else []
    words += [f"plane {middle[0] + 1} of {layout.spatial_shape[0]}"] if middle else []
    height, width = layout.spatial_shape[-2:]
    if (rows, columns) != (slice(0, height), slice(0, width)):
        words.append(f"Y {rows.start} to {rows.stop}, X {columns.start} to {columns.stop}")
    return ", ".join(words)


def _frame_of(truth: Layout, middle: tuple[int, ...]) -> int:
    """Return the number of the frame at Z = middle, everything else 0, where Z counts as frames."""
    sizes = dict(zip(truth.axes, truth.shape, strict=True))
    number = 0
    for letter in truth.frame_axes:
        number = number * sizes[letter] + (middle[0] if middle and letter == "Z" else 0)
    return number
