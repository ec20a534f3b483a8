"""Packages of the BioImage Model Zoo: their card; the ONNX model inside is run."""

from dataclasses import dataclass, field
from pathlib import Path

from quietscope.deploy.card import HOW_TO_MAKE_ONE, KEY, Card, damaged
from quietscope.deploy.onnx import open_onnx
from quietscope.deploy.runtime import Runtime
from quietscope.deploy.session import Session
from quietscope.errors import ModelFileError
from quietscope.outside.archive import ArchiveError, members, read_member
from quietscope.outside.bounded import Values, Word
from quietscope.outside.plain_data import MOST_BYTES_OF_YAML, MalformedError, parse_yaml, validated

_DESCRIPTIONS = ("rdf.yaml", "bioimageio.yaml")
_MOST_BYTES_OF_WEIGHTS = 1 << 32


@dataclass
class _Onnx:
    source: Word


@dataclass
class _Weights:
    onnx: _Onnx | None = None


@dataclass
class _Description:
    """What QuietScope wants to know of a package; there is more in it."""

    weights: _Weights = field(default_factory=_Weights)
    config: Values | None = None


def open_zoo(card: Card, path: Path, device: str | None) -> Session:
    """Open the ONNX model of a package.

    Args:
        card: Its card.
        path: The package.
        device: As for `open_onnx`.

    Returns:
        The session.

    Raises:
        ModelFileError: If there is none in it, or it cannot be run.
        SettingsError: If the device is not there.
    """
    try:
        onnx = _description(path).weights.onnx
        if onnx is None:
            raise damaged(path, "no ONNX model in it")
        content = read_member(path, onnx.source, _MOST_BYTES_OF_WEIGHTS)
    except (ArchiveError, MalformedError) as error:
        raise damaged(path, str(error)) from error
    return open_onnx(card, path, device, content)


def card_text(path: Path) -> str | None:
    """Return the card in the description of a package."""
    found = (_description(path).config or {}).get(KEY)
    return found if isinstance(found, str) else None


def _description(path: Path) -> _Description:
    """Return the description in a package."""
    name = next((each for each in _DESCRIPTIONS if each in members(path)), None)
    if name is None:
        raise ModelFileError("a package of the BioImage Model Zoo", f"{path} without rdf.yaml", HOW_TO_MAKE_ONE)
    return validated(_Description, parse_yaml(read_member(path, name, MOST_BYTES_OF_YAML)))


RUNTIME = Runtime(name="BioImage Model Zoo", suffix=".zip", card_text=card_text, open=open_zoo)
