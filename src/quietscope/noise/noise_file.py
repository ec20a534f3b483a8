"""Noise models in files: .safetensors for any model, .npz and .npy as PPN2V and PN2V store theirs."""

import io
import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel

from quietscope.errors import NoiseError
from quietscope.io.atomic import atomic_path
from quietscope.io.tensor_file import TensorFileError, read_tensor_file, write_tensor_file
from quietscope.noise import (
    NOISE_MODELS,
    Censored,
    ClipLevels,
    GaussianMixture,
    Histogram,
    NoiseModel,
    NoiseRecord,
    censor,
    noise_model_from_record,
)
from quietscope.noise.histogram_table import histogram_from_table, table_from_histogram
from quietscope.outside.archive import check_unpacked
from quietscope.outside.bounded import Single, Word
from quietscope.outside.plain_data import MalformedError, validated
from quietscope.outside.regular_file import check_regular, read_bounded
from quietscope.registry import check_origins

FILE_KIND = "noise"
FORMAT_VERSION = 1
SUFFIXES = (".safetensors", ".npz", ".npy")
HOW_TO_MAKE_ONE = "fit one from images with `quietscope noise`, or give the noise as sigma=NUMBER or auto"
_MOST_BYTES = 1 << 28
"""Largest noise file in NumPy's formats, unpacked: far above the histogram of the widest camera."""


class _Header(BaseModel):
    """The header of a noise file, beside what every header has."""

    model: Word
    settings: dict[Word, Single | Word]


def save_noise_model(path: str | os.PathLike[str], model: NoiseModel, *, overwrite: bool = False) -> None:
    """Save a noise model.

    Args:
        path: Target ending in ``.safetensors`` (any model), ``.npz`` (Gaussian mixtures, as PPN2V stores them) or
            ``.npy`` (histograms, as PN2V stores them). The gain and the clipping levels of a mixture become extra
            entries of the ``.npz``, which other programs ignore; a ``.npy`` cannot hold them, so only the histogram is
            stored.
        model: The noise model.
        overwrite: Whether an existing file may be replaced.

    Raises:
        NoiseError: If the ending is not one of these, or the model is not of the kind that the ending is for.
        OutputError: If the file cannot be written, or exists and ``overwrite`` is false.
    """
    target = Path(path)
    suffix = _known_suffix(target)
    if suffix == ".npz":
        _write_npz(target, model, overwrite)
        return
    if suffix == ".npy":
        _write_npy(target, model, overwrite)
        return
    record = model.to_record()
    header = {
        "kind": FILE_KIND,
        "format_version": FORMAT_VERSION,
        "model": record.kind,
        "settings": dict(record.settings),
        "origins": NOISE_MODELS.origins(*record.kinds),
    }
    write_tensor_file(target, record.tensors, header, overwrite=overwrite)


def load_noise_model(path: str | os.PathLike[str]) -> NoiseModel:
    """Load a noise model, without unpickling anything.

    Args:
        path: A ``.safetensors`` noise file, or a PPN2V ``.npz`` file with ``trained_weight``, ``min_signal``,
            ``max_signal`` and ``min_sigma``, or a PN2V ``.npy`` histogram of shape (3, bins, bins).

    Returns:
        The noise model, on the CPU.

    Raises:
        NoiseError: If the file is missing, damaged, of another kind, written by a newer version, or needs a package
            that is not installed.
    """
    source = Path(path)
    suffix = _known_suffix(source)
    check_regular(source, NoiseError, "a noise file")
    if not source.is_file():
        raise NoiseError("a noise file", f"{source}, which does not exist", HOW_TO_MAKE_ONE)
    try:
        if suffix == ".npy":
            return _read_npy(source)
        if suffix == ".npz":
            return _read_npz(source)
        return noise_model_from_record(_read_safetensors(source))
    except OSError as error:
        raise NoiseError("a noise file that can be read", f"{source}: {error}", "check the file") from error
    except (RuntimeError, OverflowError) as error:  # numbers that no float32 holds
        words = " ".join(str(error).split())[:160]
        raise NoiseError("a noise file with usable numbers", f"{source} ({words})", HOW_TO_MAKE_ONE) from error


def check_kind_fits(path: Path, kind: str) -> None:
    """Refuse a file ending that is for another kind of noise model, before the model is fitted.

    Args:
        path: Target of ``save_noise_model``.
        kind: Kind of the model that is going to be saved.

    Raises:
        NoiseError: If the ending is unknown, or is for another kind.
    """
    wanted = {".npz": GaussianMixture.kind, ".npy": Histogram.kind}.get(_known_suffix(path), kind)
    if kind != wanted:
        raise NoiseError(f"a {wanted} for {path.suffix}", f"a {kind}", f"name it {path.with_suffix('.safetensors')}")


def _write_npz(target: Path, model: NoiseModel, overwrite: bool) -> None:
    base, clip = _without_limits(model)
    if not isinstance(base, GaussianMixture):
        fix = f"save it as {target.with_suffix('.safetensors')}"
        raise NoiseError("a Gaussian mixture for .npz", model.describe(), fix)
    record = base.to_record()
    limits: dict[str, float] = {} if clip.is_open else {"low": clip.low, "high": clip.high, "step": clip.step}
    arrays = _as_arrays({**record.settings, **limits})
    with atomic_path(target, overwrite=overwrite) as temporary, temporary.open("xb") as file:
        np.savez(file, trained_weight=record.tensors["weight"].numpy(), **arrays)


def _write_npy(target: Path, model: NoiseModel, overwrite: bool) -> None:
    base, _ = _without_limits(model)
    if not isinstance(base, Histogram):
        fix = f"save it as {target.with_suffix('.safetensors')}"
        raise NoiseError("a histogram for .npy", model.describe(), fix)
    with atomic_path(target, overwrite=overwrite) as temporary, temporary.open("xb") as file:
        np.save(file, table_from_histogram(base), allow_pickle=False)


def _without_limits(model: NoiseModel) -> tuple[NoiseModel, ClipLevels]:
    return (model.base, model.limits) if isinstance(model, Censored) else (model, ClipLevels())


def _known_suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        fix = f"name it {path.with_suffix('.safetensors').name}" if path.name else "give it a name"
        raise NoiseError(f"a noise file ending in {' or '.join(SUFFIXES)}", repr(str(path)), fix)
    return suffix


def _as_arrays(settings: Mapping[str, float | int | str]) -> dict[str, Any]:
    return {name: np.asarray(value, dtype=np.float64) for name, value in settings.items()}


def _read_safetensors(path: Path) -> NoiseRecord:
    try:
        tensors, header = read_tensor_file(path)
    except TensorFileError as error:
        raise NoiseError("a QuietScope noise file", f"{path}: {error}", HOW_TO_MAKE_ONE) from error
    kind, version = header["kind"], header["format_version"]
    if kind != FILE_KIND:
        fix = f"look at it with `quietscope info {shlex.quote(str(path))}`" if kind == "model" else HOW_TO_MAKE_ONE
        raise NoiseError("a noise file", f"{path}, a {kind} file", fix)
    if version > FORMAT_VERSION:
        raise NoiseError(
            f"a noise file of format {FORMAT_VERSION} or older",
            f"{path} of format {version}",
            "update with `pip install -U quietscope`",
        )
    try:
        valid: _Header = validated(_Header, header)
    except MalformedError as error:
        got = f"{path} without a model or settings that can be used ({error})"
        raise NoiseError("a complete noise file", got, HOW_TO_MAKE_ONE) from error
    check_origins(header, [NOISE_MODELS], path, NoiseError)
    return NoiseRecord(kind=valid.model, tensors=MappingProxyType(tensors), settings=MappingProxyType(valid.settings))


def _read_npz(path: Path) -> NoiseModel:
    expected = "a PPN2V noise file with trained_weight, min_signal, max_signal and min_sigma"
    try:
        # Opened here: numpy leaves the file open where the archive in it is damaged.
        check_unpacked(path, _MOST_BYTES)
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: np.asarray(archive[name], dtype=np.float64) for name in archive.files}
        weight = torch.from_numpy(arrays.pop("trained_weight").astype(np.float32))
        settings = {name: float(arrays[name].item()) for name in ("min_signal", "max_signal", "min_sigma")}
        settings |= {name: float(arrays[name].item()) for name in ("gain",) if name in arrays}
        limits = {name: float(arrays[name].item()) for name in ("low", "high", "step") if name in arrays}
    except KeyError as error:
        raise NoiseError(expected, f"{path} without {error}", HOW_TO_MAKE_ONE) from error
    except Exception as error:  # a damaged archive, or a damaged header in it, raises any of a dozen
        raise _damaged(expected, path, error) from error
    tensors, numbers = MappingProxyType({"weight": weight}), MappingProxyType(settings)
    mixture = noise_model_from_record(NoiseRecord(kind=GaussianMixture.kind, tensors=tensors, settings=numbers))
    return censor(mixture, ClipLevels(**limits))


def _read_npy(path: Path) -> NoiseModel:
    expected = "a PN2V histogram, an array of shape (3, bins, bins)"
    content = read_bounded(path, _MOST_BYTES, NoiseError, expected)
    if content.startswith(b"PK"):
        raise NoiseError("one array in a .npy file", f"{path}, an archive", "rename it to .npz")
    try:
        table = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    except Exception as error:  # the header of a damaged file may be any Python expression, and raise anything
        raise _damaged(expected, path, error) from error
    return histogram_from_table(table)


def _damaged(expected: str, path: Path, error: Exception) -> NoiseError:
    words = " ".join(f"{type(error).__name__}: {error}".split())[:160]
    return NoiseError(expected, f"{path}, damaged or of another kind ({words})", HOW_TO_MAKE_ONE)
