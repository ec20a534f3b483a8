"""Verbs of other packages, as attributes: cyclopts imports a verb by module and name when it is typed."""

from collections.abc import Callable

from quietscope.cli import COMMANDS


def __getattr__(name: str) -> Callable[..., object]:
    """Return the function behind a verb that another package declares.

    Raises:
        PluginError: If it cannot be imported.
    """
    if name not in COMMANDS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return COMMANDS[name]
