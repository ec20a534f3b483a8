"""The pages for who adds something or runs a cluster: the packages they make, the commands, the tests they advise."""

import re
from pathlib import Path

import pytest

from tests.documents.furniture import furnish_for
from tests.documents.running import blocks, make_configuration, work_through
from tests.documents.shortening import analyse_few

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(page for page in DOCS.glob("*.md") if page.stem not in ("README", "index"))


OURS = ("hdn", "noise2void")
SMALL = "training: {patch: 32, batch_size: 2, validation_patches: 2, warmup_steps: 0}\n"


def shorten(text: str) -> str:
    """Make what trains for minutes train a tiny network for three steps, and draw few samples."""
    text = re.sub(r"quietscope (denoise|train|distill) [^\n#]*--budget \w+", _shorten_command, text)
    return re.sub(r"^quietscope [^\n#]*", lambda found: analyse_few(found[0]), text, flags=re.MULTILINE)


def _shorten_command(found: re.Match[str]) -> str:
    words = found[0]
    if found[1] == "distill":
        return re.sub(r"--budget \w+", "--steps 3", words)
    named = re.search(r"--method (\w+)", words)
    method = named[1] if named else "hdn"
    options = f"--steps 3 --config {method if method in OURS else 'small'}.yaml"
    return re.sub(r"--budget \w+", options + " --samples 4" * (found[1] == "denoise"), words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_runs(page: Path, tmp_path: Path) -> None:
    text = page.read_text(encoding="utf-8")
    found = [*blocks(text)]
    assert found
    assert not page.stem.startswith("add-") or sum(block.path is not None for block in found) >= 2
    furnish_for(text, tmp_path)
    for method in OURS:
        make_configuration(tmp_path / f"{method}.yaml", method)
    (tmp_path / "small.yaml").write_text(SMALL, encoding="utf-8")
    work_through(shorten(text), tmp_path)


def test_the_index_lists_every_page() -> None:
    links = re.findall(r"\]\(([\w-]+\.md)\)", (DOCS / "README.md").read_text(encoding="utf-8"))
    assert sorted({*links} - {"index.md"}) == [page.name for page in PAGES]
