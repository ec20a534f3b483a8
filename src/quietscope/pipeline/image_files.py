"""What is written for one image: which results into which files, and how."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.io import Image, Sink, WriteRequest, open_writer, write_request
from quietscope.io.storage import USUAL_STORAGE, Storage
from quietscope.outside.sources import reading
from quietscope.pipeline.results import Dtype
from quietscope.tiling.kinds import kind_of, with_leading
from quietscope.tiling.request import DEFAULT_REQUEST, Request


@dataclass(frozen=True, kw_only=True)
class Target:
    """What is to be written for one image.

    Attributes:
        image: The noisy image.
        files: File of each kind of results that is wanted.
        main: Which of them is the denoised image.
        request: How to predict.
        dtype: "input" rounds and clips images to the input's type.
        storage: Compression, pyramid and size of pieces in the files.
        overwrite: Whether results that exist may be replaced.
    """

    image: Image
    files: Mapping[str, Path]
    main: str = "mean"
    request: Request = DEFAULT_REQUEST
    dtype: Dtype = "float32"
    storage: Storage = USUAL_STORAGE
    overwrite: bool = False

    @property
    def folder(self) -> Path:
        """Where the results go."""
        return next(iter(self.files.values())).parent

    def dtype_of(self, kind: str) -> np.dtype[Any]:
        """Return the data type of a result; some kinds are never rounded, see `quietscope.tiling.kinds`."""
        rounded = self.dtype == "input" and kind_of(kind).is_rounded and self.image.dtype.kind in "biuf"
        return self.image.dtype if rounded else np.dtype(np.float32)

    @contextmanager
    def writers(self) -> Iterator[dict[str, Sink]]:
        """Open all results; they appear under their names when the block ends well, and not at all otherwise."""
        with ExitStack() as stack:
            yield {
                kind: self.rounded(kind, stack.enter_context(self._writer(kind, path)))
                for kind, path in self.files.items()
            }

    def check(self) -> None:
        """Try everything that could keep the results from being written, and leave nothing behind.

        Raises:
            OutputError: If a result exists or is the image itself, its format cannot hold the image, or the disk has no
                room or no right.
        """
        with reading({"image": self.image.path}), suppress(_RehearsalOverError), self.writers():
            raise _RehearsalOverError

    def write_request(self, kind: str) -> WriteRequest:
        """Describe the file of a kind of results.

        Raises:
            OutputError: If its format cannot hold them.
        """
        return write_request(self.files[kind], **self._facts(kind))

    def _writer(self, kind: str, path: Path) -> Any:
        return open_writer(path, **self._facts(kind), overwrite=self.overwrite)

    def _facts(self, kind: str) -> dict[str, Any]:
        shape, axes = self.image.shape, self.image.axes
        details = kind_of(kind).details_of(self.image.details)
        leading = kind_of(kind).leading(self.request.num_samples, len(self.request.probabilities))
        if kind_of(kind).per == "probability":
            details = details.of_quantiles(self.request.probabilities)
        if leading:
            shape, axes = (*leading, *shape), with_leading(axes)
        return {
            "shape": shape,
            "dtype": self.dtype_of(kind),
            "axes": axes,
            "pixel_size_um": self.image.pixel_size_um,
            "channel_names": self.image.channel_names,
            "frame_interval_s": self.image.frame_interval_s,
            "details": details,
            "storage": self.storage,
        }

    def rounded(self, kind: str, sink: Sink) -> Sink:
        """Return a sink that rounds what goes into the file of a kind of results, where that holds integers."""
        dtype = self.dtype_of(kind)
        return sink if dtype.kind == "f" else Rounded(sink, dtype)

    def as_stored(self, kind: str, pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return pixels of a kind of results as its file holds them: rounded where that holds integers."""
        dtype = self.dtype_of(kind)
        return pixels.astype(dtype, copy=False) if dtype.kind == "f" else rounded_to(dtype, pixels)


class _RehearsalOverError(Exception):
    """Everything could be opened; now let go of it."""


class Rounded:
    """A sink that rounds to the nearest integer and clips to the range of the type.

    Args:
        sink: What is written to.
        dtype: An integer type, or bool.
    """

    def __init__(self, sink: Sink, dtype: np.dtype[Any]) -> None:
        self._sink, self._dtype = sink, dtype

    def __setitem__(self, key: Any, block: Any, /) -> None:
        """Write a block."""
        self._sink[key] = rounded_to(self._dtype, block)


def rounded_to(dtype: np.dtype[Any], block: Any) -> npt.NDArray[Any]:
    """Return pixels rounded to the nearest integer and clipped to the range of an integer type, or bool."""
    low, high = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    # In float64: float32 rounds the ends of 32-bit integers up, out of their range.
    return np.clip(np.rint(np.asarray(block, np.float64)), low, high).astype(dtype)
