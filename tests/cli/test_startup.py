"""Help comes at once: a command imports the libraries that its own work needs, and no other."""

import json
import subprocess
import sys

import pytest

from quietscope import sample_path

SLOW = ("torch", "scipy", "skimage", "matplotlib", "pydantic", "zarr", "dask", "asyncio")
"""Libraries that take longer to import than these commands take to run."""
OF_IMAGES = ("numpy", "tifffile", "imagecodecs")

CALLS = {
    "help": (["--help"], (*SLOW, *OF_IMAGES)),
    "version": (["--version"], (*SLOW, *OF_IMAGES)),
    "image": (["info", str(sample_path("confocal_fish_noisy"))], SLOW),
}


def imported_by(code: str) -> set[str]:
    """Run a program, and return the top-level modules that it had imported at the end."""
    report = "import json, sys; print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"], check=True, capture_output=True, text=True, timeout=60
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("call", CALLS)
def test_short_commands_import_no_slow_library(call: str) -> None:
    words, unwanted = CALLS[call]
    found = imported_by(f"from quietscope.cli import run; assert run({words!r}) == 0")
    assert not found & set(unwanted)


def test_the_package_imports_itself_alone() -> None:
    assert not imported_by("import quietscope") & {*SLOW, *OF_IMAGES, "cyclopts", "rich"}
