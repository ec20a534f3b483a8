"""Options of the tasks of a job array."""

import shlex
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from quietscope.errors import SettingsError

if TYPE_CHECKING:
    from quietscope.pipeline.chunks.job_array import Wishes

_Lines = Parameter(negative="", allow_leading_hyphen=True)


@dataclass(frozen=True, kw_only=True)
class TaskOptions:
    """What runs the tasks, and with what."""

    engine: Annotated[str, Parameter(help="What runs them: slurm, pbs (PBS Pro), torque or lsf.")] = "slurm"
    cores: Annotated[int, Parameter(help="Cores of a task.")] = 1
    time: Annotated[
        str | None, Parameter(help="What a task may take, e.g. 30m or 4h. Default: by timing one chunk here.")
    ] = None
    memory: Annotated[
        float | None, Parameter(help="Gigabytes of main memory of a task. Default: estimated, and seen here.")
    ] = None
    directive: Annotated[
        list[str] | None,
        _Lines,
        Parameter(
            help='A further line for the scheduler, e.g. "--partition=long"; may be given several times. Default: none.'
        ),
    ] = None
    setup: Annotated[
        list[str] | None,
        _Lines,
        Parameter(
            help='A line before the command, e.g. "module load apptainer"; may be given several times. Default: none.'
        ),
    ] = None
    program: Annotated[
        str | None,
        Parameter(
            allow_leading_hyphen=True,
            help='How tasks call QuietScope, e.g. "apptainer exec qs.sif quietscope". Default: this very Python.',
        ),
    ] = None

    @property
    def command(self) -> tuple[str, ...]:
        """How tasks call QuietScope, word by word.

        Raises:
            SettingsError: If it cannot be read.
        """
        if self.program is None:
            return sys.executable, "-m", "quietscope"
        try:
            words = tuple(shlex.split(self.program))
        except ValueError as error:
            raise SettingsError(
                "a command after --program", f"{self.program!r} ({error})", "close the quotes"
            ) from error
        if not words:
            raise SettingsError("a command after --program", repr(self.program), "pass e.g. `--program quietscope`")
        return words

    def wishes(self) -> "Wishes":
        """Return what was typed.

        Raises:
            SettingsError: If it makes no sense.
            BudgetError: If the time cannot be read.
        """
        from quietscope.pipeline.chunks.job_array import Wishes
        from quietscope.training.budget import parse_duration

        return Wishes(
            engine=self.engine,
            cores=self.cores,
            seconds=None if self.time is None else parse_duration(self.time, "time"),
            num_bytes=None if self.memory is None else round(self.memory * 1e9),
            directives=tuple(self.directive or ()),
            setup=tuple(self.setup or ()),
        )


NO_TASKS = TaskOptions()
