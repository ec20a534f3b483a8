"""What an import that is refused says."""

from pathlib import Path
from typing import Any

import pytest

from quietscope.errors import ModelFileError
from quietscope.importers import import_model


def refusal(path: Path, **given: Any) -> str:
    """Import a checkpoint that cannot be, and return the one line that says so."""
    with pytest.raises(ModelFileError) as caught:
        import_model(path, **given)
    assert "\n" not in str(caught.value)
    return str(caught.value)
