"""``quietscope read``: what is written and shown, and mistakes in one line each."""

import json
import sys
from pathlib import Path

import pytest

from quietscope import write_image
from tests.cli.command_line import Quietscope, refused
from tests.consensus.by_heart import by_heart, noisy


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A noisy page."""
    write_image(tmp_path / "page.tif", noisy(), "YX")
    return tmp_path / "page.tif"


def test_what_is_written_and_shown(
    quietscope: Quietscope, monkeypatch: pytest.MonkeyPatch, model: Path, page: Path, tmp_path: Path
) -> None:
    by_heart(monkeypatch, "mean", "map", *["casts", "costs", "casts"] * 4)
    words = ["read", model, page, "--samples", 3, "--device", "cpu"]
    status, out, err = quietscope(*words, "-o", tmp_path / "text.json")
    assert status == 0, err
    assert "casts 67%, costs 33%" in out
    written = json.loads((tmp_path / "text.json").read_text(encoding="utf-8"))
    assert (written["format"], written["format_version"], written["samples"]) == ("quietscope text", 1, 3)
    assert (written["image"], written["language"], written["layout"]) == ("page.tif", "eng", "block")
    (read,) = written["pages"]
    assert set(read) == {"page", "text", "mean_text", "map_text", "ink", "greys", "scale", "words"}
    (word,) = read["words"]
    assert (word["text"], word["line"], word["box"]) == ("casts", 0, [2.0, 2.0, 20.0, 10.0])
    assert word["readings"] == [
        {"text": "casts", "probability": 0.6667, "count": 8},
        {"text": "costs", "probability": 0.3333, "count": 4},
    ]
    assert quietscope(*words, "-o", tmp_path / "text.txt")[0] == 0
    assert (tmp_path / "text.txt").read_text(encoding="utf-8") == "casts\n"
    refused(quietscope(*words, "-o", tmp_path / "text.txt"), "--overwrite")


def test_nothing_is_written_where_nothing_is_read(
    quietscope: Quietscope, monkeypatch: pytest.MonkeyPatch, model: Path, page: Path, tmp_path: Path
) -> None:
    by_heart(monkeypatch, "")
    words = ["read", model, page, "--samples", 2, "--device", "cpu", "-o", tmp_path / "text.json"]
    refused(quietscope(*words), "none on 1 page", "--ink light", "--layout line")
    assert [each.name for each in tmp_path.iterdir()] == ["page.tif"]


def test_a_part_of_a_page_is_read(
    quietscope: Quietscope, monkeypatch: pytest.MonkeyPatch, model: Path, page: Path, tmp_path: Path
) -> None:
    reader = by_heart(monkeypatch, "word")
    words = ["read", model, page, "--samples", 2, "--device", "cpu", "-o", tmp_path / "text.txt"]
    assert quietscope(*words, "--region", "0:16,8:40")[0] == 0
    assert reader.shown[1][0].shape == (16, 32)
    refused(quietscope(*words, "--overwrite", "--region", "0:4,8:40"), "8 to 32,000 pixels", "4 x 32")


def test_without_pytesseract_one_line_installs_it(
    quietscope: Quietscope, monkeypatch: pytest.MonkeyPatch, model: Path, page: Path, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "pytesseract", None)
    said = quietscope("read", model, page, "-o", tmp_path / "text.json")
    refused(said, 'pip install "quietscope[text]"', "apt install tesseract-ocr")
    assert not (tmp_path / "text.json").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-o", "text.csv"], "text.json"),
        (["-o", "none/text.json"], "mkdir"),
        (["-o", "text.json", "--samples", "1"], "--samples 30"),
        (["-o", "text.json", "--scale", "9"], "--scale 2"),
    ],
)
def test_mistakes(
    quietscope: Quietscope, monkeypatch: pytest.MonkeyPatch, model: Path, page: Path, words: list[str], said: str
) -> None:
    monkeypatch.chdir(page.parent)
    refused(quietscope("read", model, page, *words), said)
