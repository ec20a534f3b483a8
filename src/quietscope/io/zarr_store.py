"""A Zarr folder that is only read, and of which only regular files of sensible size are opened."""

from pathlib import Path
from typing import Any

from zarr.storage import LocalStore

from quietscope.errors import ImageFileError
from quietscope.outside.regular_file import check_regular

_METADATA = ("zarr.json", ".zarray", ".zgroup", ".zattrs", ".zmetadata")
_MOST_BYTES_OF_METADATA = 1 << 24


class CarefulStore(LocalStore):
    """A folder on disk, read-only; a pipe, a socket or a device in place of a chunk or of metadata is refused.

    Args:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, read_only=True)

    async def get(self, key: str, *arguments: Any, **options: Any) -> Any:
        """Read one file of the folder, or None where there is none.

        Raises:
            ImageFileError: If it is no regular file, or metadata of an absurd size.
        """
        path = Path(self.root) / key
        check_regular(path, ImageFileError, "a Zarr folder of files")
        if path.name in _METADATA and path.is_file() and path.stat().st_size > _MOST_BYTES_OF_METADATA:
            most = f"{_MOST_BYTES_OF_METADATA:,} bytes"
            raise ImageFileError(f"Zarr metadata of at most {most}", f"{path}, which is larger", "check the folder")
        return await super().get(key, *arguments, **options)
