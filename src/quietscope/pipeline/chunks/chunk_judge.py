"""Chunks of a denoised image compared with the noisy one, each by itself, and what was found put together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.deploy import is_exported
from quietscope.io import Image
from quietscope.metrics.coverage import Exposure
from quietscope.pipeline.chunks.chunk_folder import ChunkFolder
from quietscope.pipeline.chunks.chunk_job import ChunkJob
from quietscope.pipeline.image_files import Target
from quietscope.pipeline.opened_model import Model
from quietscope.tiling.judged import JUDGED, Judged, Judgement

WHOLE, LEAST = 1 << 26, 1 / 8
"""Pixels of an image that are all compared with the result, and the share of a larger one, by an exported model: such
models take less time for an image than the comparison."""

MOST_KEPT = 100
"""Regions of a chunk that are kept with their places, the surest; all are counted."""

_GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True, kw_only=True)
class ChunkJudge:
    """Compares chunks with the noisy image.

    Attributes:
        kind: Kind of results that a verdict can rest on; empty where there is none.
        noise: The noise of each channel, where it is known.
        num_pixels: Pixels of the whole image.
        share: Share of the chunks that are compared, above 0 and up to 1.
        pivots: Typical intensity of each channel.
    """

    kind: str
    noise: tuple[Exposure, ...]
    num_pixels: int
    share: float
    pivots: tuple[float, ...]

    @classmethod
    def of(cls, job: ChunkJob, target: Target, model: Model, folder: ChunkFolder) -> "ChunkJudge":
        """Make what judges the chunks of a job; every process makes the same one."""
        num_pixels = prod(target.image.shape)
        return cls(
            kind=next((each for each in JUDGED if each in target.files), ""),
            noise=model.known_noise,
            num_pixels=num_pixels,
            share=min(1.0, max(LEAST, WHOLE / num_pixels)) if is_exported(job.model) else 1.0,
            pivots=folder.pivots() if folder.is_there else (),
        )

    def __contains__(self, number: int) -> bool:
        """Tell whether a chunk is compared; those that are lie evenly spread, whatever their number in a row is."""
        return bool(self.kind) and (number * _GOLDEN) % 1.0 < self.share

    def noisy(self, image: Image, box: Sequence[slice]) -> Image:
        """Read a box of the noisy image, as an image of its own."""
        return replace(image, data=np.asarray(image.data[tuple(box)]), path=None, mask=None)

    def judged(self, noisy: Image, box: Sequence[slice], pixels: Mapping[str, npt.NDArray[Any]]) -> Judgement:
        """Compare a chunk of results with the noisy one.

        Args:
            noisy: The noisy chunk, NaN where nothing was measured.
            box: Its place in the image, one slice per axis.
            pixels: The results at this place as they are stored, by kind.

        Returns:
            What was found, with places as in the whole image.
        """
        judged = Judged(noisy, noise=self.noise, of_pixels=self.num_pixels, pivots=self.pivots)
        if self.kind:
            judged[tuple(slice(0, size) for size in noisy.shape)] = pixels[self.kind]
        starts = {letter: side.start for letter, side in zip(noisy.axes, box, strict=True)}
        found = judged.judgement
        regions = tuple(
            replace(
                each,
                plane={letter: at + starts[letter] for letter, at in each.plane.items()},
                y=each.y + starts["Y"],
                x=each.x + starts["X"],
            )
            for each in found.unexplained.regions[:MOST_KEPT]
        )
        return replace(found, unexplained=replace(found.unexplained, regions=regions))

    def concluded(self, judgements: Mapping[int, Judgement], pixels: Mapping[int, int]) -> Judgement | None:
        """Put together what was found.

        Args:
            judgements: What was found in each chunk that was compared, by number.
            pixels: Pixels of these chunks.

        Returns:
            What was found in all of them, as that of the image; None where nothing was compared.
        """
        if not judgements:
            return None
        found = Judgement.joined(judgements[number] for number in sorted(judgements))
        searched = sum(pixels[number] for number in judgements) / self.num_pixels
        if searched == 1.0:
            return found
        return replace(found, unexplained=found.unexplained.of_a_part(searched))


def pivots_of(target: Target) -> tuple[float, ...]:
    """Return a typical intensity of each channel of an image: the mean of a part of its middle frame.

    Args:
        target: What is written of the image.
    """
    image, layout = target.image, target.image.layout()
    box = tuple(
        slice(max(0, size // 2 - _SIDE // 2), min(size, size // 2 + _SIDE // 2)) for size in layout.spatial_shape
    )
    part = layout.region(image.data, layout.num_frames // 2, box).astype(np.float64)
    part = np.where(np.isfinite(part), part, 0.0)
    return tuple(float(mean) for mean in part.reshape(len(part), -1).mean(axis=1))


_SIDE = 256
