"""Members of our own and of other packages, behind one mapping."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from quietscope import registry
from quietscope.errors import ModelFileError, PluginError
from quietscope.registry import Package, PluginWarning, Registry, check_origins, record, subclass
from tests.conftest import MakePackage

Declare = Callable[..., None]


@pytest.fixture
def declare(make_package: MakePackage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Declare]:
    """Return what declares numbers in a package on the path."""
    modules = []

    def make(package: str, code: str, **names: str) -> None:
        monkeypatch.syspath_prepend(make_package(package, code, "quietscope.numbers", names))
        modules.append(package.replace("-", "_"))
        registry._declarations.cache_clear()

    registry._declarations.cache_clear()
    yield make
    registry._declarations.cache_clear()
    for module in modules:
        sys.modules.pop(module, None)


def numbers() -> Registry[int]:
    """Return two numbers of our own, and those of other packages."""
    return Registry("quietscope.numbers", {"two": 2, "one": 1}, record(int))


def test_alone(declare: Declare) -> None:
    members = numbers()
    assert list(members) == ["two", "one"]
    assert dict(members) == {"two": 2, "one": 1}
    assert len(members) == 2
    assert members.source_of("one") is None
    assert "three" not in members
    assert members.get("three") is None
    with pytest.raises(KeyError):
        members["three"]
    with pytest.raises(KeyError):
        members.source_of("three")


def test_names_are_known_without_importing(declare: Declare) -> None:
    declare("more-numbers", "seven, three = 7, 3", seven="seven", three="three")
    members = numbers()
    assert list(members) == ["two", "one", "seven", "three"]
    assert len(members) == 4
    assert "three" in members
    assert members.source_of("three") == Package("more-numbers", "1.5")
    assert str(members.source_of("three")) == "more-numbers 1.5"
    assert "more_numbers" not in sys.modules
    assert members["two"] == 2
    assert "more_numbers" not in sys.modules
    assert members["three"] == 3
    assert list(members.items()) == [("two", 2), ("one", 1), ("seven", 7), ("three", 3)]
    assert members.notes() == ()


def test_a_taken_name_stays_ours(declare: Declare) -> None:
    declare("first", "one, four = -1, 4", one="one", four="four")
    declare("second", "four = -4", four="four")
    members = numbers()
    with pytest.warns(PluginWarning) as caught:
        assert dict(members) == {"two": 2, "one": 1, "four": 4}
    words = [str(each.message) for each in caught]
    assert len(words) == 2
    assert "four of the package second 1.5 is passed over: the package first 1.5 uses that name" in words[0]
    assert "one of the package first 1.5 is passed over: QuietScope uses that name" in words[1]
    assert list(members) == ["two", "one", "four"]  # and is not told again
    reserving = Registry("quietscope.numbers", {}, record(int), reserved=("one", "four"))
    with pytest.warns(PluginWarning):
        assert not reserving


def test_a_broken_package_stops_nobody_but_who_asks_for_it(declare: Declare) -> None:
    declare("broken", "import a_library_that_is_not_there", six="six")
    declare("fine", "five = 5", five="five")
    members = numbers()
    assert list(members.values()) == [2, 1, 5]
    assert list(members) == ["two", "one", "five", "six"]
    for _ in range(2):
        with pytest.raises(PluginError) as caught:
            members["six"]
        words = str(caught.value)
        for part in ("six", "the package broken 1.5", "a_library_that_is_not_there", "pip install --upgrade broken"):
            assert part in words
        assert "\n" not in words
    assert members.notes() == (words,)


@pytest.mark.parametrize("code", ["six = '6'", "seven = 6", "raise SystemError('no\\nmore')", "raise SystemExit(3)"])
def test_something_else_is_refused(declare: Declare, code: str) -> None:
    declare("odd", code, six="six")
    with pytest.raises(PluginError, match="odd") as caught:
        numbers()["six"]
    assert "\n" not in str(caught.value)


def test_classes_bear_their_name(declare: Declare) -> None:
    code = "class Six(int): name = 'six'\nclass Ten(int): name = 'twelve'\nclass Four: name = 'four'"
    declare("classes", code, six="Six", ten="Ten", four="Four")
    members = Registry("quietscope.numbers", {}, subclass(int, "name"))
    assert [kind.__name__ for kind in members.values()] == ["Six"]
    with pytest.raises(PluginError, match=r"Ten.name must be the declared name 'ten', but it is 'twelve'"):
        members["ten"]
    with pytest.raises(PluginError, match="a subclass of int"):
        members["four"]


def test_a_package_twice_on_the_path(declare: Declare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    declare("twice", "six = 6", six="six")
    older = tmp_path / "older" / "twice-1.0.dist-info"
    older.mkdir(parents=True)
    (older / "METADATA").write_text("Metadata-Version: 2.1\nName: twice\nVersion: 1.0\n")
    (older / "entry_points.txt").write_text("[quietscope.numbers]\nsix = twice:six\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "older"), str(tmp_path / "nowhere")])
    registry._declarations.cache_clear()
    assert numbers().source_of("six") == Package("twice", "1.5")


def test_a_file_tells_which_package_it_needs(declare: Declare) -> None:
    declare("more-numbers", "three = 3", three="three")
    members = numbers()
    header = {"origins": members.origins("one", "three", "three", "no member")}
    assert header["origins"] == [
        {"group": "quietscope.numbers", "member": "three", "package": "more-numbers", "version": "1.5"}
    ]
    path = Path("model.safetensors")
    check_origins(header, [members], path, ModelFileError)
    check_origins({}, [members], path, ModelFileError)
    check_origins(header, [], path, ModelFileError)  # what is not needed here is not looked for
    without = Registry("quietscope.numbers", {}, record(int), reserved=("three",))
    with pytest.warns(PluginWarning), pytest.raises(ModelFileError) as caught:
        check_origins(header, [without], path, ModelFileError)
    assert str(caught.value) == (
        "expected the package more-numbers 1.5 to be installed, whose number three model.safetensors needs; "
        "got no package that declares it; run `pip install more-numbers`"
    )
