"""Options that say who denoises the chunks of one image."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from quietscope.pipeline.chunks.sharing import Sharing


@dataclass(frozen=True, kw_only=True)
class ChunkOptions:
    """Who denoises the chunks of one image, whose result is OME-Zarr."""

    workers: Annotated[
        int | None, Parameter(help="Denoise one image by chunks in so many processes, into OME-Zarr.")
    ] = None
    scheduler: Annotated[
        str | None,
        Parameter(help="The same by the workers of a Dask scheduler that is there, e.g. tcp://host:8786."),
    ] = None
    of_parts: Annotated[
        str | None,
        Parameter(
            name="--part",
            help="The same for a part of the chunks, e.g. 3/64, as the jobs of an array do; whichever is last puts the "
            "result in its place.",
        ),
    ] = None

    def sharing(self) -> "Sharing | None":
        """Return who denoises the chunks; None where nobody was named.

        Raises:
            SettingsError: If several are, or one makes no sense.
        """
        from quietscope.pipeline.chunks.sharing import Sharing, parsed_part

        if self.workers is None and self.scheduler is None and self.of_parts is None:
            return None
        part = None if self.of_parts is None else parsed_part(self.of_parts)
        return Sharing(workers=self.workers, scheduler=self.scheduler, part=part)


NO_CHUNKS = ChunkOptions()
