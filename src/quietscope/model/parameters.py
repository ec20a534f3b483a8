"""The arguments of `quietscope.Denoiser` as parameters that others, such as scikit-learn's `clone`, read and set.

What was passed is kept as it is, the very objects, beside the configuration that is made of it: whoever clones a
denoiser passes them on and looks whether they come back unchanged.
"""

import inspect
import os
from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

import torch

from quietscope.errors import SettingsError
from quietscope.model.starting import with_start
from quietscope.nn.hardware import chosen_device
from quietscope.presets import Configuration

DEVICE, START = "device", "start"


class Parametrized(Protocol):
    """What is made of parameters; `quietscope.Denoiser` is."""

    configuration: Configuration
    device: torch.device
    made_of: dict[str, Any]


Made = TypeVar("Made", bound=Parametrized)


def defaults_of(kind: type) -> dict[str, Any]:
    """Return the parameters of a class with their defaults, as its constructor names them."""
    named = inspect.signature(kind).parameters
    return {name: each.default for name, each in named.items()}


def configuration_of(parameters: Mapping[str, Any], defaults: Mapping[str, Any]) -> Configuration:
    """Return the configuration that parameters stand for.

    Args:
        parameters: Those of `quietscope.Denoiser`, all of them.
        defaults: Their defaults; where training starts from a model, what has its default is that of the model.

    Raises:
        SettingsError: If one is unknown or out of range, or the method is not that of the model to start from.
        BudgetError: If the budget cannot be read.
        ModelFileError: If there is no model to start from.
    """
    values = {name: value for name, value in parameters.items() if name != DEVICE}
    budget, start = values["budget"], values[START]
    values |= {"budget": None if budget is None else str(budget)}
    values |= {name: dict(values[name] or {}) for name in ("network", "training")}
    if start is None:
        return Configuration.of(values)
    named = {name: value for name, value in values.items() if parameters[name] != defaults[name]}
    return Configuration.of(with_start({**named, START: os.fspath(start)}))


def parameters_of(
    configuration: Configuration, device: str | torch.device | None, defaults: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the parameters that stand for a configuration, where no others were passed."""
    found = {name: getattr(configuration, name) for name in defaults if name != DEVICE}
    return {**found, "network": found["network"] or None, "training": found["training"] or None, DEVICE: device}


def get_params(model: Parametrized, deep: bool = True) -> dict[str, Any]:
    """Return the arguments that the denoiser was made with, by name, as they were passed.

    Args:
        model: The denoiser.
        deep: Taken as scikit-learn passes it; no parameter has parameters of its own.

    Returns:
        The parameters; of a denoiser that was loaded, those that its configuration stands for.
    """
    return dict(model.made_of)


def set_params(model: Made, **parameters: Any) -> Made:
    """Change arguments that the denoiser was made with, for the next `fit`; what it has learnt stays until then.

    Args:
        model: The denoiser.
        **parameters: Arguments as for `quietscope.Denoiser`.

    Returns:
        The denoiser itself.

    Raises:
        SettingsError: If one is unknown or out of range; nothing is changed then.
        BudgetError: If the budget cannot be read.
    """
    if not parameters:
        return model
    unknown = sorted(set(parameters) - set(model.made_of))
    if unknown:
        known = ", ".join(model.made_of)
        raise SettingsError("parameters of Denoiser", repr(unknown[0]), f"choose among {known}")
    changed = {**model.made_of, **parameters}
    configuration, device = configuration_of(changed, defaults_of(type(model))), chosen_device(changed[DEVICE])
    model.configuration, model.device, model.made_of = configuration, device, changed
    return model
