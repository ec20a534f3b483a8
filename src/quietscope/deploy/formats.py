"""Which file is an exported model, its card, and what runs it.

A new kind is one new file that defines a `Runtime`, and one line in `RUNTIMES`; another package declares its own in
the entry-point group "quietscope.runtimes". Importing them, or reading a card, imports neither PyTorch nor a runtime.
"""

from dataclasses import replace
from pathlib import Path

from quietscope.deploy import onnx, openvino, torch_program, zoo
from quietscope.deploy.card import HOW_TO_MAKE_ONE, Card, damaged
from quietscope.deploy.runtime import Runtime
from quietscope.deploy.session import Session
from quietscope.errors import ModelFileError
from quietscope.outside.regular_file import check_regular
from quietscope.registry import Registry, record

RUNTIMES: Registry[Runtime] = Registry(
    "quietscope.runtimes",
    {
        "openvino": openvino.RUNTIME,
        "onnx": onnx.RUNTIME,
        "torch-export": torch_program.RUNTIME,
        "bioimage": zoo.RUNTIME,
    },
    record(Runtime),
)
"""What runs each kind of exported model."""

_STEM, _TRAINED = "model", ".safetensors"


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
    if path.is_dir() and not holds_model(path):
        return False
    return runtime_for(model_in(path)) is not None


def runtime_for(path: Path) -> Runtime | None:
    """Return what runs a file of this ending; None where nothing does."""
    return next((each for each in RUNTIMES.values() if path.name.lower().endswith(each.suffix)), None)


def read_card(path: Path) -> Card:
    """Read the card of an exported model.

    Args:
        path: The file.

    Returns:
        The card.

    Raises:
        ModelFileError: If there is no such file, or it is damaged, foreign or from a newer version.
    """
    return _card(_known_runtime(path), path)


def open_session(path: Path | str, device: str | None = None, *, precision: str | None = None) -> Session:
    """Open an exported model.

    Args:
        path: A file that `quietscope export` wrote, or a folder of `quietscope compress` with one in it.
        device: "cpu", or the accelerator that the model's runtime knows: "cuda" for ONNX and torch.export, "gpu" for
            OpenVINO. The CPU if None.
        precision: "auto" or "float32" in place of what the card says.

    Returns:
        The model, ready to run.

    Raises:
        ModelFileError: If it is no exported model, damaged, from a newer version, or its runtime is not installed.
        SettingsError: If the device is not there.
    """
    file = model_in(Path(path))
    runtime = _known_runtime(file)
    card = _card(runtime, file)
    return runtime.open(card if precision is None else replace(card, precision=precision), file, device)


def _known_runtime(path: Path) -> Runtime:
    check_regular(path, ModelFileError, "a model file")
    if not path.is_file():
        raise ModelFileError("a model file", f"{path}, which does not exist", "check the name, or " + HOW_TO_MAKE_ONE)
    runtime = runtime_for(path)
    if runtime is None:
        endings = " ".join(each.suffix for each in RUNTIMES.values())
        raise ModelFileError(f"a file that ends in one of {endings}", str(path), HOW_TO_MAKE_ONE)
    return runtime


def _card(runtime: Runtime, path: Path) -> Card:
    try:
        text = runtime.card_text(path)
    except ModelFileError:
        raise
    except Exception as error:  # parsers of damaged files raise whatever they like
        raise damaged(path, str(error)) from error
    return Card.from_json(text, path)


def _models(folder: Path) -> list[Path]:
    names = (f"{_STEM}{suffix}" for suffix in (*(each.suffix for each in RUNTIMES.values()), _TRAINED))
    return [folder / name for name in names if (folder / name).is_file()]
