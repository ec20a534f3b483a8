"""Libraries that only some of the work needs, imported when it is asked for."""

import importlib
from typing import Any

from quietscope.errors import QuietScopeError

_PACKAGES = {"torch_pruning": "torch-pruning", "bioimageio": "bioimageio.core"}


def imported(name: str, error: type[QuietScopeError]) -> Any:
    """Import a library of the extra "export".

    Args:
        name: Name of the module.
        error: What to raise.

    Returns:
        The module.

    Raises:
        QuietScopeError: Of that class, if it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as cause:
        top = name.partition(".")[0]
        package = _PACKAGES.get(top, top)
        fix = 'run `pip install "quietscope[export]"`'
        raise error(f"{package} to be installed", f"no module {cause.name or name}", fix) from cause
