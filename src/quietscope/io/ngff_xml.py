"""OME-XML beside OME-Zarr: bioformats2raw keeps what a vendor's file told in ``OME/METADATA.ome.xml``."""

from dataclasses import fields, replace
from pathlib import Path

from quietscope.errors import ImageFileError
from quietscope.io.details import Details
from quietscope.io.image import Image
from quietscope.io.ome_xml import names_of_images, told_of_image
from quietscope.outside.regular_file import read_bounded

_FILE = Path("OME", "METADATA.ome.xml")
_MOST_BYTES = 1 << 26


def told_by_xml(image: Image, folder: Path, series: int) -> Image:
    """Add what OME-XML tells of an image, where the image itself does not tell it.

    Args:
        image: The image.
        folder: The folder in bioformats2raw's layout.
        series: Which image of the folder it is.

    Returns:
        The image, with the names of all of the folder; the same where there is no such document.

    Raises:
        ImageFileError: If the document is no regular file, or absurdly large.
    """
    file = folder / _FILE
    if not file.exists():
        return image
    text = read_bounded(file, _MOST_BYTES, ImageFileError, "OME-XML").decode(errors="replace")
    told = told_of_image(text, series)
    names = names_of_images(text)
    return replace(
        image,
        pixel_size_um=image.pixel_size_um or told.get("pixel_size_um", {}),
        channel_names=image.channel_names or told.get("channel_names", ()),
        frame_interval_s=image.frame_interval_s or told.get("frame_interval_s"),
        details=_completed(image.details, told["details"]) if "details" in told else image.details,
        series_names=names if len(names) == image.num_series > 1 and any(names) else (),
    )


def _completed(details: Details, by: Details) -> Details:
    """Fill in what is not known."""
    known = {each.name: value for each in fields(details) if (value := getattr(details, each.name))}
    return replace(by, **known)
