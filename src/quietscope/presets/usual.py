"""Which method denoises where nobody names one."""

from collections.abc import Mapping
from typing import Any

from quietscope.presets.configuration import AUTO

_FOR_A_METHOD = ("preset", "psf", "direct", "network", "start")
"""Settings that suit one method and not the next."""


def with_usual_method(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings in which the method is to be chosen by the noise, where they say nothing that speaks for one.

    Args:
        values: Settings by name, as for `Configuration.of`.

    Returns:
        The settings, with the method "auto" unless they name a method, or a preset, a noise model, a PSF, a direct
        denoiser, settings of a network or a model to start from: then that of `Configuration`, which has all of these.
    """
    named = "method" in values or any(values.get(name) for name in _FOR_A_METHOD)
    is_open = not named and values.get("noise", AUTO) == AUTO
    return {**values, "method": AUTO} if is_open else dict(values)
