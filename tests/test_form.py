"""The form that CONTRIBUTING.md asks for, as far as it can be counted: lengths of files and functions, file names."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "quietscope"
FILES = sorted(path for folder in ("src", "tests", "benchmarks", "examples") for path in (ROOT / folder).rglob("*.py"))
MOST_LINES_OF_A_FILE = 400
MOST_LINES_OF_A_BODY = 49

# The members of these rooms bear the names that users type: a verb, the method of a preset, a format to export to.
NAMED_FOR_USERS = ("cli/verbs", "presets", "deploy")

Function = ast.FunctionDef | ast.AsyncFunctionDef
Documented = ast.Module | ast.ClassDef | Function


def body_length(function: Function) -> int:
    """Lines of a function after its docstring."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    if not body:
        return 0
    first = min([body[0].lineno, *(each.lineno for each in getattr(body[0], "decorator_list", []))])
    return (body[-1].end_lineno or first) - first + 1


def documented(tree: ast.Module) -> Iterator[Documented]:
    return (node for node in ast.walk(tree) if isinstance(node, Documented))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_are_short_and_say_what_they_are(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert len(text.splitlines()) <= MOST_LINES_OF_A_FILE
    lengths = {each.name: body_length(each) for each in documented(tree) if isinstance(each, Function)}
    assert {name: length for name, length in lengths.items() if length > MOST_LINES_OF_A_BODY} == {}
    assert "..." not in [ast.get_docstring(each) for each in documented(tree)]


def test_no_two_modules_have_one_name() -> None:
    rooms: dict[str, list[str]] = defaultdict(list)
    for path in SOURCE.rglob("*.py"):
        room = path.parent.relative_to(SOURCE).as_posix()
        if not path.name.startswith("__") and room not in NAMED_FOR_USERS:
            rooms[path.name].append(room)
    assert {name: places for name, places in rooms.items() if len(places) > 1} == {}


def test_no_two_test_files_have_one_name() -> None:
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))
