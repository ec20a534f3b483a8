"""What an OME-Zarr image has around its pixels: a well, labels, tables, and what others have noted of its channels."""

import json
import shutil
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock

from quietscope.io.atomic import write_bytes_atomically

_BESIDES = ("labels", "tables")
_SECONDS_TO_WAIT = 60.0


def is_image(folder: Path) -> bool:
    """Tell whether a folder is an OME-Zarr image."""
    try:
        return "multiscales" in _Metadata(folder).block
    except (OSError, ValueError):
        return False


def version_of(folder: Path) -> Literal["0.4", "0.5"]:
    """Return the version of OME-Zarr that a folder has: groups of both do not go together."""
    return "0.5" if (folder / "zarr.json").is_file() else "0.4"


def carry_over(source: Path, made: Path) -> None:
    """Copy labels, tables and the description of the channels from an image to its result.

    Args:
        source: The image.
        made: The result, of the same version of OME-Zarr.
    """
    for name in _BESIDES:
        if (source / name).is_dir():
            shutil.copytree(source / name, made / name)
    theirs, ours = _Metadata(source), _Metadata(made)
    if "omero" in theirs.block:  # Fractal finds channels by wavelength_id, which no other program writes
        ours.block["omero"] = theirs.block["omero"]
        ours.write()


def add_to_well(source: Path, target: Path) -> None:
    """Name a new image in the well that its origin is named in; where there is none, do nothing.

    Args:
        source: The image that it was made of.
        target: The new image, beside it.
    """
    well = source.parent
    if not any((well / name).is_file() for name in ("zarr.json", ".zattrs")):
        return
    with FileLock(well / ".quietscope.lock", timeout=_SECONDS_TO_WAIT):  # other fields of it may be done by now
        metadata = _Metadata(well)
        images = metadata.block.get("well", {}).get("images", [])
        origin = next((each for each in images if each.get("path") == source.name), None)
        if origin is None or any(each.get("path") == target.name for each in images):
            return
        images.append({**origin, "path": target.name})
        metadata.write()


class _Metadata:
    """The attributes of a group, as they stand in its file.

    Args:
        folder: The folder of the group.
    """

    def __init__(self, folder: Path) -> None:
        is_new = version_of(folder) == "0.5"
        self._path = folder / ("zarr.json" if is_new else ".zattrs")
        self._whole: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
        attributes = self._whole.get("attributes", {}) if is_new else self._whole
        self.block: dict[str, Any] = attributes.get("ome", attributes)

    def write(self) -> None:
        """Write them back whole."""
        write_bytes_atomically(self._path, json.dumps(self._whole, indent=2).encode(), overwrite=True)
