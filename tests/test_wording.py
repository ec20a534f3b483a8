"""What a message tells to type is Python in Python, and an option on the command line, from one place."""

import ast
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

import quietscope
from quietscope.errors import AxesError
from quietscope.io import as_image
from quietscope.wording import elsewhere, for_the_command_line, numbered, typed, typed_box, worded_by

ROOT = Path(quietscope.__file__).parent
OPTION = re.compile(r"(?<![-\w])--[a-z]")
COMMAND = re.compile(r"`(?:quietscope|pip) [^`]*(?:`|$)")


def test_each_reader_has_their_own_words() -> None:
    said = [
        typed(method="dvlae", direction="x"),
        typed(budget="6m"),
        typed("steps"),
        typed(num_samples=50, overwrite=True),
        typed(clean=["a.tif", "b.tif"]),
        typed_box((21, 35, 35)),
        elsewhere(),
    ]
    assert said == [
        'method="dvlae", network={"direction": "x"}',
        'budget="6m"',
        "steps",
        "num_samples=50, overwrite=True",
        'clean=["a.tif", "b.tif"]',
        "size=(21, 35, 35)",
        "choose another place",
    ]
    with for_the_command_line():
        assert typed(method="dvlae", direction="x") == "--method dvlae --direction x"
        assert typed("steps") == "--steps"
        assert typed(num_samples=50, overwrite=True) == "--samples 50 --overwrite"
        assert typed(clean=["a.tif", "b.tif"]) == "--clean a.tif b.tif"
        assert typed(patterns=["*.tif", "a b"]) == '--pattern "*.tif" "a b"'  # a shell would make other words of them
        assert typed_box((21, 35, 35)) == "--size 35 --size-z 21"
        assert elsewhere() == "choose another place with `--output`"
    assert typed(budget="6m") == 'budget="6m"'


def test_who_asks_in_threads_of_their_own_does_not_change_the_words_of_others() -> None:
    first, second = for_the_command_line(), for_the_command_line()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)  # it ends before the other, which began later
    assert typed(steps=3) == "--steps 3"
    second.__exit__(None, None, None)
    assert typed(steps=3) == "steps=3"


class Knobs:
    """Words of somebody who sets things by knobs."""

    def typed(self, names: Sequence[str], values: Mapping[str, object]) -> str:
        return ", ".join([*names, *(f"the knob {name} at {value}" for name, value in values.items())])

    def elsewhere(self, what: str) -> str:
        return f"turn to another {what}"


def test_a_window_has_words_of_its_own_also_where_the_command_line_asks() -> None:
    with worded_by(Knobs()):
        assert typed("tile", steps=3) == "tile, the knob steps at 3"
        assert typed_box((21, 35, 35)) == "the knob size at 35, the knob size_z at 21"
        with for_the_command_line():
            assert elsewhere("folder") == "turn to another folder"
    assert typed(steps=3) == "steps=3"


def test_one_of_a_thing_is_no_plural() -> None:
    assert [numbered(count, "chunk") for count in (0, 1, 2000)] == ["0 chunks", "1 chunk", "2,000 chunks"]


def test_an_error_is_worded_for_who_meets_it() -> None:
    with pytest.raises(AxesError, match='axes="TCYX"') as met:
        as_image(np.zeros((2, 2, 8, 8)), "TC")
    assert not OPTION.search(str(met.value))
    with for_the_command_line(), pytest.raises(AxesError, match="--axes TCYX"):
        as_image(np.zeros((2, 2, 8, 8)), "TC")


def test_no_message_below_the_command_line_names_an_option_by_itself() -> None:
    """Whole commands may: `quietscope psf theory --z-nm 200` is typed into a shell by everybody."""
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        place = path.relative_to(ROOT)  # scripts and style sheets are no messages
        if place.parts[0] == "cli" or place.name in ("wording.py", "job_array.py", "typed_lines.py", "appearance.py"):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
                text = COMMAND.sub("", node.value)
                found += [f"{place}:{node.lineno}: {text}"] * bool(OPTION.search(text))
    assert found == []
