"""From a folder and options to the plan of a watch."""

import os
from collections.abc import Sequence
from pathlib import Path

from quietscope.errors import BudgetError, ImageFileError, OutputError, SettingsError
from quietscope.io import ImageSource
from quietscope.io.part import ALL, Part
from quietscope.outside.sources import protecting
from quietscope.pipeline.found_images import EVERY, series_of
from quietscope.pipeline.planning import USUAL_RESULTS, context_in, plan_folder
from quietscope.pipeline.results import Results
from quietscope.pipeline.targets import Opening, names_file
from quietscope.pipeline.watch_plan import WatchPlan
from quietscope.tiling.request import DEFAULT_REQUEST, Request
from quietscope.wording import typed


@protecting
def plan_watch(
    incoming: str | os.PathLike[str],
    model: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    patterns: str | Sequence[str] = (),
    settle: float = 5.0,
    stop_after: float | None = None,
    new_only: bool = False,
    axes: str | None = None,
    series: int | str | None = None,
    mask: ImageSource | None = None,
    part: Part = ALL,
    device: str | None = None,
    results: Results = USUAL_RESULTS,
    request: Request = DEFAULT_REQUEST,
    overwrite: bool = False,
    insist: bool = False,
) -> WatchPlan:
    """Plan to denoise the images in a folder as they come, as a microscope writes them.

    An image is denoised once it has not changed for `settle` seconds, and again where it changes later. What the same
    model and request have made already is passed over. A listener of `quietscope.run` ends the watch by raising
    `quietscope.Stop`: on `ImageDone` after the image at hand, on `Waiting` where there is none, at any other moment
    without the image at hand.

    Args:
        incoming: The folder, which is watched with all folders below it.
        model: A model file, an exported model, or a folder of `compress` with one in it.
        output: A folder, made where there is none, in which the tree of the other is kept; it may lie within that.
        patterns: What names of images are like, ``"*.tif"``, or their paths below the folder, ``"day*/*.tif"``; all
            images where there is none.
        settle: For how long size and time of a file have to stay as they are before it is taken for whole, s.
        stop_after: End after so long without a new file, s; None for never.
        new_only: Pass over what is there at the start, unless it changes.
        axes: Axes of the images where they do not name them.
        series: Which image of files that hold several, by number or name, "all" for every one; the first if None.
        mask: Where pixels were measured: an image that is nonzero there, or "nan" where NaN stands for the others.
        part: What is read of every image: channels, time points, planes, a region.
        device: Where to compute; the best there is if None.
        results: Which results are wanted.
        request: How to predict.
        overwrite: Whether results of other models, requests or programs may be replaced.
        insist: Go on where an image is so unlike those of training that the result must be wrong.

    Returns:
        The plan.

    Raises:
        QuietScopeError: If folder, model, results or names cannot be used.
    """
    from quietscope.deploy import model_in

    folder, place = Path(incoming), Path(output)
    if not folder.is_dir():
        got, fix = "a file" if folder.exists() else "no such folder", "name the folder that the microscope writes to"
        raise ImageFileError(f"a folder to be watched at {folder}", got, fix)
    if names_file(place, ()):
        raise OutputError("a folder for the results", str(place), f"pass e.g. `{typed(output='clean/')}`")
    fitting = (patterns,) if isinstance(patterns, str) else tuple(patterns)
    for pattern in fitting:
        _check_pattern(pattern)
    if not 0.0 < settle < float("inf"):
        raise BudgetError("a time above zero", f"{settle:g} s", f"pass e.g. `{typed(settle='5s')}`")
    if stop_after is not None and not stop_after > settle:
        got = f"{stop_after:g} s, and {settle:g} s until a file counts as whole"
        raise BudgetError("a longer time without a new file", got, f"pass e.g. `{typed(stop_after='60m')}`")
    file = model_in(Path(model))
    opening = Opening(axes=axes, series=series_of(series), mask=mask, part=part, context=context_in(file))
    prediction = plan_folder(
        file, (), place, opening, results, request, device=device, overwrite=overwrite, resume=True, insist=insist
    )
    return WatchPlan(
        incoming=folder,
        prediction=prediction,
        patterns=fitting,
        settle=settle,
        stop_after=stop_after,
        new_only=new_only,
        every_series=series == EVERY,
    )


def _check_pattern(pattern: str) -> None:
    """Refuse what no path below a folder can fit."""
    parts = pattern.replace("\\", "/").split("/")
    if not all(parts) or ".." in parts or Path(pattern).is_absolute():
        raise SettingsError(
            "names or paths below the folder that is watched", repr(pattern), f"pass e.g. `{typed(patterns=['*.tif'])}`"
        )
