"""From a path and options to the plan of a prediction by chunks."""

import os
from dataclasses import replace
from pathlib import Path

from quietscope.errors import OutputError
from quietscope.io import ImageSource
from quietscope.io.part import ALL, Part
from quietscope.outside.sources import protecting
from quietscope.pipeline.chunks.chunk_job import ChunkJob
from quietscope.pipeline.chunks.chunk_plan import ChunkPlan
from quietscope.pipeline.chunks.sharing import Sharing
from quietscope.pipeline.files import whole_path
from quietscope.pipeline.found_images import Sources, find_images, series_of
from quietscope.pipeline.planning import USUAL_RESULTS, abilities_in, context_in
from quietscope.pipeline.results import Results, choose_kinds
from quietscope.pipeline.targets import Opening, Targets, names_file
from quietscope.tiling.request import DEFAULT_REQUEST, Request
from quietscope.wording import typed


@protecting
def plan_chunks(
    model: str | os.PathLike[str],
    image: Sources,
    output: str | os.PathLike[str],
    sharing: Sharing,
    *,
    axes: str | None = None,
    series: int | str | None = None,
    mask: ImageSource | None = None,
    part: Part = ALL,
    device: str | None = None,
    results: Results = USUAL_RESULTS,
    request: Request = DEFAULT_REQUEST,
    overwrite: bool = False,
    resume: bool = False,
    insist: bool = False,
) -> ChunkPlan:
    """Plan to denoise one image by chunks, in several processes, and on from where others have ended.

    Args:
        model: A model file, an exported model, or a folder of `compress` with one in it.
        image: The noisy image: a path, as for `plan_predict`.
        output: The OME-Zarr of the estimate; other results stand beside it, with a word before the extension.
        sharing: Who denoises the chunks.
        axes: Axes of the image where it does not name them.
        series: Which image of a file that holds several, by number or name; the first if None.
        mask: Where pixels were measured: an image that is nonzero there, or "nan" where NaN stands for the others.
        part: What is read of the image: channels, time points, planes, a region.
        device: Where to compute; the best there is if None.
        results: Which results are wanted; always OME-Zarr.
        request: How to predict.
        overwrite: Whether results that exist may be replaced.
        resume: Go on with what an earlier run by the same model, image and request has left.
        insist: Go on where the image is so unlike those of training that the result must be wrong.

    Returns:
        The plan.

    Raises:
        QuietScopeError: If model, results, names or the image cannot be used, or it is no file.
    """
    from quietscope.deploy import model_in

    file, place, found = model_in(Path(model)), Path(output), find_images(image, series)
    if not names_file(place, found) or len(found) != 1 or not isinstance(found[0].source, str | os.PathLike):
        images = "1 image" if len(found) == 1 else f"{len(found):,} images"
        fix = f"pass one file, and e.g. `{typed(output='clean.ome.zarr')}`"
        raise OutputError(
            "one image in a file, and a name for its result, to denoise by chunks", f"{images} into {place}", fix
        )
    kinds = choose_kinds(results, abilities_in(file), request=request)
    source = whole_path(found[0].source)
    opening = Opening(axes=axes, series=series_of(series), mask=mask, part=part, context=context_in(file))
    targets = Targets.one(
        opening.image(source),
        Path(whole_path(place)),
        kinds,
        Opening(),
        main=results.main,
        request=request.settled(kinds),
        dtype=results.dtype,
        storage=results.storage,
        overwrite=overwrite,
    )
    job = ChunkJob(
        model=Path(whole_path(file)),
        device=device,
        source=source,
        opening=opening,
        targets=replace(targets, sources=(source,)),
        insist=insist,
    )
    return ChunkPlan(job=job, sharing=sharing, resume=resume)
