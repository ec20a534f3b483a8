"""Libraries that only some of the work needs, imported when it is asked for."""

import importlib
from typing import Any

from quietscope.errors import QuietScopeError

_PACKAGES = {"torch_pruning": "torch-pruning", "bioimageio": "bioimageio.core", "bioio_vsi": "bioio-vsi"}


def imported(name: str, error: type[QuietScopeError], extra: str = "export") -> Any:
    """Import a library that comes with an extra.

    Args:
        name: Name of the module.
        error: What to raise.
        extra: Which extra installs it.

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
        fix = f'run `pip install "quietscope[{extra}]"`'
        raise error(f"{package} to be installed", f"no module {cause.name or name}", fix) from cause
