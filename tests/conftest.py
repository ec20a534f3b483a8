"""What tests of several rooms share: packages that declare something, and fits that are short."""

import functools
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.exported import GetExported

MakePackage = Callable[[str, str, str, Mapping[str, str]], Path]


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> "GetExported":
    """Return what gives the exported model of a method, see `tests.exported`."""
    from tests.exported import exported_once  # PyTorch, which the process that hands out the tests has no need of

    base = tmp_path_factory.getbasetemp()
    folder = (base if "PYTEST_XDIST_WORKER" not in os.environ else base.parent) / "exported"
    folder.mkdir(exist_ok=True)
    return functools.cache(lambda method: exported_once(method, folder))


@pytest.fixture(autouse=True)
def brief_opinions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Second opinions are fitted in a few steps, for tests of what is around them."""
    monkeypatch.setattr("quietscope.pipeline.opinion.STEPS", 3)


@pytest.fixture
def brief_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Noise models are fitted in a few steps, for tests of what is around the fit."""
    from tests.noise.brief_fits import fit_briefly

    fit_briefly(monkeypatch)


@pytest.fixture
def make_package(tmp_path: Path) -> MakePackage:
    """Return what puts a package of version 1.5 into a folder, as pip leaves it, and returns the folder.

    Its arguments are the package's name, the code of its one module, the entry-point group, and the members of the
    module by the names that they are declared under. The module is called as the package, with underscores.
    """
    folder = tmp_path / "packages"
    folder.mkdir()

    def make(package: str, code: str, group: str, names: Mapping[str, str]) -> Path:
        module = package.replace("-", "_")
        (folder / f"{module}.py").write_text(code)
        metadata = folder / f"{module}-1.5.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.5\n")
        lines = "".join(f"{name} = {module}:{member}\n" for name, member in names.items())
        (metadata / "entry_points.txt").write_text(f"[console_scripts]\nx = y:z\n\n[{group}]\n{lines}")
        return folder

    return make
