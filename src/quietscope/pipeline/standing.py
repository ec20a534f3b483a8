"""What stands at the places of the results of many images, before any is denoised."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from quietscope.errors import OutputError
from quietscope.io import Image, ImageSource
from quietscope.pipeline.journal import JOURNAL, Journal, stamp_of
from quietscope.pipeline.targets import Targets
from quietscope.wording import elsewhere, typed


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What of a run stands already.

    Attributes:
        done: Numbers of the images whose results stand, and are those of the same model, image and request.
        own: Numbers of those whose results this run began, or that may have changed: they may be replaced.
    """

    done: frozenset[int] = frozenset()
    own: frozenset[int] = frozenset()


def look_around(targets: Targets, journal: Journal, resumed: str | None) -> Standing:
    """Look at the places of all results.

    Args:
        targets: The images and their results.
        journal: The journal of the folder.
        resumed: What tells results of the run that is resumed from others; None for a run that begins.

    Returns:
        What of the run stands.

    Raises:
        OutputError: If something stands there that may not be replaced.
    """
    done, own, foreign = set(), set(), []
    for number in range(len(targets)):
        standing = targets.standing(number)
        if not any(standing):
            continue
        entry = journal.entries.get(targets.name(number))
        if resumed is None or entry is None or entry.made_by != resumed or entry.state == "failed":
            foreign.append(number)
        elif all(standing) and entry.state == "done" and entry.stamp == stamp_of(targets.source(number)):
            done.add(number)
        else:
            own.add(number)
    if foreign and not targets.overwrite:
        raise _in_the_way(targets, foreign, resumed)
    return Standing(done=frozenset(done), own=frozenset(own))


def _in_the_way(targets: Targets, foreign: list[int], resumed: str | None) -> OutputError:
    first = foreign[0]
    paths = [path for path in targets.files(first).values() if os.path.lexists(path)]
    more = f" (so do those of {len(foreign) - 1:,} more images)" if len(foreign) > 1 else ""
    anew = typed(overwrite=True)
    if resumed is None:
        fix = f"{elsewhere('folder')}, or pass `{typed(resume=True)}` to pass over what is done, or `{anew}`"
        return OutputError("paths that are free", f"{paths[0]}, which exists{more}", fix)
    fix = f"{elsewhere('folder')}, or pass `{anew}` in place of `{typed(resume=True)}`"
    expected = f"results of this model, asked for in this way, by {JOURNAL}"
    return OutputError(expected, f"{paths[0]}, which another run or program made{more}", fix)


def mask_parts(mask: ImageSource) -> Iterator[bytes | Path]:
    """Yield what tells a mask from others: its words, and its contents where it is a file or an array.

    Args:
        mask: A path, an array or an `Image`, "nan", or None.
    """
    if mask is None:
        return
    if isinstance(mask, str | os.PathLike):
        yield os.fspath(mask).encode("utf-8", "surrogateescape")
        if Path(mask).is_file():
            yield Path(mask)
        return
    yield np.packbits(np.asarray(mask.data if isinstance(mask, Image) else mask) != 0).tobytes()
