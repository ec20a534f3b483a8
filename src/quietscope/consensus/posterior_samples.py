"""Samples of an image one at a time: they lie in a file, so that memory does not grow with their number."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from quietscope.consensus.scratch import scratch_file
from quietscope.data.measured import as_measured
from quietscope.errors import SettingsError
from quietscope.io import Image
from quietscope.methods.abilities import require
from quietscope.methods.base import SamplingMethod
from quietscope.model.denoising import denoise_into
from quietscope.model.trained import TrainedModel
from quietscope.tiling.request import Request
from quietscope.tiling.walk import Progress
from quietscope.wording import typed

FEWEST_SAMPLES = 2
Index = tuple[int | slice, ...]


@dataclass(frozen=True)
class StoredSamples:
    """Samples of one image in a file: float32, sample by sample. It can be handed to another process.

    Attributes:
        path: The file.
        shape: Shape of the image.
        num_samples: How many there are.
    """

    path: Path
    shape: tuple[int, ...]
    num_samples: int

    def __len__(self) -> int:
        return self.num_samples

    def read(self, number: int, index: Index = ()) -> npt.NDArray[np.float32]:
        """Return a sample, or a part of it, in intensity units; nothing else is read.

        Args:
            number: Number of the sample, from 0.
            index: Which part, as one indexes an array of the image's shape.
        """
        return np.array(self._opened(number)[index])

    def __setitem__(self, index: Any, block: npt.NDArray[Any]) -> None:
        number, *box = index
        self._opened(number, "r+")[tuple(box)] = block

    def _opened(self, number: int, mode: Literal["r", "r+"] = "r") -> Any:
        """Return one sample as an array over the file, which memory has no more of than is used, until it is gone."""
        offset = number * 4 * int(np.prod(self.shape))
        return np.memmap(self.path, np.float32, mode, offset=offset, shape=self.shape)


@contextmanager
def stored_samples(
    model: TrainedModel,
    image: Image,
    *,
    num_samples: int,
    seed: int = 0,
    tile: int | None = None,
    estimates: Mapping[str, npt.NDArray[np.float32]] = MappingProxyType({}),
    progress: Progress | None = None,
) -> Iterator[StoredSamples]:
    """Draw samples of an image into a file that is gone when the block ends.

    Args:
        model: A trained model that samples.
        image: The noisy image.
        num_samples: How many to draw, 2 at least.
        seed: Their seed.
        tile: Tile size in pixels; chosen from the free memory if None.
        estimates: Arrays of the image's shape that the same pass fills, by kind, such as "mean" and "map".
        progress: Called with (done, total) samples of tiles.

    Raises:
        SettingsError: If the model does not sample, or a number is too small.
        OutputError: If there is no room for the samples among the temporary files.
        QuietScopeError: If the image does not fit the model.
    """
    check_samples(model, num_samples)
    measured = as_measured(image)
    shape = tuple(int(length) for length in measured.shape)
    with scratch_file(4 * num_samples * math.prod(shape), num_samples) as path:
        samples = StoredSamples(path, shape, num_samples)
        request = Request(num_samples=num_samples, seed=seed, tile=tile)
        denoise_into(model, measured, {**estimates, "samples": samples}, request, progress=progress)
        yield samples


def check_samples(model: TrainedModel, num_samples: int) -> None:
    """Refuse a model that does not sample, and too few samples.

    Raises:
        SettingsError: If it is one of these.
    """
    require(model.method, SamplingMethod, why="whose samples are what is analysed", got="which gives one image alone")
    if num_samples < FEWEST_SAMPLES:
        raise SettingsError(
            f"at least {FEWEST_SAMPLES} samples", f"{num_samples}", f"pass e.g. `{typed(num_samples=30)}`"
        )
