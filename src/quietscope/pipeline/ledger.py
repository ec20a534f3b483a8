"""What of a run of denoise is done, kept in its folder until all is, so that a resumed run does not do it again."""

import json
import os
import zlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from quietscope.errors import OutputError, SettingsError
from quietscope.io import Image, atomic_path
from quietscope.io.atomic import write_bytes_atomically
from quietscope.metrics.unexplained import Unexplained
from quietscope.metrics.verdict import Verdict
from quietscope.outside.plain_data import MOST_BYTES_OF_JSON, MalformedError, parse_json
from quietscope.outside.regular_file import read_bounded
from quietscope.pipeline.image_files import Target
from quietscope.pipeline.inputs import name_of
from quietscope.pipeline.outcome import Predicted
from quietscope.wording import typed

if TYPE_CHECKING:
    from quietscope.presets import Configuration

_RUN = "run.json"
_FILES, _IMAGES, _TRAINED = "files", "images", "trained"
_HALF = 32
"""Half the side of the part of a plane that is looked at, in pixels."""
_SECONDS, _KEY, _VERDICT, _REGIONS, _PANEL = "seconds", "key", "verdict", "regions", "panel_"


@dataclass(frozen=True)
class Ledger:
    """The record of one run of denoise.

    Attributes:
        folder: Where it is kept; the folder need not exist.
    """

    folder: Path

    @property
    def files(self) -> frozenset[Path]:
        """The results that the run in this folder writes; none where there is no run."""
        return frozenset(self.folder.parent / name for name in self._run.get(_FILES, ()))

    def is_trained(self, configuration: "Configuration") -> bool:
        """Tell whether training came to the end of this configuration's budget, rather than being stopped."""
        return bool(self._run.get(_TRAINED) == _budget(configuration))

    def begin(self, files: Iterable[Path], images: Sequence[Image]) -> None:
        """Forget an earlier run, and write down what this one is to write, and of which images."""
        self.forget()
        names = [os.path.relpath(path, self.folder.parent) for path in files]
        self._write({_FILES: names, _IMAGES: [fingerprint(image) for image in images], _TRAINED: None})

    def check_images(self, images: Sequence[Image]) -> None:
        """Refuse to go on with other images than the run began with.

        Raises:
            SettingsError: If they are others, or their pixels have changed.
        """
        check_same(self._run.get(_IMAGES), images)

    def note_training(self, configuration: "Configuration") -> None:
        """Write down that training came to the end of its budget."""
        self._write({**self._run, _TRAINED: _budget(configuration)})

    def note_prediction(self, number: int, target: Target, found: Predicted) -> None:
        """Write down that the results of an image are written, and what the report needs of them."""
        kept: dict[str, Any] = {_PANEL + name: pixels for name, pixels in found.panels.items()}
        kept |= {_SECONDS: np.float64(found.seconds), _KEY: np.str_(_key(target))}
        kept[_VERDICT] = np.str_(json.dumps(found.verdict.values()))
        kept[_REGIONS] = np.str_(json.dumps(found.unexplained.values()))
        with atomic_path(self._place(number), overwrite=True) as temporary, temporary.open("wb") as file:
            np.savez(file, **kept)

    def prediction(self, number: int, target: Target) -> Predicted | None:
        """Return what was written down of an image; None where its results have yet to be written, or are others."""
        place = self._place(number)
        if not place.is_file() or not all(path.exists() for path in target.files.values()):
            return None
        try:
            with place.open("rb") as file, np.load(file, allow_pickle=False) as kept:
                if str(kept[_KEY]) != _key(target):
                    return None
                panels = {name.removeprefix(_PANEL): kept[name] for name in kept.files if name.startswith(_PANEL)}
                verdict, regions = (parse_json(str(kept[name])) for name in (_VERDICT, _REGIONS))
                if not (isinstance(verdict, dict) and isinstance(regions, dict)):
                    return None
                return Predicted(
                    seconds=float(kept[_SECONDS]),
                    panels=panels,
                    verdict=Verdict.of_values(verdict),
                    unexplained=Unexplained.of_values(regions),
                )
        except Exception:  # what is written down is damaged: the results are made again
            return None

    def forget(self) -> None:
        """Remove the record, by its names."""
        for path in [self.folder / _RUN, *self.folder.glob("image_*.npz")]:
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Remove the record and the folder, unless somebody keeps something else there."""
        self.forget()
        with suppress(OSError):
            self.folder.rmdir()

    @property
    def _run(self) -> dict[str, Any]:
        try:
            found = parse_json(read_bounded(self.folder / _RUN, MOST_BYTES_OF_JSON, OutputError, "the record of a run"))
        except FileNotFoundError:
            return {}
        except MalformedError:  # damaged, and no text or no JSON any more
            found = None
        if not isinstance(found, dict):
            raise OutputError(
                "the record of a run that was stopped",
                f"{self.folder / _RUN}, which is damaged",
                f"start anew with `{typed(overwrite=True)}` in place of `{typed(resume=True)}`",
            )
        return found

    def _write(self, values: dict[str, Any]) -> None:
        write_bytes_atomically(self.folder / _RUN, json.dumps(values, indent=1).encode(), overwrite=True)

    def _place(self, number: int) -> Path:
        return self.folder / f"image_{number}.npz"


def check_same(before: Sequence[str] | None, images: Sequence[Image]) -> None:
    """Refuse other images than those that a run began with.

    Args:
        before: What `fingerprint` said of those; None where that is not known.
        images: The images of now.

    Raises:
        SettingsError: If they are others, or their pixels have changed.
    """
    now = [fingerprint(image) for image in images]
    if before is not None and list(before) != now:
        raise SettingsError(
            f"the images that the run began with: {', '.join(map(str, before))}",
            ", ".join(now),
            f"name those images, or start anew with `{typed(overwrite=True)}` in place of `{typed(resume=True)}`",
        )


def _budget(configuration: "Configuration") -> list[Any]:
    return [configuration.budget, configuration.steps]


def fingerprint(image: Image) -> str:
    """Return in words what tells an image from others: name, size, type, checksums of its mask and of one plane."""
    middle = (slice(max(0, n // 2 - _HALF), n // 2 + _HALF) for n in image.shape[-2:])
    plane = np.asarray(image.data[(0,) * (len(image.shape) - 2) + tuple(middle)])
    size = " x ".join(map(str, image.shape))
    mask = "" if image.mask is None else f", mask {zlib.crc32(_bytes_of(image.mask)):08x}"
    return f"{name_of(image)} ({size} {image.axes} {image.dtype}, checksum {zlib.crc32(plane.tobytes()):08x}{mask})"


def _bytes_of(mask: Any) -> bytes:
    return mask.encode() if isinstance(mask, str) else np.packbits(np.asarray(mask) != 0).tobytes()


def _key(target: Target) -> str:
    """Return in words what fixes the results of an image, given the model."""
    files = {kind: path.name for kind, path in sorted(target.files.items())}
    return f"{target.image.shape} {target.image.axes} {files} {target.main} {target.dtype} {target.request}"
