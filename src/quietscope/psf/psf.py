"""A point spread function to convolve images with: checked, normalised and centred; read from and written to files."""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from quietscope.errors import PsfError
from quietscope.io import Image, read_image, write_image
from quietscope.psf.centring import centred
from quietscope.wording import typed, typed_box

Notify: TypeAlias = Callable[[str], None]

TRIMMED_SHARE = 1e-4
"""Share of the sum that `Psf.trimmed` may leave out; the shot noise of a pixel exceeds it up to 10^8 photons."""

LARGEST = 1 << 24
"""Largest number of values of a PSF: 64 MB of float32."""

_ROUNDING = 1e-6
_BRIGHT_RIM = 0.05
_TOLERANCE = 0.05
_UNNAMED = "QI"


@dataclass(frozen=True, eq=False)
class Psf:
    """A point spread function; `prepare_psf` makes one that has the properties listed here.

    Attributes:
        values: Array of shape (Y, X) or (Z, Y, X), every side odd and at least 3. Values are non-negative and add up to
            1; their centre of mass lies in the middle pixel.
        pixel_size_um: Micrometres per pixel for those of X, Y and Z that are known.
    """

    values: npt.NDArray[np.float32]
    pixel_size_um: Mapping[str, float] = field(default_factory=dict)

    @property
    def axes(self) -> str:
        """``"YX"`` or ``"ZYX"``."""
        return "ZYX"[-self.values.ndim :]

    @property
    def spatial_dims(self) -> int:
        """2 or 3."""
        return self.values.ndim

    def trimmed(self, share: float = TRIMMED_SHARE) -> "Psf":
        """Return the PSF cut down to a smaller box that holds all but a small share of the sum, scaled to sum 1.

        Pairs of opposite faces are cut off one after the other, the pair with the least mean value first.

        Args:
            share: Share of the sum that may be lost, 0 to 1.

        Returns:
            The PSF in the smaller box, every side at least 3.
        """
        box, lost = self.values.astype(np.float64), 0.0
        while True:
            faces = [
                (float(np.take(box, [0, -1], axis).sum()), box.size // side, axis)
                for axis, side in enumerate(box.shape)
                if side > 3
            ]
            faces = [face for face in faces if lost + face[0] <= share]
            if not faces:
                return Psf(_to_float32(box), self.pixel_size_um)
            held, _, axis = min(faces, key=lambda face: face[0] / face[1])
            lost += held
            box = box[tuple(slice(1, -1) if n == axis else slice(None) for n in range(box.ndim))]


def prepare_psf(
    values: npt.NDArray[Any], pixel_size_um: Mapping[str, float] | None = None, notify: Notify | None = None
) -> Psf:
    """Make a PSF from an array: check it, scale it to sum 1, and move its centre of mass into the middle pixel.

    Args:
        values: Array of shape (Y, X) or (Z, Y, X), any numeric type, every side odd.
        pixel_size_um: Micrometres per pixel for those of X, Y and Z that are known.
        notify: Called with one line if the PSF was moved, or seems to have a background.

    Returns:
        The PSF.

    Raises:
        PsfError: If the number of dimensions is not 2 or 3, a side is even or below 3, a value is not finite or is
            negative beyond rounding, all values are equal, or the box is too small to move the centre to the middle.
    """
    values = np.asarray(values)
    _check_shape(values.shape)
    values = values.astype(np.float64)
    _check_values(values)
    values = np.maximum(values, 0.0)
    tell = notify or (lambda _: None)
    moved = centred(values / values.sum(), tell)
    _mention_rim(moved, tell)
    kept = {letter: float(size) for letter, size in (pixel_size_um or {}).items() if letter in "ZYX"[-moved.ndim :]}
    return Psf(_to_float32(moved), kept)


def check_box(size: Sequence[int]) -> None:
    """Refuse a box size that a PSF cannot have.

    Args:
        size: Number of pixels along (Y, X) or (Z, Y, X).

    Raises:
        PsfError: If a side is even or below 3, or the box holds more values than a PSF may.
    """
    assert len(size) in (2, 3), size
    if min(size) < 3 or any(side % 2 == 0 for side in size):
        odd = [max(3, side - 1 + side % 2) for side in size]
        raise PsfError(
            "a box of odd sides of 3 pixels or more, so that one pixel is the middle",
            sizes(size),
            f"pass e.g. `{typed_box(odd)}`",
        )
    if math.prod(size) > LARGEST:
        raise PsfError(
            f"a PSF of at most {LARGEST:,} values",
            sizes(size),
            f"pass a smaller box, e.g. `{typed_box((65,) * len(size))}`, or check the units",
        )


def check_fits(
    psf: Psf,
    spatial_dims: int,
    size: Sequence[int],
    image_pixel_size_um: Mapping[str, float],
    notify: Notify | None = None,
) -> None:
    """Refuse a PSF that cannot be used on images, and warn about one that has another pixel size.

    Args:
        psf: The PSF.
        spatial_dims: 2 for planes, 3 for volumes.
        size: Number of pixels of the smallest image or patch, (Y, X) or (Z, Y, X).
        image_pixel_size_um: Micrometres per pixel of the images, for those axes for which it is known.
        notify: Called with one line if pixel sizes differ by more than 5 %.

    Raises:
        PsfError: If the PSF has another number of dimensions, or is larger than the image or patch.
    """
    sides = sizes(psf.values.shape)
    if psf.spatial_dims == 3 and spatial_dims == 2:
        raise PsfError(
            "a PSF of two dimensions, because planes are denoised",
            f"one of three, {sides}",
            f"denoise volumes with `{typed(dims=3)}`, or save the PSF's focal plane",
        )
    if psf.spatial_dims == 2 and spatial_dims == 3:
        raise PsfError(
            "a PSF of three dimensions, because volumes are denoised",
            f"one of two, {sides}",
            f"denoise planes with `{typed(dims=2)}`, or make one with `quietscope psf theory ... --z-nm 200`",
        )
    if any(side > length for side, length in zip(psf.values.shape, size, strict=True)):
        raise PsfError(
            f"a PSF no larger than the images, {sizes(size)} pixels",
            f"one of {sides}",
            f"cut the PSF down, make it with a smaller `{typed('size')}`, or take larger images",
        )
    different = [
        f"{letter} {1000 * psf.pixel_size_um[letter]:.4g} nm, not {1000 * image_pixel_size_um[letter]:.4g} nm"
        for letter in reversed(psf.axes)
        if letter in psf.pixel_size_um
        and letter in image_pixel_size_um
        and abs(psf.pixel_size_um[letter] / image_pixel_size_um[letter] - 1.0) > _TOLERANCE
    ]
    if different and notify is not None:
        notify(f"the PSF has another pixel size than the images ({'; '.join(different)}): it is used pixel by pixel")


def read_psf(path: str | os.PathLike[str], notify: Notify | None = None) -> Psf:
    """Read a PSF from an image file of any format, and prepare it with `prepare_psf`.

    Args:
        path: File with a plane or a stack. A third axis without a name is assumed to be Z.
        notify: Called with one line if the PSF was moved, seems to have a background, or has an axis without a name.

    Returns:
        The PSF, with the pixel size of the file.

    Raises:
        ImageFileError: If the file is missing or not an image.
        PsfError: If the image is not a PSF.
    """
    image = read_image(path)
    name = Path(path).name
    axes, shape = _essential(image)
    if len(axes) == 3 and axes[0] in _UNNAMED and axes[1:] == "YX":
        if notify is not None:
            notify(f"{name} does not name its first axis; it is taken for Z")
        axes = "ZYX"
    if axes not in ("YX", "ZYX"):
        raise PsfError(
            "a PSF with the axes YX or ZYX",
            f"{name} with {image.axes}, {sizes(image.shape)}",
            "save one channel and one time point of it; a stack in depth with `metadata={'axes': 'ZYX'}`",
        )
    _check_count(shape)
    return prepare_psf(np.asarray(image).reshape(shape), image.pixel_size_um, notify)


def write_psf(path: str | os.PathLike[str], psf: Psf, *, overwrite: bool = False) -> None:
    """Write a PSF as float32 with its pixel size; a failed write leaves no file behind.

    Args:
        path: File to write; its extension determines the format, usually .tif.
        psf: The PSF.
        overwrite: Whether an existing file may be replaced.

    Raises:
        OutputError: If the folder cannot be written to, the format is unknown, or the disk is full.
    """
    write_image(path, psf.values, psf.axes, pixel_size_um=psf.pixel_size_um, overwrite=overwrite)


def sizes(size: Sequence[int]) -> str:
    """Return a size in words, such as ``21 x 65 x 65``."""
    return " x ".join(map(str, size))


def _essential(image: Image) -> tuple[str, tuple[int, ...]]:
    """Return axes and shape without the axes of length one; Y and X are kept in any case."""
    pairs = [(letter, side) for letter, side in zip(image.axes, image.shape, strict=True) if side > 1 or letter in "YX"]
    return "".join(letter for letter, _ in pairs), tuple(side for _, side in pairs)


def _check_shape(shape: Sequence[int]) -> None:
    if len(shape) not in (2, 3):
        raise PsfError(
            "a PSF of two or three dimensions",
            sizes(shape) or "a single number",
            "save one plane (Y, X) or one stack (Z, Y, X)",
        )
    if min(shape) < 3:
        raise PsfError(
            "a PSF of at least 3 pixels along every axis",
            sizes(shape),
            "save a single plane with two dimensions, (Y, X), and cut less closely around the point",
        )
    if any(side % 2 == 0 for side in shape):
        index = ", ".join("1:" if side % 2 == 0 else ":" for side in shape)
        raise PsfError(
            "a PSF of odd sides, so that one pixel is the middle", sizes(shape), f"cut it down, e.g. `psf[{index}]`"
        )
    _check_count(shape)


def _check_count(shape: Sequence[int]) -> None:
    if math.prod(shape) > LARGEST:
        raise PsfError(f"a PSF of at most {LARGEST:,} values", sizes(shape), "cut out the box around the point")


def _check_values(values: npt.NDArray[np.float64]) -> None:
    if not np.isfinite(values).all():
        count = int(values.size - np.isfinite(values).sum())
        raise PsfError(
            "a PSF of finite values", f"{count} that are NaN or infinite", "replace them, e.g. with `numpy.nan_to_num`"
        )
    low, high = float(values.min()), float(values.max())
    if low < -_ROUNDING * max(high, 0.0):
        raise PsfError(
            "a PSF without negative values",
            f"{low:.3g} where its peak is {high:.3g}",
            "a background that was subtracted leaves them at the rim: clip them with `numpy.maximum(psf, 0)`",
        )
    if high <= 0.0:
        raise PsfError("a PSF that is not zero everywhere", "nothing but zeros", "check which file holds it")
    if low == high:
        raise PsfError("a PSF with a peak", f"{low:.3g} everywhere", "check which file holds it")


def _mention_rim(values: npt.NDArray[np.float64], tell: Notify) -> None:
    rim = np.ones(values.shape, bool)
    rim[(slice(1, -1),) * values.ndim] = False
    share = float(np.median(values[rim]) / values.max())
    if share > _BRIGHT_RIM and min(values.shape) > 3:
        tell(
            f"the PSF's rim is at {share:.0%} of its peak: a background that is still in it blurs everything; remove "
            "it, or take a larger box"
        )


def _to_float32(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Scale to sum 1, and make the array read-only because a PSF is shared."""
    single: npt.NDArray[np.float32] = np.ascontiguousarray(values / values.sum(), dtype=np.float32)
    single.flags.writeable = False
    return single
