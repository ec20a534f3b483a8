"""The task: denoise the image at a URL, and put the result beside it or in its place."""

import json
import logging
import sys
from pathlib import Path
from typing import Any

from pydantic import Field, validate_call

from quietscope import Request, Results, Storage, plan_predict, run
from quietscope.errors import QuietScopeError
from quietscope.io.alive import workshop
from quietscope.io.atomic import check_target, put_in_place
from quietscope.pipeline.events import Event, Note
from quietscope.tiling.request import usual_samples
from quietscope_fractal.image_folder import add_to_well, carry_over, is_image, version_of

logger = logging.getLogger("denoise_image")


@validate_call
def denoise_image(
    *,
    zarr_url: str,
    model_file: str,
    output_image_name: str = Field(default="{image_name}denoised", pattern=r"^[^/]*\{image_name\}[^/]*$"),
    overwrite_input: bool = False,
    overwrite: bool = False,
    num_samples: int | None = None,
    augment: bool = False,
    keep_type: bool = True,
    seed: int = 0,
    insist: bool = False,
) -> dict[str, Any]:
    """Denoise an OME-Zarr image with a model of QuietScope.

    The image needs the channels that the model has learnt from. Labels and tables are carried over.

    Args:
        zarr_url: Path or url to the individual OME-Zarr image to be processed. (standard argument for Fractal tasks,
            managed by Fractal server).
        model_file: Path to the model: model.safetensors of `quietscope train`, or an exported one.
        output_image_name: Name of the new image in the well, or beside an image that lies in none. `{image_name}` is
            the name of the input. OME-Zarr allows letters and digits. Not used where `overwrite_input` is set.
        overwrite_input: Whether the result takes the place of the input.
        overwrite: Whether an image that has the name of the new one already is replaced.
        num_samples: Posterior samples behind the result. Default: 10, or 16 with `augment`.
        augment: Whether to look at the image in all orientations, which takes longer and is a little better.
        keep_type: Whether the result has the input's type of pixels, rounded and clipped; else it is float32.
        seed: Seed of the samples.
        insist: Whether to go on where the image is so unlike those of training that the result must be wrong.
    """
    source = Path(zarr_url.rstrip("/"))
    target = source if overwrite_input else source.with_name(output_image_name.format(image_name=source.name))
    if target != source:
        check_target(target, overwrite, is_image)
    request = Request(
        num_samples=usual_samples(("mean",), augment=augment) if num_samples is None else num_samples,
        augment=augment,
        seed=seed,
    )
    results = Results(dtype="input" if keep_type else "float32", storage=Storage(ngff=version_of(source)))
    with workshop(target) as folder:
        made = folder / f"{target.name}.ome.zarr"
        outcome = run(plan_predict(model_file, source, made, results=results, request=request, insist=insist), _tell)
        carry_over(source, made)
        put_in_place(made, target, overwrite or overwrite_input)
    logger.info("verdict: %s", outcome.verdict.words)
    if target == source:
        return {"image_list_updates": [{"zarr_url": str(source)}]}
    add_to_well(source, target)
    return {"image_list_updates": [{"zarr_url": str(target), "origin": str(source)}]}


def _tell(event: Event) -> None:
    if isinstance(event, Note):
        logger.warning(event.text)


if __name__ == "__main__":
    from fractal_task_tools.task_wrapper import run_fractal_task

    try:
        run_fractal_task(task_function=denoise_image)
    except (QuietScopeError, json.JSONDecodeError) as error:
        logger.error("%s", error)
        sys.exit(2)
