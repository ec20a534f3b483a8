"""The folder that chunks are written to until all are there: `.NAME.unfinished`, beside the result.

It holds the results as they grow, how the image is cut, what was found in chunks, and what is done: one journal for
each process that writes, a line for each chunk, after its pixels are on the disk. Whoever comes first makes it, under
another name, and gives it its own in one step; all others find it whole.
"""

import errno
import json
import os
import secrets
import shutil
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from quietscope.errors import OutputError
from quietscope.io import WriteRequest
from quietscope.io.alive import workshop
from quietscope.io.shared_result import SharedResult, begin_shared, mark_of
from quietscope.outside.plain_data import MOST_BYTES_OF_JSON, MalformedError, parse_json
from quietscope.pipeline.image_files import Target
from quietscope.tiling.cut import Cut
from quietscope.tiling.judged import Judgement
from quietscope.tiling.spec import TileSpec
from quietscope.wording import typed

_FACTS, _RESULTS, _JOURNALS, _FOUND = "chunks.json", "results", "done", "found"


@dataclass(frozen=True)
class ChunkFolder:
    """The folder of the chunks of one image.

    Attributes:
        path: Where it is.
        requests: What is written into it, by kind of results; the names of their paths are those in the folder.
    """

    path: Path
    requests: Mapping[str, WriteRequest]

    @classmethod
    def beside(cls, target: Target) -> "ChunkFolder":
        """Return the folder of results that are to be written, which need not be there; the first of them names it."""
        requests = {kind: target.write_request(kind) for kind in target.files}
        first = _first_of(requests)
        return cls(first.with_name(f".{first.name}.unfinished"), requests)

    @property
    def is_there(self) -> bool:
        """Whether somebody has made it."""
        return (self.path / _FACTS).is_file()

    @property
    def replaces(self) -> bool:
        """Whether it was begun by a run that may replace results that exist: whoever goes on may, too."""
        return self._facts().get("overwrite") is True

    def run(self, made_by: str, earlier: str | None = None) -> str:
        """Return what tells the folder from others that had or will have its name.

        Args:
            made_by: What tells the chunks that are to be in it.
            earlier: What was returned before, where it has to be the same folder still.

        Raises:
            OutputError: If it is gone, or another's by now.
        """
        match self._facts():
            case {"made_by": found, "run": str(run)} if found == made_by and earlier in (None, run):
                return run
        got = f"{self.path}, which another run has ended or begun anew"
        raise OutputError("the chunks that were begun", got, "look whether the results are there, or start again")

    def _facts(self) -> dict[str, Any]:
        """Return what is written of it; nothing where it is gone."""
        try:
            found: Any = parse_json((self.path / _FACTS).read_bytes()[:MOST_BYTES_OF_JSON])
        except (OSError, MalformedError):
            return {}
        return found if isinstance(found, dict) else {}

    def begin(self, made_by: str, cut: Cut, pivots: Sequence[float], *, overwrite: bool = False) -> None:
        """Make the folder, unless somebody else has been faster.

        Args:
            made_by: What tells its chunks from those of other models, images and requests.
            cut: How the image is cut.
            pivots: A typical intensity of each channel.
            overwrite: Whether results that exist may be replaced.
        """
        with workshop(_first_of(self.requests)) as apart:
            new = apart / "new"
            (new / _RESULTS).mkdir(parents=True)
            (new / _JOURNALS).mkdir()
            (new / _FOUND).mkdir()
            run = secrets.token_hex(8)
            for request in self.requests.values():
                begin_shared(new / _RESULTS / request.path.name, request, made_by, run)
            facts = {"made_by": made_by, "run": run, "cut": asdict(cut), "overwrite": overwrite}
            facts["pivots"] = list(pivots)
            (new / _FACTS).write_text(json.dumps(facts), encoding="utf-8")
            try:
                new.rename(self.path)
            except OSError:
                if self.is_there:  # somebody else has been faster
                    return
                self.remove()  # of a worker that wrote after its run had been ended
                new.rename(self.path)

    def cut(self, made_by: str) -> Cut:
        """Return how the image is cut.

        Args:
            made_by: What tells the chunks that are to be written.

        Raises:
            OutputError: If the folder is that of another model, image or request, or damaged.
        """
        try:
            facts: Any = parse_json((self.path / _FACTS).read_bytes()[:MOST_BYTES_OF_JSON])
            found, other, _ = _cut(facts["cut"]), facts["made_by"] != made_by, facts["pivots"]
        except (OSError, MalformedError, LookupError, TypeError, ValueError) as error:
            raise OutputError("a folder of chunks", f"{self.path}, which is damaged", self._way_out()) from error
        if other:
            got = f"{self.path}, of another model, image or request"
            raise OutputError("chunks of this model, image and request to go on with", got, self._way_out())
        return found

    def pivots(self) -> tuple[float, ...]:
        """Return the typical intensity of each channel, the same for all that write here."""
        facts: Any = parse_json((self.path / _FACTS).read_bytes()[:MOST_BYTES_OF_JSON])
        return tuple(map(float, facts["pivots"]))

    def is_published(self, kind: str) -> bool:
        """Tell whether the result of a kind that grew here has its name already."""
        facts = parse_json((self.path / _FACTS).read_bytes())
        found = mark_of(Path(os.path.realpath(self.requests[kind].path)))
        return isinstance(facts, dict) and found is not None and found == (facts["made_by"], facts["run"])

    def result(self, kind: str) -> Path:
        """Return where the result of a kind grows."""
        return self.path / _RESULTS / self.requests[kind].path.name

    def opened(self, boxes: Mapping[str, int]) -> dict[str, SharedResult]:
        """Open the results, by kind, to be written in boxes of a size by axis."""
        return {kind: SharedResult(self.result(kind), request, boxes) for kind, request in self.requests.items()}

    def done(self) -> set[int]:
        """Return the numbers of the chunks that are written."""
        return {int(line) for line in self._lines(_JOURNALS) if line.isdigit()}

    def judgements(self) -> dict[int, Judgement]:
        """Return what was found in chunks, by number."""
        found = {}
        for line in self._lines(_FOUND):
            with suppress(MalformedError, LookupError, TypeError, ValueError):  # half a line, gone on with by another
                values: Any = parse_json(line)
                found[int(values["chunk"])] = Judgement.of_values(values)
        return found

    def _lines(self, name: str) -> Iterator[bytes]:
        """Yield the whole lines of all files in one of the folders."""
        with suppress(FileNotFoundError):
            for each in sorted((self.path / name).iterdir()):
                *lines, _cut_off = each.read_bytes().split(b"\n")
                yield from lines

    def journal(self) -> "ChunkJournal":
        """Return a new journal for one process."""
        name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        return ChunkJournal(self.path / _JOURNALS / name, self.path / _FOUND / name)

    def remove(self) -> None:
        """Remove the folder, with all that it holds: in one step, so that a kill leaves all of it or nothing."""
        try:
            with workshop(_first_of(self.requests)) as apart:
                self.path.rename(apart / "removed")
        except OSError:  # it is gone, or the disk is so full that it holds no further folder
            shutil.rmtree(self.path, ignore_errors=True)

    def _way_out(self) -> str:
        return f"remove that folder, or pass `{typed(overwrite=True)}` where no part of it is asked for"


class ChunkJournal:
    """What one process has done, and found.

    Args:
        path: File of what is done, which is not there yet.
        found: File of what was found.
    """

    def __init__(self, path: Path, found: Path) -> None:
        self._path, self._found = path, found

    def note(self, number: int) -> None:
        """Write down that a chunk is on the disk; kept even where the power fails."""
        _append(self._path, b"%d\n" % number)

    def note_judgement(self, number: int, judgement: Judgement) -> None:
        """Write down what was found in a chunk, before it counts as done."""
        _append(self._found, json.dumps({"chunk": number, **judgement.values()}).encode() + b"\n")


def _append(path: Path, line: bytes) -> None:
    """Append a line and wait until it is on the disk, or leave nothing of it: the next one begins its own."""
    with path.open("ab") as opened:
        file = opened.fileno()
        size = os.fstat(file).st_size
        try:
            if os.write(file, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
            os.fsync(file)
        except BaseException:
            os.ftruncate(file, size)
            raise


def _first_of(requests: Mapping[str, WriteRequest]) -> Path:
    """Return the result that the folder lies beside, links followed."""
    return Path(os.path.realpath(next(iter(requests.values())).path))


def _cut(values: Any) -> Cut:
    """Return how an image is cut, of what `asdict` made of it."""
    tiles = TileSpec(**{name: tuple(map(int, value)) for name, value in values["tiles"].items()})
    sizes = {name: tuple(map(int, value)) for name, value in values.items() if name != "tiles"}
    return Cut(**sizes, tiles=tiles)
