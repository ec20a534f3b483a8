"""A run that starts from the weights of a model that there is, rather than from random ones."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from quietscope.errors import ChannelError, SettingsError
from quietscope.methods import canonical
from quietscope.methods.base import Method
from quietscope.methods.blind_first import BLIND_SHARE, BlindFirstSettings
from quietscope.model.file import ModelCard, load_model, start_in
from quietscope.presets import Configuration
from quietscope.wording import typed

_OF_MODEL = ("method", "preset", "dims", "normalize")
_BATCH_NORM = (nn.BatchNorm2d, nn.BatchNorm3d)
_NOISE = "noise_models."


def with_start(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings on top of those of the model that they start from.

    Args:
        values: Settings by name, as for `Configuration.of`; "start" names the model file.

    Returns:
        The settings with the model's method, preset, network, axes and normalisation where they name none, and without
        a blind part of training unless they name one; the same settings where they start from no model.

    Raises:
        ModelFileError: If the file is no model.
        SettingsError: If the settings name another method than the model's.
    """
    start = values.get("start")
    if not isinstance(start, str):  # nothing, or no name of a file, which the configuration refuses
        return dict(values)
    before, steps = start_in(start)
    method = values.get("method")
    if isinstance(method, str) and canonical(method) != before.method:
        raise SettingsError(
            f"{before.method}, the method of {start}, to start from it", f"{method}", "leave the method out"
        )
    network = values.get("network")
    own = {name: getattr(before, name) for name in _OF_MODEL} | ({} if before.psf is None else {"psf": before.psf})
    own["start_steps"] = steps
    merged = {**own, **{name: value for name, value in values.items() if name != "method"}}
    if network is None or isinstance(network, Mapping):  # what is no mapping is refused with the rest
        merged["network"] = {**before.network, **_untaught(before), **(network or {})}
    return merged


def _untaught(before: Configuration) -> dict[str, float]:
    """Return the setting that leaves out the blind part of a training, which weights from a model have behind them."""
    settings = before.method_settings()
    return {BLIND_SHARE: 0.0} if isinstance(settings, BlindFirstSettings) and settings.blind_share else {}


def take_weights(method: Method, configuration: Configuration) -> None:
    """Give an untrained method the weights of the model that its configuration starts from.

    Networks see normalised images, so that their weights serve other intensities too; statistics, scale and noise
    models stay those of the new images.

    Args:
        method: The method, which is changed.
        configuration: Its configuration; nothing is done where it names no model to start from.

    Raises:
        ModelFileError: If the file is no model.
        ChannelError: If the model is for images of another number of channels.
        SettingsError: If the model's network is another one, or pruned.
    """
    if configuration.start is None:
        return
    before, card = load_model(configuration.start)
    _check_alike(before, card, method, Path(configuration.start).name)
    own, found = _weights(method), _weights(before)
    unlike = [name for name in {**own, **found} if name not in own or name not in found]
    unlike += [name for name in own if name in found and own[name].shape != found[name].shape]
    if unlike:
        raise SettingsError(
            "a model of the very network that is to be trained",
            f"{Path(configuration.start).name}, which differs in {unlike[0]}",
            f"leave out preset and settings of the network, or `{typed('start')}`",
        )
    with torch.no_grad():
        for name, weight in own.items():
            weight.copy_(found[name])


def _check_alike(before: Method, card: ModelCard, method: Method, name: str) -> None:
    """Refuse a model whose weights cannot serve, in words of what a person knows of it."""
    now, then = method.statistics.num_channels, before.statistics.num_channels
    if now != then:
        raise ChannelError(
            f"images of {then} channel{'s' * (then != 1)}, as {name} knows", str(now), "name another model"
        )
    if card.pruned_share:
        raise SettingsError(
            "a model to start from as it was trained", f"{name}, which is pruned", "name the full model"
        )
    if before.spatial_dims != method.spatial_dims:
        fix = f"leave out `{typed('dims')}`, or name a model of {method.spatial_dims}-D"
        raise SettingsError(f"a run in {before.spatial_dims}-D, as {name} was trained", f"{method.spatial_dims}-D", fix)


def _weights(method: Method) -> dict[str, Tensor]:
    """Return what a network has learnt, by name: parameters, and what batch norm has averaged."""
    learnt: dict[str, Tensor] = {n: p for n, p in method.named_parameters() if not n.startswith(_NOISE)}
    for prefix, module in method.named_modules():
        if isinstance(module, _BATCH_NORM) and not prefix.startswith(_NOISE):
            learnt |= {f"{prefix}.{name}": buffer for name, buffer in module.named_buffers(recurse=False)}
    return learnt
