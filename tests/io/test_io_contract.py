"""Every format does what the contract asks."""

from pathlib import Path

import numpy as np
import pytest

from quietscope.io import FORMATS
from quietscope.io.format import WriteRequest
from quietscope.testing.reader_contract import Case, reader_cases

ALIKE = {".ome.tiff": ".ome.tif", ".tiff": ".tif", ".zarr": ".ome.zarr"}


def can_hold(request: WriteRequest) -> bool:
    """Say what of all images each extension can hold."""
    name, others = request.path.name, set(request.axes) - set("TZYX")
    if name.endswith(".ome.tif"):
        return request.dtype not in (np.float16, np.int64, np.uint64)
    if name.endswith(".ome.zarr"):
        return len(others) <= 1
    if name.endswith(".png"):
        return sorted(request.axes) == ["X", "Y"] and request.dtype in (np.uint8, np.uint16)
    return True


def cases() -> list[Case]:
    return [case for fmt in FORMATS.values() for case in reader_cases(fmt, holds=can_hold, alike=ALIKE)]


@pytest.mark.parametrize("case", cases(), ids=str)
def test_contract(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
