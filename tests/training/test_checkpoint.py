"""The resume file: a run that was stopped or killed goes on as if it had never been; nothing else is taken for one."""

import errno
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch

from quietscope.errors import ModelFileError, OutputError
from quietscope.methods.base import LearningMethod
from quietscope.methods.dvlae import DVLAE
from quietscope.methods.hdn import HDN
from quietscope.testing.method_contract import toy_frames, toy_settings, train_toy
from quietscope.training import checkpoint
from quietscope.training.budget import Budget
from quietscope.training.checkpoint import ResumeFile, read_checkpoint
from quietscope.training.fit import fit
from tests.tiny import untrained

CPU = torch.device("cpu")


def test_a_kill_leaves_a_whole_resume_file(build: Callable[[], HDN], tmp_path: Path) -> None:
    train_toy(build(), 8, folder=tmp_path, stop_at=4)
    size = (tmp_path / "resume.ckpt").stat().st_size
    (tmp_path / "resume.partial").write_bytes(b"cut short by a kill")
    report = train_toy(build(), 8, folder=tmp_path)
    assert report.steps == 8
    assert (tmp_path / "resume.ckpt").stat().st_size > size // 2


@pytest.mark.parametrize(
    ("make", "schedule"),
    [(partial(untrained, HDN), "plateau"), (partial(untrained, DVLAE, preset="paper"), "plateaus")],
    ids=["plateau", "plateaus"],
)
def test_a_killed_run_resumes_as_if_never_killed(
    make: Callable[[], LearningMethod], schedule: str, tmp_path: Path
) -> None:
    """A kill leaves the resume file of the last validation; what came after it is trained again, to the same end."""
    (tmp_path / "killed").mkdir()

    def watch(state: object) -> None:
        if getattr(state, "step", 0) == 11:  # validations, and files, at steps 4 and 8
            copied = (tmp_path / "run" / "resume.ckpt").read_bytes()
            (tmp_path / "killed" / "resume.ckpt").write_bytes(copied)

    settings = toy_settings(schedule=schedule, plateau_patience=1)
    whole, again = make(), make()
    folders = (tmp_path / "run", tmp_path / "killed")
    one = fit(whole, toy_frames(whole), settings, Budget(steps=20), device=CPU, folder=folders[0], watch=watch)
    two = fit(again, toy_frames(again), settings, Budget(steps=20), device=CPU, folder=folders[1], resume=True)
    assert one.best_validation_loss == two.best_validation_loss
    assert all(torch.equal(value, two.last_state[name]) for name, value in one.last_state.items())
    assert all(torch.equal(value, two.best_state[name]) for name, value in one.best_state.items())


def test_only_plain_data_is_in_it(build: Callable[[], HDN], tmp_path: Path) -> None:
    train_toy(build(), 5, folder=tmp_path)
    state = read_checkpoint(tmp_path)
    assert state["step"] == 5
    assert state["weights"].keys() == {"method"}


def refused(build: Callable[[], HDN], folder: Path) -> str:
    method = build()
    with pytest.raises(ModelFileError) as caught:
        fit(method, toy_frames(method), toy_settings(), Budget(steps=9), device=CPU, folder=folder, resume=True)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_file_of_an_earlier_version_is_refused_by_one_line(build: Callable[[], HDN], tmp_path: Path) -> None:
    earlier = {"pytorch-lightning_version": "2.6.6", "global_step": 5, "state_dict": build().state_dict()}
    torch.save(earlier, tmp_path / "resume.ckpt")
    assert "another version" in refused(build, tmp_path)


@pytest.mark.parametrize("content", [b"", b"cut short by a kill", b"PK\x03\x04", b"\x80\x02}q\x00."])
def test_a_damaged_file_is_refused_by_one_line(build: Callable[[], HDN], tmp_path: Path, content: bytes) -> None:
    (tmp_path / "resume.ckpt").write_bytes(content)
    assert str(tmp_path / "resume.ckpt") in refused(build, tmp_path)


def test_a_file_cut_in_the_middle_is_refused_by_one_line(build: Callable[[], HDN], tmp_path: Path) -> None:
    train_toy(build(), 5, folder=tmp_path)
    whole = (tmp_path / "resume.ckpt").read_bytes()
    (tmp_path / "resume.ckpt").write_bytes(whole[: len(whole) // 2])
    assert "damaged" in refused(build, tmp_path)


def test_a_file_that_would_run_code_is_refused(build: Callable[[], HDN], tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (pytest.fail, ("it was run",))

    torch.save({"quietscope-resume": 1, "weights": Evil()}, tmp_path / "resume.ckpt")
    assert "damaged" in refused(build, tmp_path)


def test_the_file_of_another_network_is_refused_by_one_line(build: Callable[[], HDN], tmp_path: Path) -> None:
    def wider() -> HDN:
        method = build()
        return HDN(method.settings.model_copy(update={"filters": (16,)}), method.statistics, method.channel_noise)

    train_toy(build(), 5, folder=tmp_path)
    assert "another network" in refused(wider, tmp_path)


def test_no_file_is_refused_by_one_line(build: Callable[[], HDN], tmp_path: Path) -> None:
    assert "resume=True" in refused(build, tmp_path)


@pytest.mark.parametrize(
    ("earlier", "said"), [(False, "cannot be resumed later"), (True, "from an earlier step alone")]
)
def test_without_room_it_says_once_what_can_be_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, earlier: bool, said: str
) -> None:
    def full(folder: Path, state: object) -> None:
        raise OutputError("room", "none", "free some space") from OSError(errno.ENOSPC, "No space left on device")

    if earlier:
        (tmp_path / "resume.ckpt").touch()
    monkeypatch.setattr(checkpoint, "write_checkpoint", full)
    told: list[str] = []
    file = ResumeFile(tmp_path, told.append)
    file.keep(dict)
    file.keep(dict)
    assert len(told) == 1
    assert said in told[0]
