"""Documents that run: what their blocks are, the images they speak of, and the process that works through them.

A document is worked through from top to bottom, in one process and one folder:

* ``sh``: each line is a command. `quietscope` and `pytest` run in the process itself; `pip install -e .` enters the
  entry points of the folder's package as pip would, without fetching anything.
* ``python``: a script.
* A block of any kind right after a line that is nothing but a path in backquotes: the contents of that file. After a
  path and a name, "`src/quietscope/tiling/kinds.py`, in `KINDS`": one more member of that tuple, in a copy of the
  source.

A block after ``<!-- not run: reason -->`` is left out, and so is one after ``<!-- run where there is: program -->`` on
a machine that has not got the program.
"""

import ast
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

import quietscope
from quietscope import read_image, sample_path, write_image

TIMEOUT = 900
SIDE, FRAMES = 64, 2
SOURCE = "src/quietscope"
_BLOCK = re.compile(
    r"(?:<!-- (?:(?P<mark>not run): [^>]+|run where there is: (?P<needs>\S+)) -->\n)?"
    r"(?:^`(?P<path>[^`\n]+)`(?:, in `(?P<name>\w+)`)?:?\n\n?)?"
    r"^```(?P<kind>\w+)\n(?P<code>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True, kw_only=True)
class Block:
    """One block of code.

    Attributes:
        kind: "sh", "python" or any other language.
        code: What stands in it.
        path: The file that it is, or is a part of.
        name: The tuple in the file that it becomes a member of.
    """

    kind: str
    code: str
    path: str | None
    name: str | None


def blocks(text: str) -> Iterator[Block]:
    """Yield the blocks of a document that are run or written, in order."""
    for match in _BLOCK.finditer(text):
        if not match["mark"] and (not match["needs"] or shutil.which(match["needs"])):
            yield Block(kind=match["kind"], code=match["code"], path=match["path"], name=match["name"])


def work_through(text: str, folder: Path) -> None:
    """Run a document in a folder, in a process of its own; fails with what it printed."""
    found = [*blocks(text)]
    path = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")]), str(Path(__file__).parents[2])]
    if any((block.path or "").startswith(SOURCE) for block in found):
        shutil.copytree(Path(quietscope.__file__).parent, folder / SOURCE, ignore=shutil.ignore_patterns("*.pyc"))
        path.insert(0, str(folder / Path(SOURCE).parent))
    done = subprocess.run(
        [sys.executable, __file__],
        input=text,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-8000:]


def make_images(folder: Path) -> None:
    """Write the images that the documents speak of: crops of the sample, frames of one scene, and beads."""
    noisy, clean = (
        np.asarray(read_image(sample_path(f"confocal_fish_{which}")))[:FRAMES, :SIDE, :SIDE]
        for which in ("noisy", "clean")
    )
    rng = np.random.default_rng(0)
    frames = rng.poisson(np.tile(clean[:1].astype(float), (12, 1, 1))).astype(np.uint16)
    for name, pixels in (
        ("cells", noisy),
        ("clean", clean),
        ("new_clean", clean),
        ("frames", frames),
        ("series", frames),
    ):
        write_image(folder / f"{name}.tif", pixels, "TYX")
    write_image(folder / "new.ome.tif", noisy, "TYX")
    write_image(folder / "beads.tif", _beads(rng), "YX")
    for day, frame in enumerate(noisy, 1):
        (folder / "plate1" / f"day{day}").mkdir(parents=True)
        write_image(folder / "plate1" / f"day{day}" / "field1.tif", frame, "YX")
    (folder / "incoming").mkdir()
    write_image(folder / "incoming" / "field1.tif", frame, "YX")


def make_configuration(path: Path, method: str) -> None:
    """Write a configuration of a tiny network, trained on few and small patches."""
    from tests.tiny import TRAINING, network

    training = {**TRAINING, "patch": 32}
    path.write_text(json.dumps({"training": training, "network": network(method)}), encoding="utf-8")


def _beads(rng: np.random.Generator) -> np.ndarray:
    """Points on a grid, shaken by up to half a pixel and blurred."""
    y, x = np.mgrid[:160, :160]
    light = np.full((160, 160), 20.0)
    for row, column in product(range(20, 160, 40), repeat=2):
        distance = np.hypot(y - row - rng.uniform(-0.5, 0.5), x - column - rng.uniform(-0.5, 0.5))
        light += 2000 * np.exp(-0.5 * (distance / 1.5) ** 2)
    return rng.poisson(light).astype(np.uint16)


def _perform(block: Block) -> None:
    if block.path is not None and block.name is not None:
        _add_member(Path(block.path), block.name, block.code)
    elif block.path is not None:
        Path(block.path).parent.mkdir(parents=True, exist_ok=True)
        Path(block.path).write_text(block.code, encoding="utf-8")
    elif block.kind == "sh":
        for line in block.code.splitlines():
            _command(shlex.split(line, comments=True))
    elif block.kind == "python":
        exec(compile(block.code, "a block of python", "exec"), {"__name__": "__main__"})
    else:
        raise AssertionError(f"a block of {block.kind} that is no file: nobody runs it")


def _command(words: list[str]) -> None:
    print("$", *words, flush=True)
    if words == ["pip", "install", "-e", "."]:
        _enter_entry_points(Path.cwd())
    elif words[:1] == ["quietscope"]:
        from quietscope.cli import run
        from quietscope.cli.screen import FAILED

        if words[1] == "compress":
            _judge_little()
        status = run(words[1:])
        assert status in (0, FAILED), f"status {status}"  # after a few steps a result may well have failed
    elif words[:1] == ["snakemake"]:
        subprocess.run(words, check=True)
    elif words[:1] == ["pytest"]:
        import pytest

        status = pytest.main(["-q", "-p", "no:cacheprovider", *words[1:]])
        assert status == 0, f"status {status}"
    else:
        assert not words, f"expected quietscope, pytest or `pip install -e .`; got {shlex.join(words)}"


def _judge_little() -> None:
    import pytest

    from tests.compression.little import judge_little

    judge_little(pytest.MonkeyPatch())


def _fit_briefly() -> None:
    import pytest

    from tests.noise.brief_fits import fit_briefly

    fit_briefly(pytest.MonkeyPatch())


def _enter_entry_points(folder: Path) -> None:
    """Do what an editable install does with a package of loose modules, its folder being on the path already."""
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    name, version = project["name"], project["version"]
    metadata = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    groups = project.get("entry-points", {})
    lines = [
        line for group, found in groups.items() for line in (f"[{group}]", *(f"{k} = {v}" for k, v in found.items()))
    ]
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _add_member(path: Path, name: str, code: str) -> None:
    """Add a member to the end of a tuple that a module assigns to a name."""
    text = path.read_text(encoding="utf-8")
    values = [
        node.value
        for node in ast.parse(text).body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        and name
        in {each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
    ]
    [display] = values
    assert isinstance(display, ast.Tuple), f"{name} is no tuple"
    assert display.end_lineno is not None
    lines = text.splitlines(keepends=True)
    at = display.end_lineno - 1
    lines.insert(at, textwrap.indent(code.rstrip() + ",\n", "    "))
    path.write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    _fit_briefly()
    for each in [*blocks(sys.stdin.read())]:
        _perform(each)
