"""``quietscope array``: the script of a job array that denoises one image."""

import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from quietscope.cli.options import NO_PREDICTION_OPTIONS, Axes, Group, Mask, Output, PredictionOptions
from quietscope.cli.part_options import NO_PART, PartOptions
from quietscope.cli.screen import Screen
from quietscope.cli.storage_options import NO_STORAGE, StorageOptions
from quietscope.cli.task_options import NO_TASKS, TaskOptions
from quietscope.cli.typed_options import words_of
from quietscope.cli.using_options import USUAL_USE, SeriesOrAll, UsingOptions
from quietscope.cli.verbs.predict import predict
from quietscope.errors import SettingsError

if TYPE_CHECKING:
    from quietscope.pipeline.chunks.chunk_job import ChunkJob


def array(
    model: Annotated[Path, Parameter(help="Model file, an exported one, or a folder of compress.")],
    image: Annotated[Path, Parameter(help="Noisy image, taken like those the model learnt from.")],
    /,
    *,
    output: Annotated[Path, Output, Parameter(help="OME-Zarr for the result.")],
    parts: Annotated[int, Parameter(help="Number of tasks, each of which denoises a part of the chunks.")],
    script: Annotated[Path | None, Parameter(help="Write the script here. Default: standard output.")] = None,
    tasks: Annotated[TaskOptions, Group] = NO_TASKS,
    axes: Axes = None,
    series: SeriesOrAll = None,
    mask: Mask = None,
    part: Annotated[PartOptions, Group] = NO_PART,
    using: Annotated[UsingOptions, Group] = USUAL_USE,
    prediction: Annotated[PredictionOptions, Group] = NO_PREDICTION_OPTIONS,
    storing: Annotated[StorageOptions, Group] = NO_STORAGE,
) -> None:
    """Write the script of a job array that denoises one large image on a cluster: SLURM, PBS or LSF.

    Task k runs `quietscope predict MODEL IMAGE -o OUTPUT --part k/PARTS` with all options of predict that are given
    here. Tasks run in any order, on any machines that see the files, and whichever is last puts the result in its
    place. Where tasks have failed, the same script is submitted once more: chunks that are done are passed over.

    One chunk is denoised here and now, in memory, to see what a task takes, unless both --time and --memory say it.
    Submit with `quietscope array ... --script job.sh` and `sbatch job.sh`.
    """
    from quietscope.pipeline.chunks.array_plan import plan_array
    from quietscope.pipeline.chunks.chunk_planning import plan_chunks
    from quietscope.pipeline.chunks.script_file import check_script, write_script
    from quietscope.pipeline.chunks.sharing import Sharing

    if parts < 2:
        raise SettingsError("2 parts or more, one for each task of an array", str(parts), "pass e.g. `--parts 8`")
    screen, results = Screen(data_only=True), replace(prediction.results(), storage=storing.storage)
    wishes, sharing = tasks.wishes(), Sharing(part=(1, parts))
    if script is not None:
        check_script(script)
    asked: dict[str, Any] = {"axes": axes, "series": series, "mask": mask}
    plan = plan_chunks(
        model,
        image,
        output,
        sharing,
        **asked,
        device=using.device,
        insist=using.insist,
        part=part.part,
        results=results,
        request=prediction.request(using.seed, results.asked),
        overwrite=prediction.overwrite,
    )
    grouped = {"part": part, "using": using, "prediction": prediction, "storing": storing}
    command = (*tasks.command, *_files(plan.job), *words_of(predict, {**asked, **grouped, "mask": _whole(mask)}))
    with screen.listening() as events:
        found = plan_array(plan, command, wishes, events)
    if script is None:
        sys.stdout.write(found.script)
    else:
        write_script(script, found.script)
    file = "job.sh" if script is None else shlex.quote(str(script))
    screen.note(f"{parts:,} tasks for {found.engine.name}: `{found.engine.submit.format(script=file)}`")


def _files(job: "ChunkJob") -> tuple[str, ...]:
    """Return what every task reads and writes, from the root on."""
    return "predict", str(job.model), job.source, "--output", str(next(iter(job.targets.files(0).values())))


def _whole(mask: str | None) -> str | None:
    """Return a mask by its path from the root on; nan is none."""
    from quietscope.data.mask import NAN
    from quietscope.pipeline.files import whole_path

    return mask if mask is None or mask == NAN else whole_path(mask)
