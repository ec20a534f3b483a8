"""Programs of torch.export, made safe to load.

`torch.export.load` unpickles example inputs and some tensors, loads shared libraries out of the archive, looks up
operators by any Python name, and evaluates expressions of sizes as Python. So an archive is not handed to it as it is:
only the parts that our own export writes are taken, looked at, and packed into a new archive in memory.
"""

import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

from quietscope.deploy.card import KEY
from quietscope.outside.archive import ArchiveError, members, read_member
from quietscope.outside.plain_data import Plain, parse_json

_GRAPH, _EXAMPLES = "models/model.json", "data/sample_inputs/model.pt"
_CONFIGS = ("data/weights/model_weights_config.json", "data/constants/model_constants_config.json")
_OTHER = re.compile(
    r"archive_format|archive_version|byteorder|\.data/version|\.data/serialization_id|"
    rf"data/weights/weight_\d+|data/constants/tensor_\d+|extra/{KEY}"
)
_MOST_BYTES_OF_JSON, _DEEPEST = 1 << 27, 200
_OPERATOR = re.compile(
    r"torch\.ops\.(aten|prims|quantized_decomposed)\.\w+\.\w+|torch\.ops\.higher_order\.wrap_with_autocast|"
    r"torch\.sym_(max|min|int|float|not|ite|sum)|math\.(ceil|floor|trunc)|"
    r"_operator\.(add|sub|mul|floordiv|truediv|mod|neg|pow|getitem|eq|ne|lt|le|gt|ge|and_|or_)"
)
_FILE_OPERATORS = re.compile(r"torch\.ops\.aten\.(from_file|save)\b")
_EXPRESSION = re.compile(r"(?:[A-Za-z_]\w*|\d+|[(),=' +*/<>-])*")
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
_SYMBOL = re.compile(r"[su]\d+")
_MATHEMATICS = frozenset(
    (
        *("Symbol", "Integer", "Rational", "Add", "Mul", "Pow", "Mod", "PythonMod", "FloorDiv", "CeilDiv", "CleanDiv"),
        *("Max", "Min", "Abs", "Eq", "Ne", "Lt", "Le", "Gt", "Ge", "And", "Or", "Not", "Equality", "Unequality"),
        *("StrictLessThan", "LessThan", "StrictGreaterThan", "GreaterThan", "positive", "integer", "True", "False"),
        *("evaluate", "floor", "ceiling", "CeilToInt", "FloorToInt", "TruncToInt", "IntTrueDiv", "ToFloat"),
    )
)


def safe_program(path: Path) -> io.BytesIO:
    """Return the archive of a program with nothing in it that could run, or be unpickled, when it is loaded.

    Args:
        path: A file that `quietscope export` wrote, or that claims to be one.

    Returns:
        An archive in memory for `torch.export.load`, without example inputs, notes on the source and guards.

    Raises:
        ArchiveError: If it is damaged, or holds parts that our export does not write.
        MalformedError: If its JSON is damaged or beyond bounds.
        OSError: If it cannot be read.
    """
    names, most = members(path), path.stat().st_size
    root = names[0].partition("/")[0] + "/" if names else ""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in names:
            inner = name.removeprefix(root)
            # Our export compresses nothing, so that no part can be larger than the whole.
            content = b"" if inner == _EXAMPLES else read_member(path, name, most)
            archive.writestr("model/" + inner, _checked(inner, content))
    packed.seek(0)
    return packed


def _checked(name: str, content: bytes) -> bytes:
    """Return what goes into the new archive in place of one part."""
    if name == _EXAMPLES:
        return _no_examples()
    if name in _CONFIGS:
        found = _parsed(content)
        _refuse_pickles(found)
        return json.dumps(found).encode()
    if name == _GRAPH:
        found = _parsed(content)
        if not isinstance(found, dict):
            raise ArchiveError("no graph in it")
        found["guards_code"] = []
        _check_graph(found)
        return json.dumps(found).encode()
    if _OTHER.fullmatch(name) is None:
        raise ArchiveError(f"{name[:100]!r} in it, which QuietScope does not write")
    return content


def _parsed(content: bytes) -> Plain:
    return parse_json(content, most_bytes=_MOST_BYTES_OF_JSON, deepest=_DEEPEST)


def _no_examples() -> bytes:
    import torch

    made = io.BytesIO()
    torch.save(((), {}), made)
    return made.getvalue()


def _refuse_pickles(config: Plain) -> None:
    entries = config.get("config") if isinstance(config, dict) else None
    if not isinstance(entries, dict):
        raise ArchiveError("no list of tensors in it")
    for name, entry in entries.items():
        stored = str(entry.get("path_name")) if isinstance(entry, dict) else ""
        plain = isinstance(entry, dict) and entry.get("use_pickle") is False
        if not (plain and re.fullmatch(r"(weight|tensor)_\d+", stored)):
            raise ArchiveError(f"{name[:100]!r} in it is pickled, which is never read")


def _check_graph(value: Any) -> None:
    """Refuse a graph with an operator or an expression that is not mathematics; forget where its nodes came from."""
    if isinstance(value, list):
        for each in value:
            _check_graph(each)
    if not isinstance(value, dict):
        return
    if "target" in value and "metadata" in value:
        value["metadata"] = {}
    for name, each in value.items():
        if name in ("target", "as_operator"):
            _check_operator(each)
        elif name == "expr_str" or name == "range_constraints":
            for expression in each if isinstance(each, dict) else (each,):
                _check_expression(expression)
        elif name == "as_custom_obj":
            raise ArchiveError("an object of a class of its own in it, which is never read")
        _check_graph(each)


def _check_operator(name: Any) -> None:
    if not isinstance(name, str) or _OPERATOR.fullmatch(name) is None or _FILE_OPERATORS.match(name):
        raise ArchiveError(f"the operator {str(name)[:80]!r} in it, which no network needs")


def _check_expression(text: Any) -> None:
    words = _IDENTIFIER.findall(text) if isinstance(text, str) else []
    unknown = [word for word in words if word not in _MATHEMATICS and _SYMBOL.fullmatch(word) is None]
    if not isinstance(text, str) or unknown or _EXPRESSION.fullmatch(text) is None or "**" in text:
        raise ArchiveError(f"the size {str(text)[:80]!r} in it, which is no expression of sizes")
