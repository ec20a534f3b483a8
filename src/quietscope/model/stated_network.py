"""The settings of a network in a model file: all are stated, because a preset may be another in a later version."""

from collections.abc import Mapping
from typing import Any

from quietscope.methods import METHODS, canonical
from quietscope.presets.configuration import AUTO, NEIGHBOURS
from quietscope.presets.preset import find_preset

_DIMS = "spatial_dims"
"""The setting that a configuration has under a name of its own, `dims`."""
_OF_RUN = (_DIMS, NEIGHBOURS)
"""Settings that a configuration has beside `network`."""


def with_network(values: Mapping[str, Any], method: str, stated: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the values of a configuration such that today's preset of their name gives the network of a file.

    Args:
        values: Values of a configuration by name, as its file has them.
        method: Name of the method.
        stated: All settings of the network; None where the file, of an earlier version, names the preset alone.

    Returns:
        The values; `network` names every setting that today's preset has otherwise.

    Raises:
        ValueError: If the settings are not those of the method; `SettingsError` for an unknown preset.
    """
    named_method = canonical(values.get("method", "hdn"))
    if named_method != method:
        raise ValueError(f"weights of {method}, settings of {named_method}")
    preset = find_preset(method, values.get("preset", "fast"))
    named = {name: value for name, value in (values.get("network") or {}).items() if value != AUTO}
    if stated is None:
        if preset.former_network is None:
            return dict(values)
        stated = preset.former_network.model_dump()
        named[_DIMS] = values.get("dims", 2)
    elif METHODS[method].settings_type(**stated) != METHODS[method].settings_type(**{**stated, **named}):
        raise ValueError("a network that is not the one of its configuration")
    settings = METHODS[method].settings_type(**{**stated, **named}).model_dump()
    today = preset.network.model_dump()
    differing = {name: value for name, value in settings.items() if value != today[name] and name not in _OF_RUN}
    named.pop(_DIMS, None)
    return {**values, "network": {**named, **differing}}
