"""Pickles that others wrote, read without running anything: classes and functions in them stay names.

Python's own reader calls what a pickle names, so that opening one can run a program. This one reads the same
instructions and carries out those alone that put values together. A class or function is a `Name`, which is never
looked up; what a pickle would have made by calling one is a `Record` of the name and of what it would have been called
with.
"""

import pickletools
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

MOST_INSTRUCTIONS = 1_000_000
MOST_BYTES = 1 << 26
MOST_COPIED = 1 << 24
"""Values, and letters of texts, in all calls together."""


class PickledError(ValueError):
    """A pickle that is damaged, too large, or of instructions that nobody needs; the message is one short line."""


@dataclass(frozen=True, slots=True)
class Name:
    """A class or function by its name, such as ``torch.nn.modules.conv`` and ``Conv2d``."""

    module: str
    name: str

    def __str__(self) -> str:
        """Return the whole name."""
        return f"{self.module}.{self.name}"


@dataclass(frozen=True, slots=True)
class Reference:
    """Something beside the pickle, by whatever the pickle calls it."""

    key: Any


@dataclass(slots=True, eq=False)
class Record:
    """What a pickle would have made by a call.

    Attributes:
        maker: What it would have called, a `Name` in all pickles that mean no harm.
        arguments: What it would have been called with, mostly a tuple.
        state: What would have become of its attributes.
        items: What would have been assigned to its keys.
        elements: What would have been appended to it.
    """

    maker: Any
    arguments: Any = ()
    state: Any = None
    items: dict[Any, Any] = field(default_factory=dict)
    elements: list[Any] = field(default_factory=list)

    @property
    def of(self) -> str:
        """The whole name of its maker; empty if that is no name."""
        return str(self.maker) if isinstance(self.maker, Name) else ""


def read_pickle(stream: BinaryIO, references: list[Reference] | None = None) -> Any:
    """Read one pickle, and leave the stream behind its end.

    Args:
        stream: Bytes that can be sought; whoever opens it bounds their number.
        references: Receives every reference, in order.

    Returns:
        Plain values: None, numbers, text, bytes, lists (for sets too), tuples, dicts, and `Name`, `Record`,
        `Reference`. Entries of dicts whose keys are no plain values are left out. Lists, dicts and records may contain
        themselves.

    Raises:
        PickledError: If it is damaged, or beyond a bound.
    """
    machine = _Machine([] if references is None else references)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # text of damaged pickles may have odd escapes
            for number, (code, argument, _) in enumerate(pickletools.genops(stream)):
                if number >= MOST_INSTRUCTIONS:
                    raise PickledError(f"a pickle of more than {MOST_INSTRUCTIONS:,} instructions")
                machine.carry_out(code.name, argument)
        return machine.taken()
    except PickledError:
        raise
    except (ValueError, IndexError, KeyError, TypeError, OverflowError, MemoryError, RecursionError) as error:
        words = " ".join(f"{type(error).__name__}: {error}".split())[:160]
        raise PickledError(f"a damaged pickle ({words})") from error


_MARK = object()
_PUSHED = (
    *("BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING"),
    *("SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
)
"""Instructions whose argument is the value."""
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_IGNORED = frozenset(("PROTO", "FRAME", "STOP"))
_LARGEST_INTEGER = 2**80  # torch.save begins with a number of 80 bits
_DICTS = frozenset(("collections.OrderedDict", "collections.defaultdict"))
_SETS = frozenset(f"{module}.{name}" for module in ("builtins", "__builtin__") for name in ("set", "frozenset"))


class _Machine:
    """The stack and the memory of a pickle's instructions."""

    def __init__(self, references: list[Reference]) -> None:
        self.references = references
        self.stack: list[Any] = []
        self.memory: dict[int, Any] = {}
        self.copied = 0

    def carry_out(self, name: str, argument: Any) -> None:
        """Carry out one instruction."""
        if name in _PUSHED:
            if isinstance(argument, int) and abs(argument) > _LARGEST_INTEGER:
                raise PickledError("an integer of more than 80 bits")
            self.stack.append(argument)
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in _ACTIONS:
            _ACTIONS[name](self, argument)
        elif name not in _IGNORED:
            raise PickledError(f"the instruction {name}, which no checkpoint needs")

    def taken(self) -> Any:
        """Take the topmost value off the stack."""
        value = self.stack.pop()
        if value is _MARK:
            raise PickledError("a damaged pickle (a mark where a value belongs)")
        return value

    def marked(self) -> list[Any]:
        """Take everything off the stack down to the last mark."""
        found: list[Any] = []
        while (value := self.stack.pop()) is not _MARK:
            found.append(value)
        return found[::-1]

    def drop(self) -> None:
        """Drop the topmost value, or mark."""
        self.stack.pop()

    def drop_marked(self) -> None:
        """Drop everything down to the last mark."""
        self.marked()

    def top(self) -> Any:
        """Return the topmost value."""
        if self.stack[-1] is _MARK:
            raise PickledError("a damaged pickle (a mark where a value belongs)")
        return self.stack[-1]

    def keep(self, where: int | None) -> None:
        """Remember the topmost value."""
        self.memory[len(self.memory) if where is None else where] = self.top()

    def tuple_of(self, length: int) -> None:
        """Make a tuple of the topmost values."""
        self.stack.append(tuple([self.taken() for _ in range(length)][::-1]))

    def append(self, values: list[Any]) -> None:
        """Append values to what is now topmost."""
        target = self.top()
        _list_of(target).extend(values)

    def assign(self, values: list[Any]) -> None:
        """Assign keys and values, in turn, to what is now topmost."""
        target = self.top()
        _dict_of(target).update(_entries(values))

    def build(self) -> None:
        """Set the state of what lies below the topmost value."""
        state, target = self.taken(), self.top()
        if isinstance(target, Record):
            target.state = state
        elif not isinstance(target, dict):  # of a dict, it is what PyTorch notes of versions
            raise PickledError("a state for what has none")

    def call(self, arguments: Any) -> None:
        """Note a call of what is topmost; nothing is called.

        What stands for containers and bytes is a copy, and one value can be named again and again.
        """
        given = arguments[0] if isinstance(arguments, tuple) and arguments else None
        self.copied += len(given) if isinstance(given, list | tuple | str) else 0
        if self.copied > MOST_COPIED:
            raise PickledError(f"copies of more than {MOST_COPIED:,} values")
        self.stack.append(_called(self.taken(), arguments))

    def reduce(self) -> None:
        """Note a call with the topmost value as its arguments."""
        arguments = self.taken()
        self.call(arguments)

    def named(self) -> None:
        """Make a name of the two topmost values."""
        name, module = self.taken(), self.taken()
        if not (isinstance(name, str) and isinstance(module, str)):
            raise PickledError("a name that is no text")
        self.stack.append(Name(module, name))

    def refer(self) -> None:
        """Make a reference of the topmost value; before version 1.6, PyTorch refers to classes so."""
        key = self.taken()
        if isinstance(key, tuple) and len(key) > 1 and key[0] == "module" and isinstance(key[1], Name):
            self.stack.append(key[1])
            return
        self.references.append(Reference(key))
        self.stack.append(self.references[-1])

    def new_with_names(self) -> None:
        """Note a call with named arguments, which are dropped."""
        self.taken()
        self.reduce()


def _called(maker: Any, arguments: Any) -> Any:
    """Return what a call stands for: containers for those of Python, bytes for text that was bytes, a record else."""
    name = str(maker) if isinstance(maker, Name) else ""
    given = arguments if isinstance(arguments, tuple) else ()
    if name in _DICTS:
        pairs = given[0] if given and isinstance(given[0], list) else []
        return dict(_entries([each for pair in pairs for each in _pair(pair)]))
    if name in _SETS:
        return list(given[0]) if given and isinstance(given[0], list | tuple) else []
    if name == "_codecs.encode" and given and isinstance(given[0], str):  # bytes, as protocol 2 writes them
        return given[0].encode("latin1")
    return Record(maker, arguments)


def _pair(value: Any) -> tuple[Any, Any]:
    if not (isinstance(value, list | tuple) and len(value) == len(("key", "value"))):
        raise PickledError("an entry that is no key with a value")
    return value[0], value[1]


def _entries(values: list[Any]) -> list[tuple[Any, Any]]:
    """Pair keys with their values; a key that is no plain value could take for ever to hash, and nobody needs it."""
    if len(values) % 2:
        raise PickledError("a key without a value")
    pairs = zip(values[::2], values[1::2], strict=True)
    return [(key, value) for key, value in pairs if isinstance(key, str | int | float | bytes | None)]


def _list_of(target: Any) -> list[Any]:
    found = target.elements if isinstance(target, Record) else target
    if not isinstance(found, list):
        raise PickledError("elements of what is no list")
    return found


def _dict_of(target: Any) -> dict[Any, Any]:
    found = target.items if isinstance(target, Record) else target
    if not isinstance(found, dict):
        raise PickledError("entries of what is no dict")
    return found


def _global(machine: _Machine, words: str) -> None:
    module, _, name = words.partition(" ")
    machine.stack.append(Name(module, name))


def _frozen(machine: _Machine, _: Any) -> None:
    machine.stack.append(machine.marked())


_ACTIONS: Mapping[str, Callable[[_Machine, Any], None]] = {
    "MARK": lambda machine, _: machine.stack.append(_MARK),
    "POP": lambda machine, _: machine.drop(),
    "POP_MARK": lambda machine, _: machine.drop_marked(),
    "EMPTY_DICT": lambda machine, _: machine.stack.append({}),
    "EMPTY_LIST": lambda machine, _: machine.stack.append([]),
    "EMPTY_SET": lambda machine, _: machine.stack.append([]),
    "LIST": _frozen,
    "FROZENSET": _frozen,
    "TUPLE": lambda machine, _: machine.stack.append(tuple(machine.marked())),
    "TUPLE1": lambda machine, _: machine.tuple_of(1),
    "TUPLE2": lambda machine, _: machine.tuple_of(2),
    "TUPLE3": lambda machine, _: machine.tuple_of(3),
    "DICT": lambda machine, _: machine.stack.append(dict(_entries(machine.marked()))),
    "APPEND": lambda machine, _: machine.append([machine.taken()]),
    "APPENDS": lambda machine, _: machine.append(machine.marked()),
    "ADDITEMS": lambda machine, _: machine.append(machine.marked()),
    "SETITEM": lambda machine, _: machine.assign([machine.taken(), machine.taken()][::-1]),
    "SETITEMS": lambda machine, _: machine.assign(machine.marked()),
    "BUILD": lambda machine, _: machine.build(),
    "REDUCE": lambda machine, _: machine.reduce(),
    "NEWOBJ": lambda machine, _: machine.reduce(),
    "NEWOBJ_EX": lambda machine, _: machine.new_with_names(),
    "GLOBAL": _global,
    "STACK_GLOBAL": lambda machine, _: machine.named(),
    "BINPERSID": lambda machine, _: machine.refer(),
    "PUT": lambda machine, where: machine.keep(where),
    "BINPUT": lambda machine, where: machine.keep(where),
    "LONG_BINPUT": lambda machine, where: machine.keep(where),
    "MEMOIZE": lambda machine, _: machine.keep(None),
    "GET": lambda machine, where: machine.stack.append(machine.memory[where]),
    "BINGET": lambda machine, where: machine.stack.append(machine.memory[where]),
    "LONG_BINGET": lambda machine, where: machine.stack.append(machine.memory[where]),
}
