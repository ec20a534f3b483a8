"""The end of a prediction by chunks: what is left of pyramids, a verdict, and the results in their place."""

from collections.abc import Callable

from quietscope.io import FORMATS
from quietscope.io.atomic import check_target, put_in_place
from quietscope.io.shared_result import clear_cut_off
from quietscope.pipeline.chunks.chunk_folder import ChunkFolder
from quietscope.pipeline.chunks.chunk_worker import ChunkWorker
from quietscope.pipeline.image_files import Target
from quietscope.tiling.judged import Judgement

Progress = Callable[[str, int, int], None]
"""Receives (what is done, how much of it, of how much)."""


def raise_pyramids(worker: ChunkWorker, progress: Progress) -> None:
    """Make what was not made chunk by chunk of the smaller versions beside the results.

    Args:
        worker: What knows the results.
        progress: Told how it stands.
    """
    for kind, result in worker.results.items():
        for done, total in result.raise_pyramid():
            progress(f"pyramid of {kind}", done, total)


def judgement_of(worker: ChunkWorker) -> Judgement | None:
    """Put together what was found in the chunks.

    Args:
        worker: What knows them.

    Returns:
        What was found, as that of the image; None where nothing was compared.
    """
    found, channels = worker.folder.judgements(), worker.layout.num_channels
    pixels = {number: channels * worker.cut[number].num_pixels for number in found}
    return worker.judge.concluded(found, pixels)


def publish(folder: ChunkFolder, target: Target) -> None:
    """Give the results their names, one after another, and remove the folder of the chunks.

    Where that is cut off, whoever does it again goes on: a result that has its name already says who has made it.

    Args:
        folder: The folder.
        target: What was written.

    Raises:
        OutputError: If something stands at one of the places that may not be replaced.
    """
    overwrite = target.overwrite or folder.replaces
    for kind, path in target.files.items():
        if folder.is_published(kind):
            continue
        place = path.resolve()
        check_target(place, overwrite, FORMATS["ome-zarr"].recognises)
        clear_cut_off(folder.result(kind))
        put_in_place(folder.result(kind), place, overwrite)
    folder.remove()
