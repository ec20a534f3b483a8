"""Members of one kind by name: our own, and those that other installed packages declare as entry points.

A package adds a method, say, by three lines of its pyproject.toml:

    [project.entry-points."quietscope.methods"]
    two-layer = "quietscope_example.method:TwoLayer"

Names are known without importing anything. A member of another package is imported when it is asked for by name, or
when all members are gone through.
"""

import os
import sys
import warnings
from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping, ValuesView
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from quietscope.errors import PluginError, QuietScopeError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")
Record = TypeVar("Record")
Base = TypeVar("Base")


@dataclass(frozen=True)
class Package:
    """An installed package, by the name and version that pip knows it by."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class PluginWarning(UserWarning):
    """A member of another package that is passed over, because its name is taken."""


class Registry(Mapping[str, T]):
    """Members by name: our own in their order, then those of other packages by name.

    `values` and `items` leave out members that cannot be imported, so that one broken package does not stop the work
    of all others; `notes` says which. Asked for by its name, such a member raises.

    Args:
        group: The entry-point group in which packages declare members, e.g. "quietscope.methods".
        own: Our own members by name.
        check: Returns what a package declared under a name if it is a member, and raises TypeError, saying what a
            member would be, if it is not; see `record` and `subclass`.
        reserved: Names that mean something else where members are named, and that no package can take.
    """

    def __init__(
        self, group: str, own: Mapping[str, T], check: Callable[[str, object], T], reserved: Iterable[str] = ()
    ) -> None:
        self.group = group
        self._own = dict(own)
        self._check = check
        self._taken = {*own, *reserved}
        self._loaded: dict[str, T] = {}
        self._failed: dict[str, PluginError] = {}

    def __getitem__(self, name: str) -> T:
        """Return a member, imported if need be.

        Raises:
            KeyError: If there is none of this name.
            PluginError: If the package that declares it cannot be imported, or declares something else.
        """
        if name in self._own:
            return self._own[name]
        if name in self._failed:
            raise self._failed[name]
        if name not in self._loaded:
            try:
                self._loaded[name] = self._load(name)
            except PluginError as error:
                self._failed[name] = error
                raise
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names; nothing is imported."""
        yield from self._own
        yield from self._declared

    def __len__(self) -> int:
        return len(self._own) + len(self._declared)

    def __contains__(self, name: object) -> bool:
        """Tell whether there is a member of this name; nothing is imported."""
        return name in self._own or name in self._declared

    def values(self) -> ValuesView[T]:
        """Return all members that can be imported."""
        return self._working().values()

    def items(self) -> ItemsView[str, T]:
        """Return all members that can be imported, with their names."""
        return self._working().items()

    def source_of(self, name: str) -> Package | None:
        """Return the package that a member comes from; None for our own.

        Raises:
            KeyError: If there is none of this name.
        """
        return None if name in self._own else _package(self._declared[name])

    def origins(self, *names: str) -> list[dict[str, str]]:
        """Return which packages members come from, for the header of a file that cannot be read without them.

        Args:
            names: Names of members; our own, and those that are no members, are left out.

        Returns:
            Group, member, package and version of each; see `check_origins`.
        """
        packages = {name: self.source_of(name) for name in dict.fromkeys(names) if name in self}
        return [
            {"group": self.group, "member": name, "package": package.name, "version": package.version}
            for name, package in packages.items()
            if package is not None
        ]

    def notes(self) -> tuple[str, ...]:
        """Import all members, and return a line for each that cannot be."""
        self._working()
        return tuple(str(error) for error in self._failed.values())

    def _working(self) -> dict[str, T]:
        found = {}
        for name in self:
            try:
                found[name] = self[name]
            except PluginError:
                continue
        return found

    def _load(self, name: str) -> T:
        entry = self._declared[name]
        package = _package(entry)
        try:
            return self._check(name, entry.load())
        except (Exception, SystemExit) as error:  # other people's modules raise whatever they like
            reason = " ".join(str(error).split())[:200]
            raise PluginError(
                f"{name}, which the package {package} declares in {self.group}, to be usable",
                f"{type(error).__name__} from {entry.value}: {reason}",
                f"run `pip install --upgrade {package.name}`, or `pip uninstall {package.name}`",
            ) from error

    @cached_property
    def _declared(self) -> dict[str, "EntryPoint"]:
        found: dict[str, EntryPoint] = {}
        for entry in sorted(_entry_points(self.group), key=lambda each: each.name):
            if entry.name in self._taken or entry.name in found:
                owner = "QuietScope" if entry.name in self._taken else f"the package {_package(found[entry.name])}"
                warnings.warn(
                    f"{entry.name} of the package {_package(entry)} is passed over: {owner} uses that name in "
                    f"{self.group}",
                    PluginWarning,
                    stacklevel=3,
                )
            else:
                found[entry.name] = entry
        return found


def check_origins(
    header: Mapping[str, Any], registries: Iterable[Registry[Any]], path: Path, error: type[QuietScopeError]
) -> None:
    """Refuse a file that needs a member of a package that is not installed.

    Args:
        header: The file's header, whose "origins" are what `Registry.origins` returned; files that need nothing but
            QuietScope have none.
        registries: Where such members are looked for.
        path: The file, for messages.
        error: What to raise.

    Raises:
        QuietScopeError: Of that class, naming the first package that is missing.
    """
    known = {registry.group: registry for registry in registries}
    for origin in header.get("origins", ()):
        group, member, package = origin["group"], origin["member"], Package(origin["package"], origin["version"])
        if group in known and member not in known[group]:
            word = group.removeprefix("quietscope.").removesuffix("s").replace("_", " ")
            raise error(
                f"the package {package} to be installed, whose {word} {member} {path} needs",
                "no package that declares it",
                f"run `pip install {package.name}`",
            )


def record(kind: type[Record]) -> Callable[[str, object], Record]:
    """Return the check of a registry whose members are instances of a class."""

    def check(name: str, member: object) -> Record:
        if not isinstance(member, kind):
            raise TypeError(f"it must be a {kind.__name__}, but it is a {type(member).__name__}")
        return member

    return check


def subclass(base: type[Base], name_attribute: str) -> Callable[[str, object], type[Base]]:
    """Return the check of a registry whose members are classes that bear their name in an attribute."""

    def check(name: str, member: object) -> type[Base]:
        if not (isinstance(member, type) and issubclass(member, base)):
            raise TypeError(f"it must be a subclass of {base.__name__}, but it is {member!r}")
        own = getattr(member, name_attribute, None)
        if own != name:
            raise TypeError(f"{member.__name__}.{name_attribute} must be the declared name {name!r}, but it is {own!r}")
        return member

    return check


def _package(entry: "EntryPoint") -> Package:
    assert entry.dist is not None, "entry points come from distributions"
    return Package(entry.dist.name, entry.dist.version)


def _entry_points(group: str) -> "list[EntryPoint]":
    folders = [folder for folder, text in _declarations() if f"[{group}]" in text]
    if not folders:
        return []
    from importlib.metadata import Distribution

    found: list[EntryPoint] = []
    seen: set[str] = set()
    for distribution in map(Distribution.at, folders):
        # Of a package that lies on the path twice, the first is the one that is imported.
        if distribution.name not in seen:
            seen.add(distribution.name)
            found += distribution.entry_points.select(group=group)
    return found


@cache
def _declarations() -> tuple[tuple[Path, str], ...]:
    """Return the metadata folder of every package that declares anything for us, with its entry points as text.

    Looked for by hand, in about 2 ms: `importlib.metadata` takes 20 to 50 ms to import and 10 to go through all
    packages, which every start of the command line would pay, whether or not there is anything to be found.
    """
    found = []
    for place in dict.fromkeys(sys.path):
        try:
            with os.scandir(place or ".") as entries:
                folders = sorted(each.path for each in entries if each.name.endswith((".dist-info", ".egg-info")))
        except OSError:  # an entry of the path that is not there, or an archive
            continue
        for folder in folders:
            try:
                text = Path(folder, "entry_points.txt").read_text(encoding="utf-8")
            except OSError:  # the rule: most packages declare none
                continue
            if "[quietscope." in text:
                found.append((Path(folder), text))
    return tuple(found)
