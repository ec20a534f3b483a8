"""A missing library is one line that installs it, in Python and in the shell."""

import sys

import pytest

from quietscope.cli import run
from quietscope.compression import Compression
from quietscope.errors import CompressionError, ExportError
from quietscope.optional import imported


def test_what_is_there_is_imported() -> None:
    assert imported("json", ExportError).loads("1") == 1


@pytest.mark.parametrize(
    ("module", "package"),
    [("nncf", "nncf"), ("torch_pruning", "torch-pruning"), ("bioimageio.core", "bioimageio.core")],
)
def test_what_is_missing_is_named_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, module: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ExportError, match=rf'expected {package} .* `pip install "quietscope\[export\]"`'):
        imported(module, ExportError)


def test_compression_asks_before_it_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nncf", None)
    with pytest.raises(CompressionError, match="nncf to be installed"):
        Compression(int8=True)


def test_export_says_so_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: object, model: object
) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    assert run(["export", str(model), "-o", f"{tmp_path}/model.onnx"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert 'pip install "quietscope[export]"' in said
