"""A trained model as one safe file: safetensors weights under a JSON header. Nothing is ever unpickled."""

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Self

import torch
from annotated_types import MaxLen
from pydantic import BaseModel, Field

from quietscope.data.likeness import Seen
from quietscope.data.normalize import Statistics
from quietscope.deploy.card import EACH, History, described_context
from quietscope.deploy.formats import holds_model, is_exported
from quietscope.errors import ModelFileError, PluginError
from quietscope.io import Image
from quietscope.io.tensor_file import TensorFileError, read_tensor_file, write_tensor_file
from quietscope.methods import METHODS
from quietscope.methods.base import BuiltMethod, Method
from quietscope.metrics.verdict import Effort
from quietscope.model.stated_network import with_network
from quietscope.nn.narrow import narrow
from quietscope.noise import NOISE_MODELS, NoiseModel, NoiseRecord, noise_model_from_record
from quietscope.outside.bounded import Axes, Channels, Numbers, PixelSize, Positive, Values, Word
from quietscope.outside.plain_data import MalformedError, brief, validated
from quietscope.outside.regular_file import check_regular
from quietscope.presets import Configuration
from quietscope.registry import check_origins
from quietscope.training.fit import FitReport
from quietscope.training.report_words import ENDED_EARLY_AT, FALL_AT_THE_END, training_rows
from quietscope.version import __version__

FILE_KIND = "model"
FORMAT_VERSION = 1
HOW_TO_MAKE_ONE = "train one with `quietscope train IMAGES -o FOLDER`"
_NOISE_PREFIX = "noise_file"


class _Noise(BaseModel):
    """The noise model of one channel, apart from its tensors."""

    kind: Word
    settings: dict[Word, Any]


class _Pruned(BaseModel):
    share: float = Field(default=0.0, ge=0, lt=1)


class _Header(BaseModel):
    """The header of a model file, as far as this version reads it."""

    method: Word
    configuration: Values
    network: Values | None = None
    num_channels: Channels
    noise: list[_Noise]
    axes: Axes
    pixel_size_um: PixelSize
    channel_names: tuple[Word, ...]
    training: Numbers
    spread_factor: Positive = 1.0
    seen: Annotated[list[Values], MaxLen(4096)] = []
    pruned: _Pruned = _Pruned()
    source: Word = ""
    versions: dict[Word, Word]
    created: Word


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """What a model file says beside its weights.

    Attributes:
        configuration: How it was trained.
        axes: Axes of the training images.
        pixel_size_um: Their pixel size by axis, in micrometres.
        channel_names: Their channel names; empty where unknown.
        training: Steps, seconds, validation loss and the like.
        spread_factor: What the deviation of samples is multiplied by to be honest; 1 where nobody has measured it.
        pruned_share: Share of the channels that pruning removed, 0 to 1; the configuration tells the widths before.
        seen: What each channel of the training images looked like; none in files that earlier versions wrote.
        source: Where an imported model came from; empty for one of QuietScope's own.
        versions: Versions of QuietScope, PyTorch and Python that wrote it.
        created: When it was written, UTC, ISO 8601.
    """

    configuration: Configuration
    axes: str = ""
    pixel_size_um: Mapping[str, float] = field(default_factory=dict)
    channel_names: tuple[str, ...] = ()
    training: Mapping[str, Any] = field(default_factory=dict)
    spread_factor: float = 1.0
    pruned_share: float = 0.0
    seen: tuple[Seen, ...] = ()
    source: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    created: str = ""

    @property
    def effort(self) -> Effort | None:
        """How long the model was trained; None where the file does not tell."""
        names = ("steps", "training_seconds", FALL_AT_THE_END, ENDED_EARLY_AT)
        steps, seconds, falling, ended_at = map(self.training.get, names)
        if not isinstance(steps, int | float):
            return None
        return Effort(
            steps=int(steps),
            needed=self.configuration.least_steps,
            seconds=float(seconds) if isinstance(seconds, int | float) else 0.0,
            falling=float(falling) if isinstance(falling, int | float) else 0.0,
            ended_at=float(ended_at) if isinstance(ended_at, int | float) else 1.0,
        )

    @classmethod
    def of(cls, configuration: Configuration, image: Image, report: FitReport, seen: tuple[Seen, ...] = ()) -> Self:
        """Return what is known of a model that has just been trained on images such as `image`."""
        return cls(
            configuration=configuration,
            axes=image.axes,
            pixel_size_um=image.pixel_size_um,
            channel_names=image.channel_names,
            training=report.summary(),
            seen=seen,
        )


def history_of(method: Method, card: ModelCard) -> History:
    """Return what a model has learnt from, and how far.

    Args:
        method: The method, whose statistics tell the intensities where its file, of an earlier version, does not.
        card: What is known of it.

    Returns:
        The history.
    """
    configuration = card.configuration
    known = History(effort=card.effort, normalize=configuration.normalize, context=configuration.context)
    if card.seen:
        return replace(known, seen=card.seen)
    quantiles = method.statistics.quantiles
    low, middle, high = (quantiles[:, round(share * (quantiles.shape[1] - 1))] for share in (0.01, 0.5, 0.99))
    each = zip(low.tolist(), middle.tolist(), high.tolist(), strict=True)
    seen = tuple(Seen(low=dark, middle=median, high=bright) for dark, median, bright in each)
    return replace(known, seen=seen)


def save_model(path: str | os.PathLike[str], method: Method, card: ModelCard, *, overwrite: bool = False) -> None:
    """Write a method and its card, whole or not at all.

    Args:
        path: Target, by custom ending in ``.safetensors``.
        method: The trained method.
        card: What is known of it.
        overwrite: Whether an existing file may be replaced.

    Raises:
        OutputError: If the file cannot be written, or exists and `overwrite` is false.
    """
    records = [model.to_record() for model in method.channel_noise]
    tensors = {name: tensor for name, tensor in method.state_dict().items() if not name.startswith("noise_models.")}
    for channel, record in enumerate(records):
        tensors |= {f"{_NOISE_PREFIX}.{channel}.{name}": tensor for name, tensor in record.tensors.items()}
    kinds = [kind for record in records for kind in record.kinds]
    origins = [*METHODS.origins(method.name), *NOISE_MODELS.origins(*kinds)]
    header = {
        "kind": FILE_KIND,
        "format_version": FORMAT_VERSION,
        "method": method.name,
        "configuration": card.configuration.model_dump(),
        "network": method.settings.model_dump(),
        "num_channels": method.statistics.num_channels,
        "noise": [{"kind": record.kind, "settings": dict(record.settings)} for record in records],
        "axes": card.axes,
        "pixel_size_um": dict(card.pixel_size_um),
        "channel_names": list(card.channel_names),
        "training": dict(card.training),
        "spread_factor": card.spread_factor,
        "seen": [each.values() for each in card.seen],
        "versions": {
            "quietscope": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
            **{origin["package"]: origin["version"] for origin in origins},
        },
        "origins": origins,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    if card.source:
        header["source"] = card.source
    if card.pruned_share:
        header["pruned"] = {"share": card.pruned_share}
    write_tensor_file(path, tensors, header, overwrite=overwrite)


def load_model(path: str | os.PathLike[str]) -> tuple[BuiltMethod, ModelCard]:
    """Read a method and its card.

    Args:
        path: A file that `save_model` wrote.

    Returns:
        The method on the CPU, in evaluation mode, and its card.

    Raises:
        ModelFileError: If there is no such file, or it is no model, damaged, from a newer version, or needs a package
            that is not installed.
        PluginError: If such a package is installed and cannot be imported.
    """
    tensors, header = _read(Path(path))
    try:
        configuration = Configuration.of(with_network(header.configuration, header.method, header.network))
        method = _network(header, configuration, tensors)
        _ = configuration.context  # raises ValueError where it makes no sense
        card = ModelCard(
            configuration=configuration,
            axes=header.axes,
            pixel_size_um=header.pixel_size_um,
            channel_names=header.channel_names,
            training=header.training,
            spread_factor=header.spread_factor,
            pruned_share=header.pruned.share,
            seen=tuple(Seen.of_values(values) for values in header.seen),
            source=header.source,
            versions=header.versions,
            created=header.created,
        )
    except PluginError:
        raise
    except (KeyError, TypeError, AttributeError, ValueError, RuntimeError) as error:  # QuietScopeError among them
        raise _unfit(Path(path), error) from error
    damaged = [name for name, weight in method.named_parameters() if not bool(torch.isfinite(weight).all())]
    if damaged:
        raise ModelFileError(
            "a model of finite weights", f"{path}, with NaN or infinity in {damaged[0]}", HOW_TO_MAKE_ONE
        )
    return method.eval(), card


def method_in(path: str | os.PathLike[str]) -> type[BuiltMethod]:
    """Return the method of a model file, which is not made.

    Raises:
        ModelFileError: If there is no such file, or it is no model, damaged, or from a newer version.
    """
    _, header = _read(Path(path))
    return METHODS[header.method]


def start_in(path: str | os.PathLike[str]) -> tuple[Configuration, int]:
    """Return how a model was trained, and the training steps behind its weights; the model is not made.

    Raises:
        ModelFileError: If there is no such file, or it is no model, damaged, or from a newer version.
    """
    _, header = _read(Path(path))
    try:
        configuration = Configuration.of(with_network(header.configuration, header.method, header.network))
        _ = configuration.context
    except ValueError as error:  # SettingsError among them
        raise _unfit(Path(path), error) from error
    return configuration, configuration.start_steps + int(header.training.get("steps", 0))


def describe_model(method: Method, card: ModelCard) -> dict[str, str]:
    """Return what is known of a model, name by name, for a table."""
    pixels = ", ".join(f"{axis} {size:g} um" for axis, size in card.pixel_size_um.items())
    rows = {
        "method": method.name,
        "preset": card.configuration.preset,
        "source": card.source,
        "dimensions": f"{method.spatial_dims}-D",
        "network": ", ".join(f"{name} = {value}" for name, value in card.configuration.network.items()),
        "parameters": f"{sum(p.numel() for p in method.parameters()):,}",
        "channels": str(method.statistics.num_channels),
    }
    for channel, model in enumerate(method.channel_noise):
        name = card.channel_names[channel] if channel < len(card.channel_names) else str(channel)
        unit = ", in deviations of an image" if card.configuration.normalize == "each" else ""
        rows[f"noise of channel {name}"] = model.describe() + unit
    if card.pruned_share:
        rows["pruned"] = f"{card.pruned_share:.0%} of the channels removed"
    if card.spread_factor != 1.0:
        rows["deviation"] = f"recalibrated: multiplied by {card.spread_factor:.3g}"
    rows |= described_context(card.configuration.context)
    rows["normalisation"] = EACH if card.configuration.normalize == "each" else ""
    rows["earlier steps"] = str(card.configuration.start_steps or "")
    rows["PSF"] = card.configuration.psf or ""
    rows |= {"axes": card.axes, "pixel size": pixels, "channel names": ", ".join(card.channel_names)}
    rows |= training_rows(card.training)
    rows |= {f"{name} version": version for name, version in card.versions.items()}
    rows["created"] = card.created
    return {name: value for name, value in rows.items() if value}


def is_model_file(path: str | os.PathLike[str]) -> bool:
    """Tell whether a file is a QuietScope model, readable by this version or not."""
    try:
        return bool(read_tensor_file(path)[1]["kind"] == FILE_KIND)
    except (OSError, TensorFileError):
        return False


def _read(path: Path) -> tuple[dict[str, torch.Tensor], _Header]:
    check_regular(path, ModelFileError, "a model file")
    if (path.is_file() or holds_model(path)) and is_exported(path):
        raise ModelFileError(
            "a model file",
            f"{path}, an exported or compressed model, which predicts and no more",
            "name the .safetensors file that it was made of",
        )
    try:
        tensors, header = read_tensor_file(path)
    except FileNotFoundError as error:
        raise ModelFileError(
            "a model file", f"{path}, which does not exist", "check the name, or " + HOW_TO_MAKE_ONE
        ) from error
    except (OSError, TensorFileError) as error:
        raise ModelFileError("a QuietScope model file", f"{path}: {error}", HOW_TO_MAKE_ONE) from error
    if header["kind"] != FILE_KIND:
        raise ModelFileError("a model file", f"{path}, a {header['kind'][:60]} file", HOW_TO_MAKE_ONE)
    if header["format_version"] > FORMAT_VERSION:
        raise ModelFileError(
            f"a model file of format {FORMAT_VERSION} or older",
            f"{path} of format {header['format_version']}",
            "upgrade: `pip install --upgrade quietscope`",
        )
    check_origins(header, [METHODS, NOISE_MODELS], path, ModelFileError)
    try:
        valid: _Header = validated(_Header, header)
    except MalformedError as error:
        raise _unfit(path, error) from error
    if valid.method not in METHODS:
        raise ModelFileError(
            f"a model of {', '.join(METHODS)}",
            f"{path} of method {brief(valid.method)}",
            "upgrade: `pip install --upgrade quietscope`",
        )
    if len(valid.noise) != (valid.num_channels if METHODS[valid.method].needs_noise else 0):
        raise _unfit(path, f"{len(valid.noise)} noise models, {valid.num_channels} channels")
    return tensors, valid


def _unfit(path: Path, reason: object) -> ModelFileError:
    words = " ".join(str(reason).split())[:200]
    return ModelFileError("a complete QuietScope model", f"{path}, whose parts do not fit ({words})", HOW_TO_MAKE_ONE)


def _network(header: _Header, configuration: Configuration, tensors: Mapping[str, torch.Tensor]) -> BuiltMethod:
    """Build the network that a header describes, and load its weights."""
    kind, settings = METHODS[header.method], configuration.method_settings()
    noise_models = [_noise_model(entry, channel, tensors) for channel, entry in enumerate(header.noise)]
    placeholder = torch.ones(header.num_channels)
    statistics = Statistics(placeholder, placeholder)
    weights = {name: tensor for name, tensor in tensors.items() if not name.startswith(f"{_NOISE_PREFIX}.")}
    if not header.pruned.share:
        with torch.device("meta"):  # without memory: a header of a kilobyte can describe a network of a terabyte
            wanted = kind.build(settings, statistics, noise_models).state_dict()
        if sum(map(torch.numel, wanted.values())) > 2 * sum(map(torch.numel, tensors.values())) + 1000:
            raise ValueError("weights of a network that is smaller than the one described")
    method = kind.build(settings, statistics, noise_models)
    if header.pruned.share:
        narrow(method, weights)
    own_noise = {k: v for k, v in method.state_dict().items() if k.startswith("noise_models.")}
    method.load_state_dict({**own_noise, **weights})
    return method


def _noise_model(entry: _Noise, channel: int, tensors: Mapping[str, torch.Tensor]) -> NoiseModel:
    prefix = f"{_NOISE_PREFIX}.{channel}."
    own = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    return noise_model_from_record(NoiseRecord(kind=entry.kind, tensors=own, settings=entry.settings))
