"""The plan of a prediction by chunks."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from quietscope.errors import OutputError
from quietscope.io import FORMATS
from quietscope.io.atomic import check_target
from quietscope.io.shared_result import made_by_of
from quietscope.outside.sources import reading
from quietscope.pipeline.chunks.chunk_folder import ChunkFolder
from quietscope.pipeline.chunks.chunk_job import ChunkJob, check_shared
from quietscope.pipeline.chunks.sharing import Sharing
from quietscope.wording import typed


@dataclass(frozen=True, kw_only=True)
class ChunkPlan:
    """Denoise one image by chunks.

    Attributes:
        job: What is denoised.
        sharing: By whom.
        resume: Go on with what an earlier run has left.
    """

    job: ChunkJob
    sharing: Sharing
    resume: bool = False

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that is there at the end."""
        return tuple(self.job.targets.files(0).values())

    @property
    def is_begun(self) -> bool:
        """Whether a run has left something to go on from."""
        return ChunkFolder.beside(self.job.target()).is_there

    @property
    def is_joined(self) -> bool:
        """Whether chunks that are there are gone on with."""
        return self.resume or self.sharing.part is not None

    def check(self) -> None:
        """Refuse what could not be begun, gone on with or written, and leave nothing behind.

        Raises:
            OutputError: If a result is no OME-Zarr or exists, or chunks of another run, or of this one, are in the way.
        """
        job, target = self.job, self.job.target()
        check_shared(target)
        folder = ChunkFolder.beside(target)
        may_replace = target.overwrite or (self.is_joined and folder.replaces)
        with reading({"image": job.source}):
            for path in target.files.values():
                is_own = self.is_joined and made_by_of(path) == job.made_by
                check_target(path, may_replace or is_own, FORMATS["ome-zarr"].recognises)
        if not folder.is_there or (target.overwrite and not self.is_joined):
            return
        try:
            cut = folder.cut(job.made_by)
        except OutputError:
            if self.is_begun:
                raise
            return  # other parts have just ended it
        if not self.is_joined:
            got = f"{folder.path}, in which {len(folder.done()):,} of {len(cut):,} chunks are done"
            go_on = f"pass `{typed(resume=True)}` to go on, or `{typed(overwrite=True)}` to begin anew"
            raise OutputError("no chunks of a run that was stopped", got, go_on)

    def resumed(self) -> Self:
        """Return the plan that goes on with what an earlier run has left."""
        return replace(self, resume=True)
