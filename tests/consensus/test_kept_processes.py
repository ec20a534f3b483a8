"""Processes that analyse samples are the same from call to call in a block, and end with it."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import psutil
import pytest

from quietscope import Denoiser
from quietscope.cli.analysed_images import Analysed, one_by_one
from quietscope.consensus import kept_processes, over_samples, segment
from quietscope.consensus.kept_processes import KeptProcesses, processes_kept
from quietscope.consensus.sampling_runs import over
from quietscope.consensus.spot_detection import find_spots
from quietscope.errors import SettingsError
from quietscope.methods.hdn import HDN
from tests import tiny
from tests.consensus.known_samples import bright, highest, is_killed, is_refused, number_of_process, stored

SAMPLES = np.zeros((4, 2, 2))
FRAMES = np.random.default_rng(0).normal(150.0, 30.0, (3, 16, 16)).astype(np.float32)


def seen(folder: Path) -> set[int]:
    """Return the processes that have looked at samples; not each need have had one."""
    answers = over(stored(folder, SAMPLES), number_of_process, processes=2)
    return {number for _, number in answers if isinstance(number, int)}


@pytest.fixture
def pools(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Put threads in place of processes; return how many each pool has, in the order in which they are made."""
    made: list[int] = []

    class Threads(ThreadPoolExecutor):
        def __init__(self, processes: int, **_: object) -> None:
            made.append(processes)
            super().__init__(processes)

    monkeypatch.setattr(kept_processes, "ProcessPoolExecutor", Threads)
    return made


def test_calls_in_a_block_share_processes_that_end_with_it(tmp_path: Path) -> None:
    with processes_kept():
        found = seen(tmp_path)
        with processes_kept():
            found |= seen(tmp_path)
        with pytest.raises(SettingsError, match="other samples"):
            list(over(stored(tmp_path, SAMPLES), is_refused, processes=2))
        with closing(over(stored(tmp_path, SAMPLES), number_of_process, processes=2)) as left:
            next(left)
        found |= seen(tmp_path)
        assert all(psutil.pid_exists(number) for number in found)
    assert 1 <= len(found) <= 2
    assert os.getpid() not in found
    assert not any(psutil.pid_exists(number) for number in found)


@pytest.mark.skipif(sys.platform == "win32", reason="no process kills itself by a signal there")
def test_a_killed_one_is_replaced_and_an_error_ends_them_at_once(tmp_path: Path) -> None:
    found: set[int] = set()

    def fails() -> None:
        with processes_kept():
            with pytest.raises(SettingsError, match="processes that live"):
                list(over(stored(tmp_path, SAMPLES), is_killed, processes=2))
            found.update(seen(tmp_path))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fails()
    assert found
    assert not any(psutil.pid_exists(number) for number in found)


def test_frames_and_images_have_one_pool(pools: list[int]) -> None:
    model = tiny.denoiser(HDN)
    segment(model, FRAMES, bright, axes="TYX", num_samples=2, processes=2)
    assert pools == [2]
    find_spots(model, FRAMES, axes="TYX", num_samples=2, processes=3)
    assert pools == [2, 3]
    images = [Analysed(Path(f"{name}.tif"), name, f"{name}.tif") for name in "abc"]
    assert one_by_one(images, lambda _: measured(model), print) == 0
    assert pools == [2, 3, 2]


def measured(model: Denoiser) -> None:
    over_samples(model, FRAMES[0], highest, num_samples=2, processes=2)


def test_without_a_block_each_call_has_its_own(pools: list[int], tmp_path: Path) -> None:
    for _ in range(2):
        list(over(stored(tmp_path, SAMPLES), highest, processes=2))
    assert pools == [2, 2]


def test_another_number_of_processes_and_a_broken_pool_are_replaced(pools: list[int]) -> None:
    kept = KeptProcesses()
    first = kept.pool(2)
    assert kept.pool(2) is first
    second = kept.pool(3)
    second.is_broken = True
    kept.pool(3)
    kept.end()
    assert pools == [2, 3, 3]
