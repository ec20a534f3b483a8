"""Tensors of others under QuietScope's names, by a table of patterns."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from torch import Tensor

Replacement: TypeAlias = str | Callable[[re.Match[str]], str]
"""What replaces what a pattern found."""
Table: TypeAlias = Sequence[tuple[str, Replacement]]
"""Patterns of the beginnings of others' names, and what replaces them; the first that matches counts."""


def renamed(weights: Mapping[str, Tensor], table: Table, skipped: Sequence[str] = ()) -> dict[str, Tensor]:
    """Give tensors QuietScope's names.

    Args:
        weights: Tensors by their names in another program.
        table: Patterns and replacements.
        skipped: Beginnings of names of tensors that a network does without in prediction.

    Returns:
        The tensors by their new names; those that no pattern fits keep theirs, by which they are refused later.
    """
    found = {}
    for name, tensor in weights.items():
        if not name.startswith(tuple(skipped)):
            found[_renamed(name, table)] = tensor
    return found


def count(weights: Mapping[str, Tensor], pattern: str) -> int:
    """Return how many numbers a pattern with one group finds in names that it matches from their beginning."""
    found = (re.match(pattern, name) for name in weights)
    return len({match[1] for match in found if match})


def _renamed(name: str, table: Table) -> str:
    for pattern, replacement in table:
        new, number = re.subn(f"^{pattern}", replacement, name, count=1)
        if number:
            return new
    return name
