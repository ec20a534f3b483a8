"""Images that fit into the memory of the device and images that do not give the same patches, and the same model."""

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from quietscope.axes import Layout
from quietscope.data.frames import Frames
from quietscope.data.patches import ResidentPatches
from quietscope.data.streamed import StreamedPatches
from quietscope.errors import SettingsError
from quietscope.methods.hdn import HDN
from quietscope.testing.method_contract import toy_frames, toy_settings
from quietscope.training.budget import Budget
from quietscope.training.fit import FitReport, fit
from quietscope.training.patch_source import make_patches
from tests.tiny import untrained

CPU = torch.device("cpu")


class Counted:
    """An image on a slow disk: every box that is read from it is written down."""

    def __init__(self, pixels: npt.NDArray[np.float32]) -> None:
        self.pixels, self.shape, self.dtype, self.ndim = pixels, pixels.shape, pixels.dtype, pixels.ndim
        self.read: list[tuple[int, ...]] = []

    def __getitem__(self, index: Any) -> npt.NDArray[np.float32]:
        part = self.pixels[index]
        self.read.append(part.shape)
        return part


def recording(build: Callable[[], HDN]) -> tuple[Frames, Counted]:
    """Return the toy images, four frames of 32 x 32 pixels or 16 KiB as float32, and what counts their reading."""
    [(array, layout)] = toy_frames(build()).parts
    counted = Counted(np.asarray(array))
    return Frames(((counted, Layout.of(layout.axes, layout.shape)),)), counted


def trained(build: Callable[[], HDN], frames: Frames, resident_bytes: int) -> FitReport:
    return fit(build(), frames, toy_settings(), Budget(steps=10), device=CPU, resident_bytes=resident_bytes)


def test_the_limit_decides_where_patches_come_from(build: Callable[[], HDN]) -> None:
    method, chosen = build(), [0, 1, 2, 3]
    frames, _ = recording(build)
    inside = make_patches(method, frames, chosen, toy_settings(), 0, CPU, 4 * 4 * 32 * 32)
    beyond = make_patches(method, frames, chosen, toy_settings(), 0, CPU, 4 * 4 * 32 * 32 - 1)
    assert isinstance(inside, ResidentPatches)
    assert isinstance(beyond, StreamedPatches)
    assert torch.equal(inside.batch(8, 4), beyond.batch(8, 4))


def test_images_are_held_in_memory_once(build: Callable[[], HDN], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is validated on is drawn, and let go, before what is learnt from is held."""
    made: list[weakref.ref[ResidentPatches]] = []

    class Held(ResidentPatches):
        def __init__(self, *args: Any) -> None:
            assert [each() for each in made] == [None] * len(made)
            super().__init__(*args)
            made.append(weakref.ref(self))

    monkeypatch.setattr("quietscope.training.patch_source.ResidentPatches", Held)
    fit(build(), toy_frames(build()), toy_settings(), Budget(steps=1), device=CPU)
    assert len(made) == 2


def test_images_beyond_the_limit_are_read_patch_by_patch_and_train_the_same_model(build: Callable[[], HDN]) -> None:
    frames, counted = recording(build)
    one = trained(build, frames, 1 << 20)
    assert {shape[-2:] for shape in counted.read} == {(32, 32)}
    frames, counted = recording(build)
    two = trained(build, frames, 0)
    assert {shape[-2:] for shape in counted.read} == {(16, 16)}
    assert one.best_validation_loss == two.best_validation_loss
    assert all(torch.equal(value, two.last_state[name]) for name, value in one.last_state.items())


@pytest.mark.parametrize(
    ("batch_size", "batch_norm", "is_refused"), [(1, True, True), (2, True, False), (1, False, False)]
)
def test_a_batch_of_one_pixel_at_the_top_is_refused(batch_size: int, batch_norm: bool, is_refused: bool) -> None:
    method = untrained(HDN, batch_norm=batch_norm, filters=(4,) * 4, latent_channels=(4,) * 4)
    (side, _) = method.size_multiple
    settings = toy_settings(patch=side, batch_size=batch_size)
    frames = toy_frames(method)
    if is_refused:
        with pytest.raises(SettingsError, match=f"patch of {side} x {side}, of which that level keeps one"):
            fit(method, frames, settings, Budget(steps=1), device=CPU)
    else:
        assert fit(method, frames, settings, Budget(steps=1), device=CPU).steps == 1
