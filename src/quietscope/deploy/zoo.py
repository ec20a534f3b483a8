"""Packages of the BioImage Model Zoo: the ONNX model inside is run."""

import zipfile
from pathlib import Path

from quietscope.deploy.card import Card, damaged
from quietscope.deploy.formats import zoo_description
from quietscope.deploy.onnx import open_onnx
from quietscope.deploy.session import Session


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
        name = str(zoo_description(path)["weights"]["onnx"]["source"])
        with zipfile.ZipFile(path) as package:
            content = package.read(name)
    except (KeyError, TypeError, zipfile.BadZipFile) as error:
        raise damaged(path, f"no ONNX model in it: {error}") from error
    return open_onnx(card, path, device, content)
