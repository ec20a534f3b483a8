"""Which file is an exported model, and its card, read without the library that runs it."""

import zipfile
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from quietscope.deploy.card import HOW_TO_MAKE_ONE, KEY, Card, damaged
from quietscope.errors import ModelFileError

SUFFIXES = (".xml", ".onnx", ".pt2", ".zip")
"""Endings of exported models: OpenVINO, ONNX, torch.export, BioImage Model Zoo."""

STEM, TRAINED = "model", ".safetensors"
RDF_NAMES = ("rdf.yaml", "bioimageio.yaml")
# Field numbers of onnx.proto: ModelProto.metadata_props, and the two of its entries.
_METADATA, _ENTRY_KEY, _ENTRY_VALUE = 14, 1, 2
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5


def model_in(path: Path) -> Path:
    """Return the model file that a path stands for.

    Args:
        path: A file, or a folder that `quietscope compress` wrote.

    Returns:
        The file itself, or the one model in the folder.

    Raises:
        ModelFileError: If the folder holds no model or several.
    """
    if not path.is_dir():
        return path
    found = _models(path)
    if len(found) == 1:
        return found[0]
    names = " and ".join(each.name for each in found) or "none"
    raise ModelFileError(f"one model in the folder {path}", names, "name the model file itself")


def holds_model(path: Path) -> bool:
    """Tell whether a path is a folder with a model in it, other than an image that is a folder."""
    return path.is_dir() and bool(_models(path))


def is_exported(path: Path) -> bool:
    """Tell by its ending whether a file, or what a folder holds, is an exported model; nothing is read."""
    return (model_in(path) if path.is_dir() else path).suffix.lower() in SUFFIXES


def read_card(path: Path) -> Card:
    """Read the card of an exported model.

    Args:
        path: The file.

    Returns:
        The card.

    Raises:
        ModelFileError: If there is no such file, or it is damaged, foreign or from a newer version.
    """
    if not path.is_file():
        raise ModelFileError("a model file", f"{path}, which does not exist", "check the name, or " + HOW_TO_MAKE_ONE)
    read = {".xml": _of_openvino, ".onnx": _of_onnx, ".pt2": _of_program, ".zip": _of_zoo}.get(path.suffix.lower())
    if read is None:
        raise ModelFileError(f"a file that ends in one of {' '.join(SUFFIXES)}", str(path), HOW_TO_MAKE_ONE)
    try:
        text = read(path)
    except ModelFileError:
        raise
    except Exception as error:  # parsers of damaged files raise whatever they like
        raise damaged(path, str(error)) from error
    return Card.from_json(text, path)


def zoo_description(path: Path) -> dict[str, Any]:
    """Return the description inside a package of the BioImage Model Zoo.

    Args:
        path: The package.

    Returns:
        The contents of its rdf.yaml.

    Raises:
        ModelFileError: If it has none.
    """
    from ruamel.yaml import YAML

    with zipfile.ZipFile(path) as package:
        name = next((each for each in RDF_NAMES if each in package.namelist()), None)
        if name is None:
            raise ModelFileError("a package of the BioImage Model Zoo", f"{path} without rdf.yaml", HOW_TO_MAKE_ONE)
        found = YAML(typ="safe").load(package.read(name))
    if not isinstance(found, dict):
        raise damaged(path, "its description is no mapping")
    return found


def _models(folder: Path) -> list[Path]:
    names = (f"{STEM}{suffix}" for suffix in (*SUFFIXES, TRAINED))
    return [folder / name for name in names if (folder / name).is_file()]


def _of_openvino(path: Path) -> str | None:
    entry = ElementTree.parse(path).getroot().find(f"rt_info/{KEY}")
    return None if entry is None else entry.get("value")


def _of_program(path: Path) -> str | None:
    with zipfile.ZipFile(path) as archive:
        name = next((each for each in archive.namelist() if each.endswith(f"extra/{KEY}")), None)
        return None if name is None else archive.read(name).decode()


def _of_zoo(path: Path) -> str | None:
    found = (zoo_description(path).get("config") or {}).get(KEY)
    return None if found is None else str(found)


def _of_onnx(path: Path) -> str | None:
    """Read the metadata that lies beside the graph; the graph, which holds the weights, is stepped over."""
    with path.open("rb") as file:
        for entry in _fields(file, _METADATA, path.stat().st_size):
            name, value = b"", b""
            for field, content in _inner_fields(entry):
                name = content if field == _ENTRY_KEY else name
                value = content if field == _ENTRY_VALUE else value
            if name == KEY.encode():
                return value.decode()
    return None


def _fields(file: BufferedReader, wanted: int, size: int) -> Iterator[bytes]:
    """Yield the contents of one field of a protocol buffer."""
    while file.tell() < size:
        tag = _varint(file)
        field, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            _varint(file)
            continue
        length = {_FIXED64: 8, _FIXED32: 4}.get(kind)
        if kind == _LENGTH:
            length = _varint(file)
        if length is None or file.tell() + length > size:
            raise ValueError("it is cut short, or no ONNX file")
        if field == wanted and kind == _LENGTH:
            yield file.read(length)
        else:
            file.seek(length, 1)


def _inner_fields(entry: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(entry):
        field, at = entry[at] >> 3, at + 1
        length, shift = 0, 0
        while entry[at] & 0x80:
            length, shift, at = length | (entry[at] & 0x7F) << shift, shift + 7, at + 1
        length, at = length | entry[at] << shift, at + 1
        yield field, entry[at : at + length]
        at += length


def _varint(file: BufferedReader) -> int:
    value, shift = 0, 0
    while True:
        byte = file.read(1)[0]
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return value
