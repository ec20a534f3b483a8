"""What a checkpoint of another program holds, and what a reader of one makes of it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from quietscope.errors import ModelFileError
from quietscope.importers.torch_file import TorchFile, is_tensor, read_torch_file, refused
from quietscope.noise import NoiseModel
from quietscope.outside.pickled import Record

_DEEPEST = 32
_MOST_MODULES = 100_000
_PARALLEL = "module."


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint of another program holds.

    Attributes:
        file: The file.
        weights: Its tensors by name, as in a state dict.
        values: Attributes of a whole model, or what stands beside the state dict of a checkpoint.
        layers: In a whole model, the class of every part by the part's name, such as "ELU"; else empty.
    """

    file: TorchFile
    weights: Mapping[str, Tensor]
    values: Mapping[str, Any]
    layers: Mapping[str, str]

    def unusable(self, expected: str, got: object) -> ModelFileError:
        """Return the error for a checkpoint that is not understood: what was expected, what is there."""
        words = " ".join(str(got).split())[:200]
        return ModelFileError(expected, f"{self.file.path} with {words}", "train such a network with QuietScope itself")

    def value(self, *names: str) -> Any:
        """Return a value inside values, name by name; None where there is none."""
        found: Any = self.values
        for name in names:
            found = entries_of(found).get(name)
        return found

    def number(self, *names: str) -> float | None:
        """Return a value as a number: a number, a number of NumPy, or a tensor of one element; None for all else."""
        return self.number_of(self.value(*names))

    def number_of(self, value: Any) -> float | None:
        """Return any value as a number, as `number` does."""
        if isinstance(value, bool):
            return None
        if isinstance(value, int | float):
            return float(value)
        if isinstance(value, Record) and is_tensor(value):
            tensor = self.file.tensors({"": value})[""]
            return float(tensor.reshape(())) if tensor.numel() == 1 else None
        return _number_of_numpy(value)


@dataclass(frozen=True, kw_only=True)
class Translated:
    """A checkpoint as a method of QuietScope.

    Attributes:
        method: Name of the method.
        preset: The preset that comes closest.
        network: Settings of the network that differ from the preset's.
        dims: 2 or 3.
        channels: Image channels.
        weights: Tensors by QuietScope's names.
        mean: Mean of the training images that the network subtracts, one or one per channel; None if unknown.
        std: What it divides by; None if unknown.
        noise: The noise model that it was trained with; None if unknown, or not needed.
    """

    method: str
    preset: str
    network: Mapping[str, Any]
    channels: int
    weights: Mapping[str, Tensor]
    dims: int = 2
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    noise: NoiseModel | None = None


@dataclass(frozen=True, kw_only=True)
class Importer:
    """A reader of one program's checkpoints.

    Attributes:
        what: What it reads, in words.
        is_one: Whether a checkpoint is one of these, by the names of its tensors.
        translated: Makes a method's settings and weights of it; raises `ModelFileError` where it cannot.
    """

    what: str
    is_one: Callable[[Checkpoint], bool]
    translated: Callable[[Checkpoint], Translated]


@dataclass
class _Parts:
    """Parts of a whole model, as they are found."""

    tensors: dict[str, Record] = field(default_factory=dict)
    layers: dict[str, str] = field(default_factory=dict)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint: a whole model, a state dict, or a dict with a state dict in it.

    Args:
        path: The file.

    Returns:
        What it holds; nothing in the file was run.

    Raises:
        ModelFileError: If it is damaged, or holds no network.
    """
    file = read_torch_file(path)
    content, parts = file.content, _Parts()
    values: Mapping[str, Any] = {}
    if isinstance(content, Record) and "_modules" in entries_of(content.state):
        values = entries_of(content.state)
        _collect(content, parts, path)
    else:
        beside = entries_of(content)
        inner = next((beside[name] for name in ("state_dict", "model_state_dict") if name in beside), None)
        state = entries_of(beside if inner is None else inner)
        values = {} if inner is None else beside
        parts.tensors = {name: value for name, value in state.items() if is_tensor(value)}
    if not parts.tensors:
        raise refused(path, "no network in it: neither a whole model nor a dict of tensors by name")
    strip = len(_PARALLEL) if all(name.startswith(_PARALLEL) for name in parts.tensors) else 0
    tensors = {name[strip:]: value for name, value in parts.tensors.items()}
    return Checkpoint(file, file.tensors(tensors), values, {name[strip:]: of for name, of in parts.layers.items()})


def entries_of(value: Any) -> Mapping[str, Any]:
    """Return the entries of a dict, or of what would have become a kind of dict or an object, with names for keys."""
    if isinstance(value, Record):
        value = value.items or (value.state if isinstance(value.state, dict) else {})
    return {name: each for name, each in value.items() if isinstance(name, str)} if isinstance(value, dict) else {}


def _collect(root: Record, parts: _Parts, path: Path) -> None:
    """Find the tensors and the classes of all parts of a whole model."""
    for name, module, depth in _modules(root):
        if depth > _DEEPEST or len(parts.layers) > _MOST_MODULES:
            raise refused(path, "a model of too many parts, or of parts that hold themselves")
        parts.layers[name] = module.of.rpartition(".")[2]
        state = entries_of(module.state)
        for kind in ("_parameters", "_buffers"):
            for own, tensor in entries_of(state.get(kind)).items():
                if is_tensor(tensor):
                    parts.tensors[f"{name}.{own}" if name else own] = tensor


def _modules(root: Record) -> Iterator[tuple[str, Record, int]]:
    waiting = [("", root, 0)]
    while waiting:
        name, module, depth = waiting.pop()
        yield name, module, depth
        inner = entries_of(entries_of(module.state).get("_modules"))
        found = [(own, part) for own, part in inner.items() if isinstance(part, Record)]
        waiting += [(f"{name}.{own}" if name else own, part, depth + 1) for own, part in found]


def _number_of_numpy(value: Any) -> float | None:
    """Return a scalar of NumPy as a number, from its type and its bytes; None if it is none."""
    if not (
        isinstance(value, Record) and value.of.endswith("multiarray.scalar") and isinstance(value.arguments, tuple)
    ):
        return None
    given: list[Any] = [*value.arguments, None, None]
    kind, content = given[:2]
    words = kind.arguments if isinstance(kind, Record) and isinstance(kind.arguments, tuple) else ()
    word = words[0] if words else ""
    if word not in ("f4", "f8", "i4", "i8", "u1", "u2") or not isinstance(content, bytes):
        return None
    import numpy as np

    found = np.frombuffer(content, f"<{word}") if len(content) == int(word[1]) else np.zeros(0)
    return float(found[0]) if found.size else None
