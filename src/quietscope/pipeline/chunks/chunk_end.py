"""The end of a prediction by chunks: pyramids of what is written, a verdict, and the results in their place."""

from collections.abc import Callable, Mapping

from quietscope.io import FORMATS
from quietscope.io.atomic import check_target, put_in_place
from quietscope.pipeline.chunks.chunk_folder import ChunkFolder
from quietscope.pipeline.chunks.chunk_worker import ChunkWorker
from quietscope.pipeline.image_files import Target
from quietscope.tiling.judged import JUDGED, Judged

Progress = Callable[[str, int, int], None]
"""Receives (what is done, how much of it, of how much)."""


def raise_pyramids(worker: ChunkWorker, progress: Progress) -> None:
    """Make the smaller versions beside the results, of all that is written.

    Args:
        worker: What knows the results.
        progress: Told how it stands.
    """
    for kind, result in worker.folder.opened().items():
        for done, total in result.raise_pyramid():
            progress(f"pyramid of {kind}", done, total)


def judge_chunks(worker: ChunkWorker, progress: Progress) -> Mapping[str, Judged]:
    """Compare the denoised image, as it is written, with the noisy one.

    Args:
        worker: What knows both.
        progress: Told how it stands.

    Returns:
        What `quietscope.tiling.judged.verdict_of` takes.
    """
    results, layout = worker.folder.opened(), worker.layout
    kind = next((each for each in JUDGED if each in results), None)
    if kind is None:
        return {}
    judged = {kind: Judged(worker.noisy, noise=worker.model.known_noise)}
    for number, chunk in enumerate(worker.cut, 1):
        for frame in chunk.frames:
            layout.put_region(judged[kind], frame, chunk.box, layout.region(results[kind], frame, chunk.box))
        progress("verdict", number, len(worker.cut))
    return judged


def publish(folder: ChunkFolder, target: Target) -> None:
    """Give the results their names, one after another, and remove the folder of the chunks.

    Where that is cut off, whoever does it again goes on: a result that has its name already says who has made it.

    Args:
        folder: The folder.
        target: What was written.

    Raises:
        OutputError: If something stands at one of the places that may not be replaced.
    """
    for kind, path in target.files.items():
        if folder.is_published(kind):
            continue
        place = path.resolve()
        check_target(place, target.overwrite, FORMATS["ome-zarr"].recognises)
        put_in_place(folder.result(kind), place, target.overwrite)
    folder.remove()
