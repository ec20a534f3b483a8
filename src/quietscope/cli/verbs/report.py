"""``quietscope report``: the report of a run, made anew."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from quietscope.cli.options import Flag, Output
from quietscope.cli.screen import Screen


def report(
    run: Annotated[Path, Parameter(help="Folder of a run of `denoise`, `demo` or `train`.")],
    /,
    *,
    output: Annotated[Path | None, Output, Parameter(help="File, .html. Default: report.html in the folder.")] = None,
    overwrite: Annotated[bool, Flag, Parameter(help="Replace a file that exists and is not the run's report.")] = False,
) -> None:
    """Make the report of a run anew from what its folder holds.

    `denoise`, `demo` and `train` write one by themselves. It is made of report.json; without that, the model, its
    settings and the logs tell what they can. What `segment` has written into the folder has a section. The report says
    what is missing.
    """
    from quietscope.pipeline.report_files import remake

    screen = Screen()
    path, missing = remake(run, output, overwrite=overwrite)
    for line in missing:
        screen.note(f"not in the report: {line}")
    screen.show(f"report: {path}")
