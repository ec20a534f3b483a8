"""The script of a job array: each task denoises a part of the chunks of one image, in any order, on any machine."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from types import MappingProxyType

from quietscope.errors import SettingsError
from quietscope.pipeline.chunks.chunk_trial import THREADS
from quietscope.wording import typed

MADE_BY = "# Made by `quietscope array`: "
"""How the second line of a script begins."""


@dataclass(frozen=True, kw_only=True)
class Engine:
    """What runs job arrays.

    Attributes:
        name: What people call it.
        mark: What its lines in a script begin with.
        index: The variable that has the number of a task.
        submit: The command that takes a script; {script} stands for it.
        lines: What it is told of an array: numbers of `parts`, `cores`, `megabytes`, `minutes`, and `time`, HH:MM:SS.
    """

    name: str
    mark: str
    index: str
    submit: str
    lines: tuple[str, ...]


ENGINES: Mapping[str, Engine] = MappingProxyType(
    {
        "slurm": Engine(
            name="SLURM",
            mark="#SBATCH",
            index="SLURM_ARRAY_TASK_ID",
            submit="sbatch {script}",
            lines=(
                "--job-name=quietscope",
                "--array=1-{parts}",
                "--ntasks=1",
                "--cpus-per-task={cores}",
                "--mem={megabytes}M",
                "--time={time}",
            ),
        ),
        "pbs": Engine(
            name="PBS Pro",
            mark="#PBS",
            index="PBS_ARRAY_INDEX",
            submit="qsub {script}",
            lines=(
                "-N quietscope",
                "-J 1-{parts}",
                "-l select=1:ncpus={cores}:mem={megabytes}mb",
                "-l walltime={time}",
            ),
        ),
        "torque": Engine(
            name="Torque",
            mark="#PBS",
            index="PBS_ARRAYID",
            submit="qsub {script}",
            lines=(
                "-N quietscope",
                "-t 1-{parts}",
                "-l nodes=1:ppn={cores},mem={megabytes}mb",
                "-l walltime={time}",
            ),
        ),
        "lsf": Engine(
            name="LSF",
            mark="#BSUB",
            index="LSB_JOBINDEX",
            submit="bsub < {script}",
            lines=(
                '-J "quietscope[1-{parts}]"',
                "-n {cores}",
                '-R "span[hosts=1] rusage[mem={megabytes}MB]"',
                "-M {megabytes}MB",
                "-W {minutes}",
            ),
        ),
    }
)
"""By the name that is typed."""


def check_engine(name: str) -> str:
    """Refuse what no array can be written for.

    Args:
        name: Name of the engine.

    Returns:
        The same.

    Raises:
        SettingsError: If there is no such engine.
    """
    if name not in ENGINES:
        raise SettingsError(f"one of {', '.join(ENGINES)}", repr(name), f"pass e.g. `{typed(engine='slurm')}`")
    return name


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What a user wants of a job array beyond what it does.

    Attributes:
        engine: What it is written for, one of `ENGINES`.
        cores: Cores of a task.
        seconds: What a task may take; None to time a chunk.
        num_bytes: Main memory of a task; None to estimate it.
        directives: Further lines for the engine, as "--partition=long".
        setup: Lines of a shell that stand before the command, as "module load apptainer".

    Raises:
        SettingsError: If one of them makes no sense.
    """

    engine: str = "slurm"
    cores: int = 1
    seconds: float | None = None
    num_bytes: int | None = None
    directives: tuple[str, ...] = ()
    setup: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_engine(self.engine)
        if self.cores < 1:
            raise SettingsError("1 core or more", str(self.cores), f"pass e.g. `{typed(cores=4)}`")
        if self.num_bytes is not None and self.num_bytes < 10_000_000:
            raise SettingsError("0.01 gigabytes or more", f"{self.num_bytes / 1e9:g}", f"pass e.g. `{typed(memory=4)}`")
        for name, lines in (("directive", self.directives), ("setup", self.setup)):
            for line in lines:
                if not line.strip() or len(line.splitlines()) > 1:
                    fix = f"pass `{typed(name)}` once for each line"
                    raise SettingsError(f"one line after `{typed(name)}`", repr(line), fix)


@dataclass(frozen=True, kw_only=True)
class JobArray:
    """A job array, as it is written down.

    Attributes:
        wishes: What was asked for; time and memory as they are below.
        parts: Number of tasks.
        command: What every task runs, word by word, but for its part.
        seconds: What a task may take.
        num_bytes: Main memory of a task.
        what: What is denoised, in a line.
    """

    wishes: Wishes
    parts: int
    command: tuple[str, ...]
    seconds: float
    num_bytes: int
    what: str

    @property
    def engine(self) -> Engine:
        """What it is written for."""
        return ENGINES[self.wishes.engine]

    @property
    def script(self) -> str:
        """The script, for a shell."""
        wishes, engine, minutes = self.wishes, self.engine, ceil(self.seconds / 60)
        values = {
            "parts": self.parts,
            "cores": wishes.cores,
            "megabytes": ceil(self.num_bytes / (1 << 20)),
            "minutes": minutes,
            "time": f"{minutes // 60:02}:{minutes % 60:02}:00",
        }
        told = [line.format(**values) for line in engine.lines]
        what = " ".join(self.what.split())
        lines = [
            "#!/bin/bash",
            f"{MADE_BY}{what}.",
            "# Submit it once more where tasks have failed: chunks that are done are passed over.",
            *(f"{engine.mark} {line}" for line in (*told, *wishes.directives)),
            *wishes.setup,
            f"export {' '.join(f'{name}={wishes.cores}' for name in THREADS)}",
            f'exec {shlex.join(self.command)} --part "${engine.index}/{self.parts}"',
        ]
        return "\n".join(lines) + "\n"
