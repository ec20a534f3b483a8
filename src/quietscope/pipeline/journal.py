"""What of a prediction of many images is done: a line for each, so that a run that was killed can go on.

A line is written before the results of an image appear, and another one when they stand. So whatever was killed between
is known for its own, and may be made again; and what another run or program has put there is never taken for a result.
The journal stays: images that come to lie beside those of earlier may be denoised into the same folder.
"""

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from sys import intern
from typing import Any, BinaryIO, Literal, TypeAlias

from quietscope.errors import OutputError
from quietscope.io import atomic_path
from quietscope.outside.plain_data import MOST_BYTES_OF_JSON, MalformedError, parse_json
from quietscope.outside.regular_file import check_regular
from quietscope.pipeline.found_images import natural_key
from quietscope.report.image_list import ImageRow
from quietscope.report.table import Denoised

JOURNAL = "predicted.jsonl"
NO_IMAGE: dict[str, Any] = {
    "source": None,
    "what": None,
    "files": {},
    "prediction_seconds": None,
    "before": None,
    "after": None,
    "uncertainty": None,
    "verdict": None,
    "not_noise": None,
}
"""What is told of an image that could not be denoised, beside its error."""

State: TypeAlias = Literal["begun", "done", "failed"]


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of the results of one image.

    Attributes:
        offset: Where its line begins, in bytes.
        state: "begun" where they may stand or not, "done" where they stand, "failed" where they could not be made.
        made_by: What `made_by` told of the run.
        stamp: What `stamp_of` told of the image.
        row: The image in the table; None where it was begun.
    """

    offset: int
    state: State
    made_by: str
    stamp: tuple[Any, ...]
    row: ImageRow | None


@dataclass
class Journal:
    """The journal in a folder of results.

    Attributes:
        folder: The folder; it need not exist.
        entries: What is known, by the names of results.
    """

    folder: Path
    entries: dict[str, Entry] = field(default_factory=dict)
    _file: BinaryIO | None = field(default=None, repr=False)

    @classmethod
    def read(cls, folder: Path) -> "Journal":
        """Read the journal of a folder; one that is not there is empty, and damaged lines tell nothing.

        Raises:
            OutputError: If it is no regular file.
        """
        journal = cls(folder)
        check_regular(journal.path, OutputError, "a journal of results")
        with suppress(FileNotFoundError), journal.path.open("rb") as file:
            offset = 0
            while line := file.readline(MOST_BYTES_OF_JSON):
                journal._take(line, offset)
                offset += len(line)
        return journal

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / JOURNAL

    @contextmanager
    def open(self) -> Iterator[None]:
        """Write to the journal for as long as the block lasts, after the last line that is whole."""
        with self.path.open("ab") as file:
            os.truncate(self.path, _length_of_whole_lines(self.path))
            file.seek(0, os.SEEK_END)
            self._file = file
            try:
                yield
            finally:
                self._file = None

    def begin(self, name: str, made_by: str) -> None:
        """Write down that the results of an image may appear from now on; kept even where the power fails."""
        self._write({"state": "begun", "result": name, "made_by": made_by})
        assert self._file is not None
        os.fsync(self._file.fileno())

    def note(self, name: str, made_by: str, stamp: tuple[int, ...], found: Denoised) -> None:
        """Write down that the results of an image stand."""
        image = {**found.values(), "error": None}
        self._write({"state": "done", "result": name, "made_by": made_by, "stamp": stamp, "image": image})
        assert self.entries[name].state == "done", "what is written can be read"

    def note_failure(self, name: str, made_by: str, source: str, error: str) -> None:
        """Write down why an image could not be denoised."""
        image = {**NO_IMAGE, "source": source, "error": error}
        self._write({"state": "failed", "result": name, "made_by": made_by, "image": image})

    def put_back(self, name: str, earlier: Entry | None) -> None:
        """Let the table tell of the earlier result of an image, which stands, since no new one has taken its place."""
        if earlier is None or self._file is None:
            return
        with suppress(OSError), self.path.open("rb") as file:  # the disk may be full
            file.seek(earlier.offset)
            line, offset = file.readline(MOST_BYTES_OF_JSON), self._file.tell()
            self._file.write(line)
            self._file.flush()
            earlier = replace(earlier, offset=offset)
        self.entries[name] = earlier

    def image(self, name: str) -> dict[str, Any]:
        """Return all that was told of an image, as values that JSON has.

        Raises:
            KeyError: If nothing was.
        """
        with self.path.open("rb") as file:
            file.seek(self.entries[name].offset)
            values = parse_json(file.readline(MOST_BYTES_OF_JSON))
        assert isinstance(values, dict), "it was read before"
        return dict(values["image"])

    def rows(self, names: frozenset[str]) -> list[ImageRow]:
        """Return the images in the order of their results' names.

        Args:
            names: Results of this run; those of earlier ones are left out where they stand no more.
        """
        return [row for name in self._kept(names) if (row := self.entries[name].row) is not None]

    def tidy(self, names: frozenset[str]) -> None:
        """Write the journal anew, a line for each image, in the order of `rows`."""
        kept: dict[str, Entry] = {}
        with atomic_path(self.path, overwrite=True) as new, new.open("wb") as written, self.path.open("rb") as file:
            for name in self._kept(names):
                entry = self.entries[name]
                kept[name] = replace(entry, offset=written.tell())
                file.seek(entry.offset)
                written.write(file.readline(MOST_BYTES_OF_JSON))
        self.entries = kept

    def _kept(self, names: frozenset[str]) -> list[str]:
        found = [name for name in self.entries if name in names or os.path.lexists(self.folder / name)]
        return sorted(found, key=natural_key)

    def _write(self, values: dict[str, Any]) -> None:
        assert self._file is not None, "open the journal first"
        line = json.dumps(values).encode() + b"\n"
        offset = self._file.tell()
        self._file.write(line)
        self._file.flush()
        self._take(line, offset)

    def _take(self, line: bytes, offset: int) -> None:
        try:
            values = parse_json(line)
        except MalformedError:
            return
        match values:
            case {"result": str(name), "state": "begun", "made_by": str(made_by)}:
                self.entries[name] = Entry(offset, "begun", intern(made_by), (), None)
            case {"result": str(name), "state": "done" | "failed" as state, "made_by": str(made_by), **rest}:
                row, stamp = _row(name, rest.get("image")), rest.get("stamp")
                if row is not None:
                    told = tuple(stamp) if isinstance(stamp, list) else ()
                    self.entries[name] = Entry(
                        offset, "done" if state == "done" else "failed", intern(made_by), told, row
                    )


def _row(name: str, image: Any) -> ImageRow | None:
    """Return an image in the table, of what was told of it; None where that is damaged."""
    match image:
        case {"source": str(source), "error": str(error)}:
            return ImageRow(source=source, result=name, error=error)
        case {
            "source": str() | None as source,
            "error": None,
            "prediction_seconds": int() | float() as seconds,
            "verdict": {"level": "usable" | "too short" | "failed" as level},
            "not_noise": {"count": int() | None as regions},
        }:
            return ImageRow(source=source or "array", result=name, level=level, regions=regions, seconds=seconds)
    return None


def _length_of_whole_lines(path: Path) -> int:
    """Return where the last whole line of a file ends, in bytes: a kill may have left a part of one."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end:
            start = max(0, end - (1 << 16))
            file.seek(start)
            at = file.read(end - start).rfind(b"\n")
            if at >= 0:
                return start + at + 1
            end = start
    return 0


def stamp_of(source: str) -> tuple[int, ...]:
    """Return what changes with an image's file: its size in bytes and when it was written; nothing for an array.

    Of a folder it is the size of all files in it, when the last of them was written, and their number.
    """
    try:
        found = Path(source).stat()
    except (OSError, ValueError):
        return ()
    if not stat.S_ISDIR(found.st_mode):
        return (found.st_size, found.st_mtime_ns)
    size, last, count = 0, found.st_mtime_ns, 0
    for folder, _, names in os.walk(source):
        for name in names:
            with suppress(OSError):  # gone by now
                each = Path(folder, name).stat()
                size, last, count = size + each.st_size, max(last, each.st_mtime_ns), count + 1
    return (size, last, count)


def digest_of(*parts: bytes | Path) -> str:
    """Return 16 hexadecimal digits that tell texts and the contents of files from others."""
    found = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            with part.open("rb") as file:
                found.update(hashlib.file_digest(file, "sha256").digest())
        else:
            found.update(hashlib.sha256(part).digest())
    return found.hexdigest()[:16]
