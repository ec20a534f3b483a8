"""What a worker has to know to denoise any chunk of an image."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path

from quietscope.errors import OutputError
from quietscope.io import is_shared
from quietscope.io.shared_result import piece_of
from quietscope.pipeline.image_files import Target
from quietscope.pipeline.journal import digest_of, stamp_of
from quietscope.pipeline.opened_model import Model, open_model_file
from quietscope.pipeline.standing import mask_parts
from quietscope.pipeline.targets import Opening, Targets
from quietscope.tiling.cut import Cut, Room, cut_for
from quietscope.tiling.request import Request

_METADATA = ("zarr.json", ".zgroup", ".zattrs", ".zarray", ".zmetadata")


@dataclass(frozen=True, kw_only=True)
class ChunkJob:
    """A prediction of one image, in words and numbers that any process can be sent.

    Attributes:
        model: File of the model, from the root on.
        device: Where to compute; the best there is if None.
        source: File or folder of the noisy image, from the root on.
        opening: How it is opened.
        targets: What is written, without the image.
        insist: Whether to go on where the image is unlike those of training.
    """

    model: Path
    device: str | None
    source: str
    opening: Opening
    targets: Targets
    insist: bool = False

    def target(self) -> Target:
        """Open the image, and return what is to be written of it.

        Raises:
            QuietScopeError: If it cannot be opened.
        """
        return self.targets.of(0, self.opening.image(self.source))

    def opened_model(self) -> Model:
        """Open the model.

        Raises:
            QuietScopeError: If it cannot be used.
        """
        return open_model_file(self.model, self.device, self.targets.endings)

    @cached_property
    def made_by(self) -> str:
        """What tells chunks of this model, image and request from others: 16 hexadecimal digits."""
        targets, opening, weights = self.targets, self.opening, self.model.with_suffix(".bin")
        asked = (targets.request, targets.main, targets.dtype, targets.storage, *targets.endings)
        seen = (opening.axes, opening.series, opening.part, *_stamps(Path(self.source)))
        files = [self.model, *([weights] if weights.is_file() else [])]
        return digest_of("\n".join(map(repr, (*asked, *seen))).encode(), *files, *mask_parts(opening.mask))


def check_shared(target: Target) -> None:
    """Refuse results that several processes cannot write at once.

    Raises:
        OutputError: If one has another format than OME-Zarr.
    """
    for path in target.files.values():
        if not is_shared(path):
            fix = f"write e.g. to {path.name.split('.')[0]}.ome.zarr"
            raise OutputError("OME-Zarr results, which several processes can write at once", str(path), fix)


def cut_of(target: Target, room: Room, request: Request | None = None) -> Cut:
    """Return how an image is cut into chunks.

    Args:
        target: What is written; OME-Zarr throughout.
        room: What of the model decides.
        request: How to predict, where it is not the target's.
    """
    pieces = [piece_of(target.write_request(kind)) for kind in target.files]
    image, request = target.image, request or target.request
    most = {letter: max(each[letter] for each in pieces) for letter in image.axes}
    layout, layers = image.layout(room.spatial_dims), layers_of(target)
    values = layers * layout.frame_shape[0]
    return cut_for(room, layout, most, request.tiles_for(room), room.most_of_tile, values)


def layers_of(target: Target) -> int:
    """Return how many values all results have for every value of the image: one, and samples or quantiles each."""
    return sum(prod(target.write_request(kind).shape) for kind in target.files) // prod(target.image.shape)


def _stamps(source: Path) -> Iterator[tuple[object, ...]]:
    """Yield what changes with an image: size and time of its file; of a folder those of all its metadata."""
    if not source.is_dir():
        yield stamp_of(str(source))
        return
    for folder, below, names in os.walk(source):
        found = [Path(folder, name) for name in _METADATA if name in names]
        yield from ((os.path.relpath(each, source), *stamp_of(str(each))) for each in found)
        below.sort()
        if any(_is_array(each) for each in found):
            below.clear()  # its chunks may lie in thousands of folders


def _is_array(metadata: Path) -> bool:
    """Tell whether a file of Zarr's metadata is that of an array."""
    return metadata.name == ".zarray" or (metadata.name == "zarr.json" and b'"array"' in metadata.read_bytes())
