"""Packages of the BioImage Model Zoo: their card; the ONNX model inside is run."""

import zipfile
from pathlib import Path
from typing import Any

from quietscope.deploy.card import HOW_TO_MAKE_ONE, KEY, Card, damaged
from quietscope.deploy.onnx import open_onnx
from quietscope.deploy.runtime import Runtime
from quietscope.deploy.session import Session
from quietscope.errors import ModelFileError

_DESCRIPTIONS = ("rdf.yaml", "bioimageio.yaml")


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
        name = str(_description(path)["weights"]["onnx"]["source"])
        with zipfile.ZipFile(path) as package:
            content = package.read(name)
    except (KeyError, TypeError, zipfile.BadZipFile) as error:
        raise damaged(path, f"no ONNX model in it: {error}") from error
    return open_onnx(card, path, device, content)


def card_text(path: Path) -> str | None:
    """Return the card in the description of a package."""
    found = (_description(path).get("config") or {}).get(KEY)
    return None if found is None else str(found)


def _description(path: Path) -> dict[str, Any]:
    """Return the contents of the rdf.yaml of a package."""
    from ruamel.yaml import YAML

    with zipfile.ZipFile(path) as package:
        name = next((each for each in _DESCRIPTIONS if each in package.namelist()), None)
        if name is None:
            raise ModelFileError("a package of the BioImage Model Zoo", f"{path} without rdf.yaml", HOW_TO_MAKE_ONE)
        found = YAML(typ="safe").load(package.read(name))
    if not isinstance(found, dict):
        raise damaged(path, "its description is no mapping")
    return found


RUNTIME = Runtime(name="BioImage Model Zoo", suffix=".zip", card_text=card_text, open=open_zoo)
