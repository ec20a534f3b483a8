"""Segmenters that other packages declare."""

import numpy as np
import pytest

from quietscope.consensus import segmenters
from quietscope.consensus.segmenters import SEGMENTERS, Chosen
from quietscope.errors import PluginError
from quietscope.registry import Registry, _declarations
from quietscope.wording import for_the_command_line
from tests.conftest import MakePackage

CODE = """
def everything(image):
    return (image == image).astype(int)

NOTHING = 3
"""


def test_a_package_declares_a_segmenter(make_package: MakePackage, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"everything": "everything", "broken": "NOTHING"}
    monkeypatch.syspath_prepend(make_package("lab-cells", CODE, "quietscope.segmenters", names))
    _declarations.cache_clear()
    known = Registry(SEGMENTERS.group, SEGMENTERS._own, SEGMENTERS._check)
    monkeypatch.setattr(segmenters, "SEGMENTERS", known)
    assert list(known) == ["threshold", "watershed", "broken", "everything"]
    assert Chosen(name="everything").segmenter()(np.zeros((2, 2), np.float32)).tolist() == [[1, 1], [1, 1]]
    with for_the_command_line(), pytest.raises(PluginError, match="it must be a function"):
        Chosen(name="broken").segmenter()
    _declarations.cache_clear()
