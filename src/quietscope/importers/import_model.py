"""Models that other programs trained, as models of QuietScope that predict the same."""

import os
from collections.abc import Sequence
from pathlib import Path

import torch

from quietscope.data.normalize import Statistics
from quietscope.denoiser import Denoiser
from quietscope.errors import ModelFileError, NoiseError, SettingsError
from quietscope.importers import from_careamics, from_cosdd, from_divnoising, from_hdn
from quietscope.importers.foreign_checkpoint import Checkpoint, Importer, Translated, read_checkpoint
from quietscope.methods import METHODS
from quietscope.methods.base import BuiltMethod
from quietscope.model.file import ModelCard
from quietscope.noise import Gaussian, NoiseModel
from quietscope.noise.noise_file import load_noise_model
from quietscope.noise.noise_spec import NoiseFile, SigmaNoise, parse_noise_spec
from quietscope.outside.shown import shown
from quietscope.presets import Configuration
from quietscope.wording import typed

IMPORTERS: tuple[Importer, ...] = (
    from_hdn.IMPORTER,
    from_cosdd.IMPORTER,
    from_divnoising.IMPORTER,
    from_careamics.IMPORTER,
)
_MOST_CHANNELS = 4096


def import_model(
    path: str | os.PathLike[str],
    *,
    mean: float | Sequence[float] | None = None,
    std: float | Sequence[float] | None = None,
    noise: str | None = None,
) -> Denoiser:
    """Read a checkpoint of another program; nothing in it is run.

    Args:
        path: A checkpoint, as its authors' program writes it.
        mean: Mean that the network was trained to subtract, in the units of the images, one or one per channel; needed
            where the checkpoint does not tell, and goes before what it tells.
        std: Standard deviation that it was trained to divide by, likewise.
        noise: Noise model of a method that has one: a noise file or "sigma=NUMBER", one or one per channel separated by
            commas; needed where the checkpoint has none, and goes before it.

    Returns:
        A trained denoiser; `Denoiser.save` writes it as a model file.

    Raises:
        ModelFileError: If the checkpoint is damaged, or not understood.
        SettingsError: If mean or deviation are missing or unusable.
        NoiseError: If a noise model is missing or unusable.
    """
    checkpoint = read_checkpoint(Path(path))
    importer = next((each for each in IMPORTERS if each.is_one(checkpoint)), None)
    if importer is None:
        known = " or ".join(each.what for each in IMPORTERS)
        first = min(checkpoint.weights)[:80]
        raise ModelFileError(
            f"a checkpoint of {known}",
            f"{path}, another network, with {first!r} in it",
            "train such a network with QuietScope itself",
        )
    try:
        found = importer.translated(checkpoint)
        settings = {"method": found.method, "preset": found.preset, "dims": found.dims, "network": dict(found.network)}
        configuration = Configuration.of(settings)
    except ModelFileError:
        raise
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:  # QuietScopeError among them
        raise _unfit(checkpoint, importer, error) from error
    if not 1 <= found.channels <= _MOST_CHANNELS:
        raise _unfit(checkpoint, importer, f"{found.channels} channels")
    statistics = Statistics(_scale(found, mean, "mean"), _scale(found, std, "std"))
    models = _noise_models(found, noise)
    method = _built(checkpoint, importer, found, configuration, statistics, models)
    source = f"imported from {shown(Path(path).name)}, {importer.what}"
    return Denoiser.of(method, ModelCard(configuration=configuration, source=source))


def _unfit(checkpoint: Checkpoint, importer: Importer, reason: object) -> ModelFileError:
    return checkpoint.unusable(f"a whole checkpoint of {importer.what}", f"parts that do not fit ({reason})")


def _scale(found: Translated, given: float | Sequence[float] | None, name: str) -> torch.Tensor:
    """Return the mean or the deviation of every channel."""
    own = found.mean if name == "mean" else found.std
    option = f"`{typed(**{name: '100' if name == 'mean' else '20'})}`"
    if given is None and own is None:
        raise SettingsError(
            f"the {name} of the training images, which this checkpoint does not hold",
            "none",
            f"pass e.g. {option}, the number that its training printed or subtracted",
        )
    values = own if given is None else (given if isinstance(given, Sequence) else (given,))
    assert values is not None
    if len(values) not in (1, found.channels):
        raise SettingsError(
            f"one {name}, or one for each of {found.channels} channels", f"{len(values)}", "pass as many"
        )
    scale = torch.tensor([float(each) for each in values], dtype=torch.float32).repeat(found.channels // len(values))
    if not bool(torch.isfinite(scale).all()) or (name == "std" and not bool((scale > 0).all())):
        words = "a finite mean" if name == "mean" else "a finite std above zero"
        raise SettingsError(words, ", ".join(f"{each:g}" for each in values), f"pass e.g. {option}")
    return scale


def _noise_models(found: Translated, given: str | None) -> list[NoiseModel]:
    """Return the noise model of every channel; none for a method without."""
    if not METHODS[found.method].needs_noise:
        if given is not None:
            raise NoiseError(f"no noise model for {found.method}, which needs none", repr(given), "leave it out")
        return []
    if given is None and found.noise is not None:
        return [found.noise] * found.channels
    if given is None:
        raise NoiseError(
            f"a noise model for {found.method}, which the checkpoint does not hold",
            "none",
            f"pass `{typed(noise='noise.npz')}`, or `{typed(noise='sigma=25')}` in units of the image",
        )
    models = [_noise_model(word) for word in given.split(",")]
    if len(models) not in (1, found.channels):
        raise NoiseError(
            f"one noise model, or one for each of {found.channels} channels", f"{len(models)}", "pass as many"
        )
    return models * (found.channels // len(models))


def _noise_model(word: str) -> NoiseModel:
    spec = parse_noise_spec(word)
    if isinstance(spec, SigmaNoise):
        return Gaussian(spec.sigma)
    if isinstance(spec, NoiseFile):
        return load_noise_model(spec.path)
    raise NoiseError("a noise file or sigma=NUMBER", repr(word), f"pass e.g. `{typed(noise='sigma=25')}`")


def _built(
    checkpoint: Checkpoint,
    importer: Importer,
    found: Translated,
    configuration: Configuration,
    statistics: Statistics,
    models: Sequence[NoiseModel],
) -> BuiltMethod:
    """Build the method and give it the weights; every tensor must find its place, and every place its tensor."""
    kind, settings = METHODS[found.method], configuration.method_settings()
    with torch.device("meta"):  # without memory, until the sizes are known to fit
        wanted = kind.build(settings, statistics, models).state_dict()
    learnt = {name for name in wanted if not name.startswith(("statistics.", "noise_models."))}
    for name in sorted(learnt ^ set(found.weights)):
        raise _unfit(checkpoint, importer, f"{name[:80]!r} {'is missing' if name in learnt else 'is one too many'}")
    for name, tensor in found.weights.items():
        if tensor.shape != wanted[name].shape:
            raise _unfit(
                checkpoint, importer, f"{name[:80]!r} of shape {tuple(tensor.shape)}, not {tuple(wanted[name].shape)}"
            )
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise _unfit(checkpoint, importer, f"NaN or infinity in {name[:80]!r}")
    method = kind.build(settings, statistics, models)
    state = method.state_dict()
    method.load_state_dict({**state, **found.weights})
    return method.eval()
