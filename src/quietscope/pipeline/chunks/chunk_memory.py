"""How much memory a process takes that denoises chunks, told before it does."""

from math import prod

from quietscope.data.gap_areas import REACH
from quietscope.deploy import is_exported
from quietscope.pipeline.chunks.chunk_job import ChunkJob, layers_of
from quietscope.pipeline.image_files import Target
from quietscope.tiling.bands import ROWS
from quietscope.tiling.cut import Cut, Room

# Measured on Linux: before any pixel is read, and what threads that read and write keep for reuse.
_OF_PYTORCH, _OF_A_RUNTIME = (470 + 100) << 20, (320 + 50) << 20
_COPIES_OF_WEIGHTS = 3
_BYTES = 4
_BYTES_COMPARED = 200
"""What comparing a band of rows of a chunk with the noisy pixels takes per pixel of it: 25 arrays of float64."""
_READ = 4
"""Chunks of noisy pixels in memory: the one at work, the next, and copies of what is compared and cut into tiles."""
_WRITTEN = 5
"""Copies of a chunk of results: as made, the two before, the first also as stored, and compressed or as pyramid."""
_SHAPES = 2
"""Tiles at the borders of an image have other shapes, and a runtime keeps the memory that each of them took."""


def worker_memory(job: ChunkJob, target: Target, room: Room, cut: Cut) -> int:
    """Estimate the main memory that a process takes at most that denoises chunks, and ends the run where it is last.

    It does not depend on the size of the image, but for small ones, whose chunks are smaller. On a GPU the part of the
    network is memory of the GPU. Measured peaks are 0.4 to 1.0 of the estimate.

    Args:
        job: What is denoised.
        target: The same, opened.
        room: What of the model decides, see `quietscope.pipeline.opened_model.Model.room`.
        cut: How the image is cut.

    Returns:
        Bytes.
    """
    weights = job.model.with_suffix(".bin")
    stored = job.model.stat().st_size + (weights.stat().st_size if weights.is_file() else 0)
    exported = is_exported(job.model)
    fixed = (_OF_A_RUNTIME if exported else _OF_PYTORCH) + _COPIES_OF_WEIGHTS * stored
    return fixed + _denoising(target, room, cut, _SHAPES if exported else 1) + _comparing(target, cut)


def _denoising(target: Target, room: Room, cut: Cut, shapes: int) -> int:
    """Return the bytes of a tile in the network, and of the chunks that are read, made and written meanwhile."""
    sides = zip(cut.tiles.size, cut.tiles.halo, cut.size, room.size_multiple, strict=True)
    outer = prod(min(side + 2 * halo, -(-size // m) * m) for side, halo, size, m in sides)
    together = min(room.pixels_at_once, target.request.num_samples * outer)
    around = target.image.context.width * _channels(target, cut) * prod(cut.frame_chunk)
    sizes = zip(_sides(cut), cut.tiles.halo, cut.size, strict=True)
    read = around * prod(min(side + 2 * (halo + REACH), size) for side, halo, size in sizes)
    made = layers_of(target) * _channels(target, cut) * prod((*cut.frame_chunk, *_sides(cut)))
    chunks = _READ * target.image.dtype.itemsize * read + _WRITTEN * _BYTES * made
    return round(max(shapes * outer, together) * room.bytes_per_pixel) + chunks


def _comparing(target: Target, cut: Cut) -> int:
    """Return the bytes of a chunk that is compared with the noisy one: all of it, and one band that is at work."""
    sides = _sides(cut)
    height, width = sides[-2:]
    band = height if height < 2 * ROWS else ROWS + height % ROWS
    return _BYTES * _channels(target, cut) * prod((*cut.frame_chunk, *sides)) + _BYTES_COMPARED * band * width


def _sides(cut: Cut) -> tuple[int, ...]:
    """Return the size of a chunk where the frame is no smaller."""
    return tuple(map(min, cut.chunk, cut.size))


def _channels(target: Target, cut: Cut) -> int:
    return prod(target.image.shape) // prod((*cut.frame_counts, *cut.size))
