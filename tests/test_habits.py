"""What CONTRIBUTING.md, the Makefile and the hooks of git say is one and the same."""

import re
import tomllib
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def prerequisites(target: str) -> list[str]:
    [line] = re.findall(rf"^{target}:(.*)$", MAKEFILE, re.MULTILINE)
    return str(line).split()


def test_git_runs_before_a_commit_what_make_lint_runs() -> None:
    configuration = YAML(typ="safe").load(ROOT / ".pre-commit-config.yaml")
    [repository] = configuration["repos"]
    assert repository["repo"] == "local"
    hooks = repository["hooks"]
    assert [hook["entry"] for hook in hooks] == [f"make --silent {part}" for part in prerequisites("lint")]
    assert all((hook["language"], hook["pass_filenames"]) == ("system", False) for hook in hooks)


def test_ci_runs_what_a_contributor_runs() -> None:
    steps = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()[-4:]
    assert steps == ["make types", "make test", "make documents", "make faults"]
    assert prerequisites("test") == ["lint"]


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"])
def test_every_target_that_is_named_exists(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    named = set(re.findall(r"(?:^|`)make (\w+)", text, re.MULTILINE))
    assert named
    assert named <= set(re.findall(r"^(\w+):", MAKEFILE, re.MULTILINE))


def map_rows() -> list[str]:
    table = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").partition("## Ideas")[0]
    return [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]


def test_the_map_shows_the_rooms_that_there_are() -> None:
    source = ROOT / "src" / "quietscope"
    rooms = {f"{path.name}/" for path in source.iterdir() if (path / "__init__.py").exists()}
    files = {path.name for path in source.glob("*.py") if not path.name.startswith("__")}
    assert sorted(re.findall(r"`([\w./]+)`", " ".join(map_rows()))) == sorted(rooms | files)


def test_the_map_goes_from_top_to_bottom() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    [contract] = project["tool"]["importlinter"]["contracts"]
    floors = {room: n for n, floor in enumerate(contract["layers"]) for room in re.split(r" [|:] ", floor)}
    firsts = [re.findall(r"`(\w+)", row)[0] for row in map_rows()]
    heights = [floors[room] for room in firsts if room in floors]
    assert heights == sorted(heights)
