"""Every format does what the contract asks."""

from pathlib import Path

import pytest

from quietscope.io import FORMATS
from quietscope.testing.reader_contract import Case, reader_cases


@pytest.mark.parametrize("case", [case for fmt in FORMATS.values() for case in reader_cases(fmt)], ids=str)
def test_contract(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
