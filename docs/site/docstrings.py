"""Docstrings of the code as Sphinx reads them: shapes such as (C, *S) are no emphasis, and settings are listed once."""

import re
from typing import Any

from pydantic import BaseModel

_STAR = re.compile(r"(?<![\w*`])\*(?=[A-Za-z]\w*(?!\w*\*))")
_MODEL = re.compile(r":(param|type) model:")


def mend(app: Any, what: str, name: str, target: object, options: Any, lines: list[str]) -> None:
    """Change the lines of a docstring in place.

    Args:
        app: Sphinx.
        what: "class", "method" and so on.
        name: Full name of what is documented.
        target: What is documented.
        options: Options of the directive.
        lines: The docstring, its sections turned into fields already.
    """
    # A function that takes the model first is a method of it, whose first argument nobody gives.
    kept = [line for line in lines if what != "method" or not _MODEL.match(line)]
    lines[:] = [line if "``" in line else _STAR.sub(r"\\*", line) for line in kept]


def shorten(
    app: Any, what: str, name: str, target: object, options: Any, signature: str | None, returned: str | None
) -> tuple[str | None, str | None]:
    """Leave out the signature of settings, whose names and values stand in a table.

    Args:
        app: Sphinx.
        what: "class", "method" and so on.
        name: Full name of what is documented.
        target: What is documented.
        options: Options of the directive.
        signature: The arguments, in parentheses.
        returned: The type of what is returned.

    Returns:
        Signature and returned type as they are shown.
    """
    is_settings = isinstance(target, type) and issubclass(target, BaseModel)
    return ("", None) if is_settings else (signature, returned)
