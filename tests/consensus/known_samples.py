"""Samples that are known, and segmenters of them that do wrong."""

import os
import signal
from pathlib import Path

import numpy as np
import numpy.typing as npt

from quietscope.consensus.posterior_samples import StoredSamples
from quietscope.errors import SettingsError

Pixels = npt.NDArray[np.float32]


def stored(folder: Path, samples: npt.ArrayLike) -> StoredSamples:
    """Put samples, first axis, into a file as if they had been drawn."""
    array = np.ascontiguousarray(samples, np.float32)
    path = folder / "samples.f32"
    path.write_bytes(array.tobytes())
    return StoredSamples(path, array.shape[1:], len(array))


def bright(image: Pixels) -> npt.NDArray[np.int64]:
    """Label the left and the right half where they are above zero."""
    labels = (image > 0).astype(np.int64)
    labels[..., image.shape[-1] // 2 :] *= 2
    return labels


def fails_on_bright(image: Pixels) -> npt.NDArray[np.int64]:
    if image.max() > 100:
        raise RuntimeError("first line\ntoo bright to look at")
    return bright(image)


def highest(image: Pixels) -> float:
    return float(image.max())


def number_of_process(image: Pixels) -> int:
    return os.getpid()


def is_killed(image: Pixels) -> float:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0.0


def is_refused(image: Pixels) -> float:
    raise SettingsError("other samples", "these", "pass others")
