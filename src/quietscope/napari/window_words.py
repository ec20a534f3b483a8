"""What settings are called in the window, so that messages name its fields and buttons.

What the window has no field for is set on the command line, whose lines stand under `The same as` in every step.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from quietscope.wording import option, worded_by

FIELDS: Mapping[str, str] = {
    "axes": "Axes",
    "budget": "Budget",
    "diameter": "Diameter",
    "dims": "Frames are",
    "method": "Method",
    "noise": "Noise",
    "num_samples": "Samples",
    "preset": "Preset",
    "steps": "Budget",
}
"""Fields by the names that settings have in Python; what is counted in steps there is a time here."""

PLANES, VOLUMES = "planes (2-D)", "volumes (3-D)"
LEARN, CONTINUE, RUNS, SAME_AS = "Learn", "Continue", "Runs go to", "The same as"
CHANNELS = "Selected layers are channels of one image"
GAPS = "NaN stands for what was never measured"

_ELSEWHERE_TO_SET = ("channels", "mask", "overwrite", "resume")
"""Settings that are buttons here, and boxes to tick."""

_PRESSED = re.compile(rf"\bpass (e\.g\. )?(?=`(?:{LEARN}|{CONTINUE})`)")
_IN_PLACE = re.compile(rf"`{LEARN}` in place of `{CONTINUE}`")
_NOT_PRESSED = re.compile(rf"leave out `{CONTINUE}`|leave `{CONTINUE}` out")
_TICKED = re.compile(rf"(?:\bpass (?:e\.g\. )?)?`({GAPS}|{CHANNELS})`")
_SET = re.compile(r"\bpass (e\.g\. )?(?=`(?!--))")


class WindowWords:
    """Fields and buttons, as `quietscope.wording.Wording` asks for them."""

    def typed(self, names: Sequence[str], values: Mapping[str, object]) -> str:
        """Return what to set: ``Method: dvlae``, and what the window has no field for as an option."""
        both = [*((name, None) for name in names), *values.items()]
        here = [_set(name, value) for name, value in both if _is_here(name)]
        there = [option(name, True if value is None else value) for name, value in both if not _is_here(name)]
        told = "`, `".join(here)
        if not there:
            return told
        return f"{told}{'`, and `' if here else ''}{' '.join(there)}` on the command line, see `{SAME_AS}"

    def elsewhere(self, what: str) -> str:
        """Return what to do where a result cannot be written."""
        return f"choose another {what}, for runs in `{RUNS}`"


@contextmanager
def for_the_window() -> Iterator[None]:
    """Word everything in fields and buttons of the window for as long as the block lasts."""
    with worded_by(WindowWords()):
        yield


def as_said(text: object) -> str:
    """Return a message that was worded for the window with what one does there: set, press, tick; nothing is passed."""
    said = _IN_PLACE.sub(f"`{LEARN}`", str(text))
    said = _NOT_PRESSED.sub(f"press `{LEARN}`", said)
    said = _PRESSED.sub("press ", said)
    said = _TICKED.sub(r"tick `\1`", said)
    return _SET.sub(lambda found: f"set {found[1] or ''}", said)


def _is_here(name: str) -> bool:
    return name in FIELDS or name in _ELSEWHERE_TO_SET


def _set(name: str, value: object) -> str:
    """Return what to set here, with its value unless that is None."""
    if name == "mask":
        return GAPS
    if name == "channels":
        which = value if isinstance(value, list) else [] if value is None else [value]
        return CHANNELS + (f"` with the layers of the channels `{', '.join(map(str, which))}" if which else "")
    if name in ("resume", "overwrite"):
        return CONTINUE if name == "resume" else LEARN
    if value is None:
        return FIELDS[name]
    if name == "steps":
        return f"{FIELDS[name]}: longer"
    if name == "dims":
        value = VOLUMES if value == 3 else PLANES
    return f"{FIELDS[name]}: {value}"
