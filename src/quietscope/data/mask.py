"""What a user says of an image: which pixels were measured, by a mask or by NaN."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.errors import PixelError, SettingsError, SizeError
from quietscope.io import as_image, series_beside
from quietscope.io.image import Image

NAN = "nan"
"""The mask that says: NaN stands for pixels that were never measured."""


@dataclass(frozen=True)
class Given:
    """What a user has said to be missing.

    Attributes:
        mask: True where pixels were measured, to be broadcast to the shape of the image; None where NaN says so alone.
        may_hold_nan: Whether the image could hold NaN and infinity, which then count as missing beside a mask, too.
    """

    mask: npt.NDArray[np.bool_] | None
    may_hold_nan: bool = True

    @classmethod
    def of(cls, image: Image) -> "Given | None":
        """Return what has been said of an image; None for nothing.

        Raises:
            SizeError: If a mask does not fit the image.
            PixelError: If it leaves nothing.
        """
        if image.mask is None:
            return None
        if isinstance(image.mask, str):
            if image.mask != NAN:
                raise SettingsError("a mask", repr(image.mask), 'pass an array, or mask="nan"')
            return cls(None)
        given, axes = np.asarray(image.mask), image.layout().axes
        mask = (given != 0) & (given == given)  # NaN in a mask is no measurement either
        sizes = dict(zip(axes, image.shape, strict=True))
        is_whole = mask.ndim == image.ndim and all(a in (1, b) for a, b in zip(mask.shape, image.shape, strict=True))
        if not is_whole:
            letters = "ZYX"[-mask.ndim :] if mask.ndim in (2, 3) else ""
            if not letters or mask.shape != tuple(sizes.get(letter, 0) for letter in letters):
                plane = " x ".join(str(sizes[letter]) for letter in "YX")
                raise SizeError(
                    f"a mask of {plane} pixels, or of the whole image's shape",
                    " x ".join(map(str, mask.shape)),
                    "make it from this very image: nonzero where pixels were measured",
                )
            order = [letters.index(letter) for letter in axes if letter in letters]
            mask = mask.transpose(order).reshape([sizes[letter] if letter in letters else 1 for letter in axes])
        if not mask.any():
            raise PixelError("a mask that leaves something", "zero everywhere", "nonzero means: measured")
        return cls(mask, may_hold_nan=image.dtype.kind == "f")

    @property
    def words(self) -> str:
        """What was said, in one line."""
        if self.mask is None:
            return "pixels that are NaN or infinite count as never measured"
        joined = ", and so do NaN and infinity" if self.may_hold_nan else ""
        return f"{1 - self.mask.mean():.2%} of the pixels count as never measured, as the mask or the file says{joined}"

    def missing(self, pixels: npt.NDArray[Any], spans: Sequence[int | slice]) -> npt.NDArray[np.bool_]:
        """Return where pixels of a block are missing, same shape, which may be written to."""
        if self.mask is None:
            missing: npt.NDArray[np.bool_] = ~np.isfinite(pixels)
            return missing
        pairs = zip(spans, self.mask.shape, strict=True)
        key = tuple((0 if isinstance(span, int) else slice(None)) if size == 1 else span for span, size in pairs)
        known: npt.NDArray[np.bool_] = np.broadcast_to(self.mask[key], pixels.shape) & np.isfinite(pixels)
        return ~known


def masked(image: Image, mask: Any, series: int | str | None = None) -> Image:
    """Return an image with a mask.

    Args:
        image: The image.
        mask: A path, array or `Image` that is nonzero where pixels were measured, of the shape of the image or of a
            plane or stack of it; "nan" where NaN stands for no measurement; None leaves the image as it is.
        series: Which image of its file this one is; a file of several masks has one for each, see `series_beside`.

    Returns:
        The image.

    Raises:
        SizeError: If the mask does not fit the image, or its file holds another number of masks than there are images.
        PixelError: If it leaves nothing.
    """
    if mask is None:
        return image
    if isinstance(mask, str) and mask == NAN:
        return replace(image, mask=NAN)
    opened = as_image(mask, None, series_beside(mask, series))
    if opened.num_series not in (1, image.num_series):
        raise SizeError(
            f"one mask, or one for each of the {image.num_series} images of the file",
            f"{opened.num_series}",
            "save the mask of this image in a file of its own",
        )
    given = replace(image, mask=np.asarray(opened.data[...]))
    earlier, now = Given.of(image), Given.of(given)  # planes of a file that were never recorded stay so
    if earlier is None or earlier.mask is None or now is None or now.mask is None:
        return given
    return replace(image, mask=earlier.mask & now.mask)


def without_missing(plane: npt.NDArray[Any], missing: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
    """Return a plane with other pixels of its own in place of missing ones, so that nothing is found among these."""
    if not missing.any() or missing.all():
        return plane if not missing.all() else np.zeros_like(plane)
    filled = plane.copy()
    filled[missing] = np.resize(plane[~missing], np.count_nonzero(missing))
    return filled
