"""How pixels are stored in a file: compression, a pyramid of smaller versions, the size of pieces."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from quietscope.errors import OutputError, SettingsError
from quietscope.wording import typed

Compression: TypeAlias = Literal["zstd", "lzw", "deflate", "none"]
COMPRESSIONS: tuple[Compression, ...] = get_args(Compression)
Ngff: TypeAlias = Literal["0.4", "0.5"]

_MULTIPLE, _LARGEST_CHUNK = 16, 4096


@dataclass(frozen=True, kw_only=True)
class Storage:
    """How pixels are stored; a format that lacks what is asked for refuses it.

    Attributes:
        compression: "zstd", "lzw", "deflate" or "none"; None for what the format usually has.
        pyramid: Whether smaller versions lie beside the image, each half as large as the one before: down to 512
            pixels, and one at least where True. None for what is usual: with OME-Zarr where the image is larger than
            that, with OME-TIFF where it is large.
        chunk: Height and width of the pieces, in pixels, that can be read by themselves: a multiple of 16, at most
            4096; None for 512.
        shard: Whether many pieces lie in one file; OME-Zarr 0.5 only.
        ngff: Version of OME-Zarr, "0.4" or "0.5"; None for 0.5.

    Raises:
        SettingsError: If one of them is none of these, or they exclude each other.
    """

    compression: Compression | None = None
    pyramid: bool | None = None
    chunk: int | None = None
    shard: bool = False
    ngff: Ngff | None = None

    def __post_init__(self) -> None:
        if self.compression not in (None, *COMPRESSIONS):
            fix = f"pass e.g. `{typed(compression='zstd')}`"
            raise SettingsError(f"one of {', '.join(COMPRESSIONS)} as compression", repr(self.compression), fix)
        if self.chunk is not None and (self.chunk % _MULTIPLE or not 0 < self.chunk <= _LARGEST_CHUNK):
            expected = f"chunks of a multiple of {_MULTIPLE} pixels, at most {_LARGEST_CHUNK}"
            raise SettingsError(expected, str(self.chunk), f"pass e.g. `{typed(chunk=256)}`")
        if self.ngff not in (None, *get_args(Ngff)):
            raise SettingsError("OME-Zarr 0.4 or 0.5", repr(self.ngff), f"pass e.g. `{typed(ngff='0.4')}`")
        if self.shard and self.ngff == "0.4":
            raise SettingsError("shards with OME-Zarr 0.5", "0.4, which has none", f"leave `{typed('shard')}` out")

    @property
    def asked(self) -> dict[str, object]:
        """What a format must be able to do, by name: no pyramid and no shards are what every format has."""
        named = {name: getattr(self, name) for name in ("pyramid", "chunk", "shard", "ngff")}
        return {name: value for name, value in named.items() if value}

    def check(self, file: str, compressions: Collection[str], layouts: Collection[str]) -> None:
        """Refuse what a format cannot do.

        Args:
            file: The file or its ending, for the message.
            compressions: The compressions that the format has.
            layouts: Which of the other attributes it knows.

        Raises:
            OutputError: If it lacks one that is asked for.
        """
        if self.compression is not None and self.compression not in compressions:
            expected = f"{' or '.join(compressions) or 'no'} compression for {file}"
            fix = f"leave `{typed('compression')}` out, or choose another format"
            raise OutputError(expected, self.compression, fix)
        for name, value in self.asked.items():
            if name not in layouts:
                fix = f"leave it out, or write {'OME-Zarr' if name in ('shard', 'ngff') else 'OME-Zarr or OME-TIFF'}"
                raise OutputError(f"what {file} can have", f"`{typed(**{name: value})}`", fix)


USUAL_STORAGE = Storage()
