"""Options that take a part of an image, the same wherever one is read."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from quietscope.cli.options import InImages, Several
from quietscope.errors import SettingsError

if TYPE_CHECKING:
    from quietscope.io.part import Part

_SPAN = re.compile(r"(\d*)(?::(\d*)(?::(\d+))?)?")


@dataclass(frozen=True, kw_only=True)
class PartOptions:
    """Which part of the images is read."""

    channels: Annotated[
        list[str] | None, InImages, Several, Parameter(help="Channels by number, from 0, or by name. Default: all.")
    ] = None
    frames: Annotated[
        str | None, InImages, Parameter(help="Time points, e.g. 0:10, 5, 0:100:10 (every tenth). Default: all.")
    ] = None
    planes: Annotated[str | None, InImages, Parameter(help="Planes along Z, likewise. Default: all.")] = None
    region: Annotated[
        str | None, InImages, Parameter(help="Rows and columns, Y0:Y1,X0:X1, e.g. 0:512,256:768. Default: all.")
    ] = None

    @property
    def part(self) -> "Part":
        """What was typed.

        Raises:
            SettingsError: If it cannot be read.
        """
        from quietscope.io.part import Part

        return Part(
            channels=tuple(int(each) if each.isdecimal() else each for each in self.channels or ()),
            frames=None if self.frames is None else _span("frames", self.frames),
            planes=None if self.planes is None else _span("planes", self.planes),
            region=None if self.region is None else _region(self.region),
        )


NO_PART = PartOptions()


def _span(name: str, text: str) -> slice:
    found = _SPAN.fullmatch(text.strip())
    if found is None or not text.strip() or found[3] == "0":
        raise SettingsError("a number or BEGIN:END", repr(text), f"pass e.g. `--{name} 0:10`")
    begin, end, step = (int(each) if each else None for each in found.groups())
    if ":" not in text:
        assert begin is not None
        return slice(begin, begin + 1)
    return slice(begin, end, step)


def _region(text: str) -> tuple[slice, slice]:
    spans = [_SPAN.fullmatch(each.strip()) for each in text.split(",")]
    if len(spans) != 2 or any(each is None or ":" not in each[0] or each[3] for each in spans):
        raise SettingsError("rows and columns as Y0:Y1,X0:X1", repr(text), "pass e.g. `--region 0:512,256:768`")
    rows, columns = (_span("region", each) for each in text.split(","))
    return rows, columns
