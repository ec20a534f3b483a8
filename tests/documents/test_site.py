"""What the site makes of the code: no verb, format, preset, setting or public name is without its page."""

import importlib.util
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import quietscope
from quietscope.cli import NOISE_VERBS, PSF_VERBS, VERBS
from quietscope.io import FORMATS
from quietscope.methods import METHODS
from quietscope.presets import PRESETS

SITE = Path(__file__).parents[2] / "docs" / "site"
INDEX = SITE.parent / "reference" / "index.md"


@pytest.fixture(scope="module")
def pages() -> Iterator[ModuleType]:
    """Import the maker of pages, which lies beside the pages and in no package."""
    spec = importlib.util.spec_from_file_location("pages", SITE / "pages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["pages"] = module
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of libraries of export targets, which it imports
        spec.loader.exec_module(module)
    yield module
    del sys.modules["pages"]


@pytest.fixture(scope="module")
def made(pages: ModuleType) -> dict[str, str]:
    return dict(pages.every_page())


def test_every_verb_has_a_page_made_of_its_help(made: dict[str, str]) -> None:
    words = [*VERBS, *(f"noise-{each}" for each in NOISE_VERBS), *(f"psf-{each}" for each in PSF_VERBS)]
    assert [word for word in words if f"verb-{word}" not in made] == []
    assert "quietscope denoise [OPTIONS] IMAGES..." in made["verb-denoise"]
    assert "`--budget STR`: Training time" in made["verb-denoise"]
    assert "quietscope noise fit " in made["verb-noise-fit"]


def test_every_public_name_is_documented_once(made: dict[str, str]) -> None:
    found = re.findall(r"^\.\. auto\w+:: quietscope\.(\w+)$", "".join(made.values()), re.MULTILINE)
    assert sorted(found) == sorted({*quietscope.__all__} - {"__version__"})


def test_registries_are_listed_whole(made: dict[str, str]) -> None:
    suffixes = [suffix for each in FORMATS.values() for suffix in each.suffixes]
    assert [suffix for suffix in suffixes if f"`{suffix}`" not in made["formats"]] == []
    assert [key for key in PRESETS if f"### {key}\n" not in made["presets"]] == []
    measured = [line for each in PRESETS.values() for line in each.measured]
    assert [line for line in measured if line not in made["presets"]] == []
    assert [name for name in METHODS if f"## network, of {name}\n" not in made["settings"]] == []


def test_every_page_is_reached(made: dict[str, str]) -> None:
    index = INDEX.read_text(encoding="utf-8")
    assert [name for name in made if f"made/{name}\n" not in index and not name.startswith("verb-")] == []
    assert "made/verb-*\n" in index


def test_pages_that_would_not_change_are_left_alone(pages: ModuleType, tmp_path: Path) -> None:
    pages.write(tmp_path)
    page = tmp_path / "formats.md"
    earlier = page.stat().st_mtime_ns
    (tmp_path / "verb-gone.md").write_text("a verb that is no more")
    (tmp_path / "presets.md").write_text("other presets")
    pages.write(tmp_path)
    assert page.stat().st_mtime_ns == earlier
    assert not (tmp_path / "verb-gone.md").exists()
    assert (tmp_path / "presets.md").read_text(encoding="utf-8").startswith("# Presets")
