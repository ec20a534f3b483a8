"""The Tab key: a script for each shell, where it looks for it, and one line for what cannot be."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.command_line import Quietscope, refused


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a home folder of its own, typed into from bash."""
    for name in ("ZSH", "ZSH_CUSTOM", "ZSH_VERSION", "FISH_VERSION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("BASH_VERSION", "5")
    return tmp_path


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_a_script_knows_verbs_and_options(quietscope: Quietscope, tmp_path: Path, shell: str) -> None:
    path = tmp_path / "script"
    status, out, err = quietscope("--install-completion", "--shell", shell, "--output", path)
    assert (status, err) == (0, "")
    assert str(path) in out.replace("\n", "")
    script = path.read_text(encoding="utf-8")
    for word in ("denoise", "estimate", "stop-when-settled", "wavelength-nm", "quietscope"):
        assert word in script
    if shutil.which(shell) and shell in ("bash", "zsh"):
        subprocess.run([shell, "-n", path], check=True, timeout=30)


def test_it_lies_where_the_shell_looks_and_is_loaded_once(quietscope: Quietscope, home: Path) -> None:
    for _ in range(2):
        assert quietscope("--install-completion")[0] == 0
    script = home / ".local/share/bash-completion/completions/quietscope"
    assert script.is_file()
    assert (home / ".bashrc").read_text(encoding="utf-8").count(f'. "{script}"') == 1


def test_an_output_of_ones_own_leaves_the_shell_alone(quietscope: Quietscope, home: Path) -> None:
    assert quietscope("--install-completion", "-o", home / "mine.sh")[0] == 0
    assert [each.name for each in home.iterdir()] == ["mine.sh"]


def test_what_cannot_be_is_one_line(
    quietscope: Quietscope, home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    refused(quietscope("--install-completion", "-o", tmp_path), "a folder")
    refused(quietscope("--install-completion", "--shell", "tcsh"), "tcsh")
    (home / "file").write_text("", encoding="utf-8")
    refused(quietscope("--install-completion", "-o", home / "file" / "script"), "file")
    monkeypatch.delenv("BASH_VERSION")
    monkeypatch.setenv("SHELL", "/bin/tcsh")
    monkeypatch.setattr("cyclopts.completion.detect.subprocess.run", _no_process)
    refused(quietscope("--install-completion"), "--shell bash")


def _no_process(*_: object, **__: object) -> None:
    raise FileNotFoundError
