"""Options that say who denoises the chunks of one image."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from quietscope.cli.help_groups import PROCESSES
from quietscope.errors import SettingsError

if TYPE_CHECKING:
    from quietscope.pipeline.chunks.sharing import Sharing


@dataclass(frozen=True, kw_only=True)
class ChunkOptions:
    """Who denoises the chunks of one image, whose result is OME-Zarr."""

    workers: Annotated[
        int | None,
        Parameter(group=PROCESSES),
        Parameter(
            help="Denoise one image by chunks in so many processes, into OME-Zarr. Default: one process, any format."
        ),
    ] = None
    scheduler: Annotated[
        str | None,
        Parameter(group=PROCESSES),
        Parameter(
            help="The same by the workers of a Dask scheduler that is there, e.g. tcp://host:8786. Default: none."
        ),
    ] = None
    of_parts: Annotated[
        str | None,
        Parameter(group=PROCESSES),
        Parameter(
            name="--part",
            help="The same for a part of the chunks, e.g. 3/64, as the jobs of an array do; whichever is last puts the "
            "result in its place. Default: all.",
        ),
    ] = None

    def sharing(self) -> "Sharing | None":
        """Return who denoises the chunks; None where nobody was named.

        Raises:
            SettingsError: If several are, or one makes no sense.
        """
        from quietscope.pipeline.chunks.sharing import Sharing

        if self.workers is None and self.scheduler is None and self.of_parts is None:
            return None
        part = None if self.of_parts is None else parsed_part(self.of_parts)
        return Sharing(workers=self.workers, scheduler=self.scheduler, part=part)


NO_CHUNKS = ChunkOptions()


def parsed_part(text: str) -> tuple[int, int]:
    """Return the numbers of a part that is written as "3/64".

    Raises:
        SettingsError: If it is written otherwise.
    """
    k, slash, n = text.partition("/")
    if not (slash and k.strip().isdigit() and n.strip().isdigit()):
        raise SettingsError("a part as 3/64, the third of 64", repr(text), "pass e.g. `--part 3/64`")
    return int(k), int(n)
