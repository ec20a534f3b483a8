"""The pages for users under docs/ run from top to bottom, as README does; and no code of any page escapes its test."""

import re
import shutil
from pathlib import Path

import pytest

from tests.documents.running import blocks, work_through
from tests.documents.shortening import furnish, shorten

DOCS = Path(__file__).parents[2] / "docs"
ROOMS = ("tutorials", "howto", "explanations", "reference", "gallery", "extend")
USER_PAGES = sorted(page for room in ROOMS for page in (DOCS / room).glob("*.md"))
WITH_CODE = [page for page in USER_PAGES if [*blocks(page.read_text(encoding="utf-8"))]]
EVERY_PAGE = [*USER_PAGES, *sorted(DOCS.glob("*.md")), DOCS.parent / "README.md"]
FENCE = re.compile(r"^[ >]*(```+|~~~+|:::+)(\S*)", re.MULTILINE)
NOT_RUN = re.compile(r"^<!-- (?:not run: [^>]+|run where there is: (\S+)) -->\n```", re.MULTILINE)


def named(page: Path) -> str:
    return page.relative_to(DOCS.parent).with_suffix("").as_posix()


def test_there_are_pages_with_code() -> None:
    assert {page.parent.name for page in WITH_CODE} >= {"tutorials", "howto", "reference"}


@pytest.mark.parametrize("page", WITH_CODE, ids=named)
def test_a_user_page_runs(page: Path, tmp_path: Path) -> None:
    text = page.read_text(encoding="utf-8")
    furnish(text, tmp_path)
    work_through(shorten(text), tmp_path)


@pytest.mark.parametrize("page", EVERY_PAGE, ids=named)
def test_every_block_of_code_is_run_or_says_why_not(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    opened = [kind for _, kind in FENCE.findall(text) if kind and not kind.startswith("{")]
    left_out = [program for program in NOT_RUN.findall(text) if not (program and shutil.which(program))]
    assert len(opened) == len([*blocks(text)]) + len(left_out), opened
