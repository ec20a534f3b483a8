"""Options that say how the pixels of results are stored, the same wherever results are written."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from quietscope.cli.options import Flag, InOutput

if TYPE_CHECKING:
    from quietscope.io import Storage


@dataclass(frozen=True, kw_only=True)
class StorageOptions:
    """How the pixels of results are stored."""

    compression: Annotated[
        Literal["zstd", "lzw", "deflate", "none"] | None,
        InOutput,
        Parameter(help="zstd, lzw (TIFF), deflate or none. Default: zstd in OME-Zarr, none in TIFF."),
    ] = None
    pyramid: Annotated[
        bool | None,
        InOutput,
        Parameter(
            negative="--no-pyramid",
            help="Smaller versions beside each image, which viewers show first; of a small image, one. Default: in "
            "OME-Zarr above 512 pixels, and in an OME-TIFF above 4096 pixels or 4 GB.",
        ),
    ] = None
    chunk: Annotated[
        int | None, InOutput, Parameter(help="Side of the pieces that can be read by themselves, pixels. Default: 512.")
    ] = None
    shard: Annotated[
        bool, InOutput, Flag, Parameter(help="OME-Zarr: many chunks in one file, for volumes of terabytes.")
    ] = False
    ngff: Annotated[
        Literal["0.4", "0.5"] | None,
        InOutput,
        Parameter(help="Version of OME-Zarr; older programs read 0.4 only. Default: 0.5."),
    ] = None

    @property
    def storage(self) -> "Storage":
        """What was typed.

        Raises:
            SettingsError: If it makes no sense.
        """
        from quietscope.io import Storage

        return Storage(
            compression=self.compression, pyramid=self.pyramid, chunk=self.chunk, shard=self.shard, ngff=self.ngff
        )


NO_STORAGE = StorageOptions()
