"""Every format does what the contract asks."""

import pytest

from quietscope.io import FORMATS
from quietscope.testing.reader_contract import reader_cases


@pytest.mark.parametrize("case", [case for fmt in FORMATS.values() for case in reader_cases(fmt)], ids=str)
def test_contract(case, tmp_path):
    case.run(tmp_path)
