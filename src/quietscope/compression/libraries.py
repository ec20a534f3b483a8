"""The optional libraries that compression needs, imported when they are."""

import importlib
from typing import Any

from quietscope.errors import CompressionError

_PACKAGES = {"torch_pruning": "torch-pruning"}


def imported(name: str) -> Any:
    """Import an optional library.

    Args:
        name: Name of the module.

    Returns:
        The module.

    Raises:
        CompressionError: If it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = _PACKAGES.get(name.partition(".")[0], name.partition(".")[0])
        raise CompressionError(
            f"{package} to be installed", f"no module {error.name or name}", 'run `pip install "quietscope[export]"`'
        ) from error
