"""Processes that train one model together make the steps that one alone would make."""

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, distributed, nn

from quietscope.data.normalize import Statistics
from quietscope.errors import SettingsError, Stop
from quietscope.methods.base import LearningMethod, Loss, MethodSettings
from quietscope.testing.method_contract import toy_frames, toy_settings
from quietscope.training.budget import Budget
from quietscope.training.fit import FitReport, fit
from quietscope.training.team import Team

CPU = torch.device("cpu")
SIZE = 2


class Blur(LearningMethod):
    """Two convolutions that learn to give their input: nothing in it is random but the order of patches."""

    name: ClassVar[str] = "blur"
    needs_noise: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.settings = MethodSettings()
        self.statistics = Statistics(torch.tensor([150.0]), torch.tensor([30.0]))
        self.noise_models = nn.ModuleList()
        self.layers: nn.Module = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ELU(), nn.Conv2d(4, 1, 3, padding=1))

    @property
    def spatial_dims(self) -> int:
        return 2

    @property
    def size_multiple(self) -> tuple[int, ...]:
        return (1, 1)

    def loss(self, x: Tensor) -> Loss:
        image = self.statistics.normalize(x)
        total = (self.layers(image) - image).square().mean()
        return Loss(total, {"distance": total.detach()})


def train(folder: Path, stop_at: int | None = None) -> FitReport:
    method = Blur()

    def watch(state: object) -> None:
        if getattr(state, "step", 0) == stop_at:
            raise Stop

    settings = toy_settings(batch_size=4)
    return fit(method, toy_frames(method), settings, Budget(steps=12), device=CPU, folder=folder, watch=watch)


def one_of_two(rank: int, folder: Path) -> None:
    """Train as one of two processes: to the end, and then until the second one is stopped."""
    distributed.init_process_group(
        "gloo",
        init_method=f"file://{folder / 'meeting'}",
        rank=rank,
        world_size=SIZE,
        timeout=datetime.timedelta(seconds=120),
    )
    report = train(folder / f"run{rank}")
    stopped = train(folder / f"stopped{rank}", stop_at=5 if rank == 1 else None)
    torch.save(
        {"weights": report.last_state, "loss": report.best_validation_loss, "steps": stopped.steps},
        folder / f"{rank}.pt",
    )
    distributed.barrier()
    distributed.destroy_process_group()


def test_two_processes_make_the_steps_of_one(tmp_path: Path) -> None:
    spawn: Callable[..., None] = vars(torch.multiprocessing)["spawn"]
    spawn(one_of_two, (tmp_path,), nprocs=SIZE)
    one, two = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(SIZE))
    alone = train(tmp_path / "alone")
    assert one["loss"] == two["loss"]
    assert one["loss"] == pytest.approx(alone.best_validation_loss, rel=1e-4)
    for name, value in alone.last_state.items():
        assert torch.equal(one["weights"][name], two["weights"][name]), name
        np.testing.assert_allclose(one["weights"][name], value, rtol=1e-3, atol=1e-4, err_msg=name)
    assert (tmp_path / "run0" / "resume.ckpt").exists()
    assert not (tmp_path / "run1").exists()
    assert one["steps"] == two["steps"] == 5


def test_a_batch_that_cannot_be_shared_is_refused() -> None:
    team = Team(device=CPU, rank=1, size=3)
    assert team.share(2, 12) == (28, 4)
    with pytest.raises(SettingsError, match="multiple of 3"):
        team.share(0, 4)
