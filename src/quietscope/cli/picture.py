"""The overview of a run: which plane of which image, and what the model makes of it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from quietscope.axes import Layout
from quietscope.io import Image
from quietscope.metrics import calibration_of_moments, psnr
from quietscope.report import Overview, write_overview
from quietscope.report.crop import LARGEST_SIDE, choose_crop

if TYPE_CHECKING:
    from quietscope import Denoiser

NUM_SHOWN = 3
MOST_PLANES = 32
"""Planes of a volume that are denoised for the picture; its neighbours decide what the middle one looks like."""


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
    view = choose_view(image, layout)
    noisy = layout.region(image.data, 0, view.box)
    shown = Image(noisy, "C" + "ZYX"[4 - noisy.ndim :], path=image.path)
    result = denoiser.denoise(shown, num_samples=num_samples, seed=seed)
    plane: tuple[Any, ...] = (0, *view.plane(view.box))
    overview = Overview(
        noisy=noisy[plane].astype(np.float32),
        mean=result.mean[plane],
        std=None if result.std is None else result.std[plane],
        deconvolved=None if result.deconvolved is None else result.deconvolved[plane],
        samples=_samples(denoiser, shown, min(NUM_SHOWN, num_samples), seed)[(slice(None), *plane)],
        file=image.path.name if image.path is not None else "image",
        part=describe_part(layout, view),
        method=f"{denoiser.configuration.method}, preset {denoiser.configuration.preset}",
        noise=denoiser.noise_models[0].describe() if denoiser.noise_models else "no noise model",
        pixel_size_um=image.pixel_size_um.get("X"),
    )
    if clean is not None:
        overview = _with_reference(overview, clean, view)
    write_overview(path, overview, overwrite=overwrite)


def _samples(denoiser: "Denoiser", image: Image, num: int, seed: int) -> npt.NDArray[np.float32]:
    """Draw samples, (num, *image.shape); none where the method draws none."""
    from quietscope.methods.base import PosteriorMethod

    if not isinstance(denoiser.method, PosteriorMethod):
        return np.empty((0, *image.shape), np.float32)
    return denoiser.sample(image, num_samples=num, seed=seed)


@dataclass(frozen=True)
class View:
    """The part of a frame that is shown: one plane, and in 3-D the planes around it that explain it."""

    middle: tuple[int, ...]
    depth: tuple[slice, ...]
    rows: slice
    columns: slice

    @property
    def box(self) -> tuple[slice, ...]:
        """The part, one slice per spatial axis."""
        return (*self.depth, self.rows, self.columns)

    def plane(self, box: tuple[slice, ...]) -> tuple[int | slice, ...]:
        """Return the index of the plane in a box of the frame that holds it."""
        depth = (z - planes.start for z, planes in zip(self.middle, box[:-2], strict=True))
        pairs = zip((self.rows, self.columns), box[-2:], strict=True)
        return (*depth, *(slice(mine.start - its.start, mine.stop - its.start) for mine, its in pairs))


def choose_view(image: Image, layout: Layout, frame: int = 0, channel: int = 0, side: int = LARGEST_SIDE) -> View:
    """Choose the part of a frame that is worth a picture: in the middle of its depth, where there is contrast.

    Args:
        image: The noisy image.
        layout: Its layout.
        frame: Number of the frame.
        channel: Number of the channel.
        side: Largest side of the part in its plane, in pixels.

    Returns:
        The part.
    """
    *depths, height, width = layout.spatial_shape
    middle = tuple(size // 2 for size in depths)
    half = MOST_PLANES // 2
    depth = tuple(slice(max(0, z - half), min(size, z + half)) for z, size in zip(middle, depths, strict=True))
    thin = tuple(slice(z, z + 1) for z in middle)

    def read(rows: slice, columns: slice) -> npt.NDArray[Any]:
        box = layout.region(image.data, frame, (*thin, rows, columns))[channel]
        return np.reshape(box, (rows.stop - rows.start, -1))

    return View(middle, depth, *choose_crop((height, width), read, side))


def _with_reference(overview: Overview, clean: Image, view: View) -> Overview:
    truth = clean.layout(2)
    reference = truth.region(clean.data, _frame_of(truth, view.middle), (view.rows, view.columns))[0]
    titles = {}
    if np.ptp(reference) > 0:
        shown = {"noisy": overview.noisy, "mean": overview.mean}
        titles = {name: f"({psnr(pixels, reference):.1f} dB)" for name, pixels in shown.items()}
    found = None
    if overview.std is not None:
        found = calibration_of_moments([(overview.mean, overview.std, reference)])
    return replace(overview, clean=reference.astype(np.float32), titles=titles, calibration=found)


def describe_part(layout: Layout, view: View, frame: int = 0, channel: int = 0) -> str:
    """Say in words which part of an image is shown, counted from 1; see `choose_view` for the arguments."""
    words = [f"frame {frame + 1} of {layout.num_frames}"] if layout.num_frames > 1 else []
    words += [f"channel {channel + 1} of {layout.num_channels}"] if layout.num_channels > 1 else []
    words += [f"plane {view.middle[0] + 1} of {layout.spatial_shape[0]}"] if view.middle else []
    height, width = layout.spatial_shape[-2:]
    rows, columns = view.rows, view.columns
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
