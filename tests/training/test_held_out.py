"""Of few frames, regions are held out where something hangs on the validation loss: no pixel of them is learnt from."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from quietscope.axes import Layout
from quietscope.data.frames import Frames
from quietscope.data.measured import as_measured
from quietscope.errors import ModelFileError
from quietscope.io import Image
from quietscope.methods.dvlae import DVLAE
from quietscope.methods.noise2void import Noise2Void
from quietscope.presets import PRESETS
from quietscope.testing.method_contract import toy_frames, toy_settings
from quietscope.training.budget import Budget
from quietscope.training.fit import FitReport, fit
from quietscope.training.held_out import JUDGED_BY_HEART, hold_out
from quietscope.training.patch_source import make_patches
from quietscope.training.settings import TrainingSettings
from tests.tiny import untrained

CPU = torch.device("cpu")
LAST: dict[str, Any] = {"keep": "last", "schedule": "cosine", "early_stop": None}
"""Settings with which nothing hangs on the validation loss."""


def frames_of(*arrays: np.ndarray) -> Frames:
    return Frames(tuple((each, Layout.of("QYX", each.shape, 2)) for each in arrays))


def numbered(*shape: int) -> np.ndarray:
    """Return an image in which every pixel has a number of its own."""
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def trained(frames: Frames, steps: int = 8, notes: list[str] | None = None, **options: Any) -> FitReport:
    settings = toy_settings(**options.pop("changes", {}))
    notify = (lambda _: None) if notes is None else notes.append
    return fit(untrained(Noise2Void), frames, settings, Budget(steps=steps), device=CPU, notify=notify, **options)


@pytest.mark.parametrize("preset", list(PRESETS.values()), ids=lambda preset: preset.key)
def test_presets_that_keep_the_last_weights_learn_from_everything(preset: Any) -> None:
    if preset.name in ("fast", "n2v2"):
        assert not preset.training.heeds_validation


@pytest.mark.parametrize(
    ("changes", "heeds"),
    [({}, False), ({"keep": "best"}, True), ({"schedule": "plateau"}, True), ({"early_stop": 9}, True)],
)
def test_regions_are_held_out_where_something_hangs_on_them(changes: dict[str, Any], heeds: bool) -> None:
    found = hold_out(untrained(Noise2Void), frames_of(numbered(2, 96, 96)), toy_settings(**{**LAST, **changes}))
    assert found.is_independent == bool(found.regions) == heeds
    assert (found.training, found.validation) == ((0, 1), (0, 1))


def test_ten_frames_are_split_as_ever() -> None:
    found = hold_out(untrained(Noise2Void), frames_of(numbered(10, 96, 96)), toy_settings())
    assert (len(found.training), len(found.validation), found.regions) == (9, 1, {})
    assert found.places(frames_of(numbered(10, 96, 96))) is None
    assert found.is_independent


@pytest.mark.parametrize("resident", [1 << 30, 0])
def test_training_shows_no_pixel_of_a_region_or_its_gap_and_validation_no_other(resident: int) -> None:
    method, frames, settings = untrained(Noise2Void), frames_of(numbered(2, 96, 96)), toy_settings()
    found = hold_out(method, frames, settings)
    numbers = numbered(2, 96, 96)
    assert found.regions[0] == found.regions[1]  # planes of one scene show the same there
    assert found.gap == (8, 8)
    inside = {int(v) for n in (0, 1) for rows, columns in found.regions[n] for v in numbers[n, rows, columns].flat}
    beside = {
        int(v)
        for n in (0, 1)
        for rows, columns in found.regions[n]
        for v in numbers[n, max(0, rows.start - 8) : rows.stop + 8, max(0, columns.start - 8) : columns.stop + 8].flat
    }
    drawn = make_patches(method, frames, found.training, settings, 0, CPU, resident, within=found.places(frames))
    shown = set(drawn.batch(0, 800).int().flatten().tolist())
    assert not shown & beside
    assert len(shown) > 0.97 * (2 * 96 * 96 - len(beside))
    fixed = make_patches(method, frames, found.validation, settings, 1, CPU, resident, within=found.watched_places())
    assert set(fixed.batch(0, 100).int().flatten().tolist()) <= inside
    again = make_patches(method, frames, found.training, settings, 0, CPU, within=found.places(frames))
    assert torch.equal(again.batch(300, 4), drawn.batch(300, 4))


def test_what_lies_in_a_region_moves_no_weight_but_the_loss() -> None:
    noisy = np.random.default_rng(0).normal(100, 10, (1, 96, 96)).astype(np.float32)
    frames = frames_of(noisy)
    found = hold_out(untrained(Noise2Void), frames, toy_settings())
    other = noisy.copy()
    for rows, columns in found.regions[0]:
        other[0, max(0, rows.start - 8) : rows.stop + 8, max(0, columns.start - 8) : columns.stop + 8] += 40
    one, two = trained(frames), trained(frames_of(other))
    assert all(torch.equal(value, two.last_state[name]) for name, value in one.last_state.items())
    assert one.best_validation_loss != two.best_validation_loss
    one, two = trained(frames, changes=LAST), trained(frames_of(other), changes=LAST)
    assert not all(torch.equal(value, two.last_state[name]) for name, value in one.last_state.items())


def test_frames_too_small_are_trained_on_completely() -> None:
    frames = frames_of(numbered(1, 96, 96), numbered(1, 33, 33))
    found = hold_out(untrained(Noise2Void), frames, toy_settings())
    assert (found.training, found.validation, list(found.regions)) == ((0, 1), (0,), [0])
    places = found.places(frames)
    assert places is not None
    assert places.spaces[1] == ((range(18), range(18)),)
    assert places.weights == (96 * 96 - round(found.share(frames) * (96 * 96 + 33 * 33)), 33 * 33)


def test_where_nothing_can_be_held_out_it_is_said() -> None:
    notes: list[str] = []
    trained(frames_of(numbered(3, 33, 33)), notes=notes)
    assert notes == [JUDGED_BY_HEART]
    notes.clear()
    trained(frames_of(numbered(3, 33, 33)), notes=notes, changes=LAST)
    trained(frames_of(numbered(3, 96, 96)), notes=notes)
    trained(frames_of(numbered(10, 33, 33)), notes=notes)
    assert notes == []


def test_validation_patches_shrink_with_the_region_to_half_a_patch_at_least() -> None:
    # A tenth of 96 x 96 pixels is 30 x 30; of 82 x 82 it is 26 x 26, and the network halves once.
    for side, patch, watched in ((96, 16, 16), (96, 36, 30), (96, 58, 30), (82, 48, 26), (82, 52, None)):
        settings = TrainingSettings(patch=patch, batch_size=2)
        found = hold_out(untrained(Noise2Void), frames_of(numbered(1, side, side)), settings)
        assert bool(found.regions) == (watched is not None)
        assert found.watched_patch == ((watched,) * 2 if watched else (patch,) * 2)


def test_a_validation_patch_is_no_smaller_than_the_method_can_learn_from() -> None:
    method = untrained(DVLAE, dilations=(1, 2, 4, 8), direction="x")
    multiple, reach = method.size_multiple[-1], method.noise_decoder.shape.receptive_field
    patch = 2 * (reach // multiple) * multiple  # of which it cannot learn from half
    for share, patch_size in ((0.9, patch), (0.9, 2 * patch), (1.1, patch)):
        side = round(share * patch_size / 0.1**0.5)
        found = hold_out(method, frames_of(numbered(1, side, side)), toy_settings(patch=patch_size))
        assert bool(found.regions) == (share > 1 or patch_size > patch)
        assert min(found.watched_patch) > reach


def test_a_region_goes_through_all_planes_of_a_volume() -> None:
    method = untrained(Noise2Void, dims=3)
    frames = toy_frames(method, 1, 96)
    found = hold_out(method, frames, toy_settings())
    assert [box[0] for box in found.regions[0]] == [slice(0, 4)] * len(found.regions[0])
    places, watched = found.places(frames), found.watched_places()
    assert places is not None
    assert watched is not None
    assert found.watched_patch == (4, 16, 16)
    one = make_patches(method, frames, [0], toy_settings(), 0, CPU, within=watched).batch(0, 2)
    assert one.shape == (2, 1, 4, 16, 16)
    assert fit(method, frames, toy_settings(), Budget(steps=4), device=CPU).steps == 4


def test_regions_lie_where_pixels_were_measured() -> None:
    data = np.random.default_rng(0).normal(150, 10, (3, 128, 128)).astype(np.float32)
    data[:, :, 64:] = np.nan
    data[2, :, 4:] = np.nan
    frames = Frames.of([as_measured(Image(data, "QYX", mask="nan"))], 2)
    found = hold_out(untrained(Noise2Void), frames, toy_settings())
    for n, boxes in found.regions.items():
        assert n in (0, 1)
        assert np.mean([np.isfinite(data[n, rows, columns]).mean() for rows, columns in boxes]) >= 0.5
    report = trained(frames)
    assert np.isfinite(report.best_validation_loss)


def test_a_stopped_run_resumes_as_if_never_stopped(tmp_path: Path) -> None:
    frames = frames_of(np.random.default_rng(0).normal(100, 10, (2, 96, 96)).astype(np.float32))
    changes = {"schedule": "plateau", "plateau_patience": 1}
    (tmp_path / "part").mkdir()
    whole = trained(frames, 16, changes=changes)
    trained(frames, 8, changes=changes, folder=tmp_path / "part")
    again = trained(frames, 16, changes=changes, folder=tmp_path / "part", resume=True)
    assert whole.best_validation_loss == again.best_validation_loss
    assert all(torch.equal(value, again.last_state[name]) for name, value in whole.last_state.items())
    assert all(torch.equal(value, again.best_state[name]) for name, value in whole.best_state.items())


@pytest.mark.parametrize(("changes", "is_refused"), [({}, True), (LAST, False)])
def test_a_resume_file_of_the_earlier_split(tmp_path: Path, changes: dict[str, Any], is_refused: bool) -> None:
    """Refused where regions are held out now, because its losses are of other pixels; otherwise it goes on."""
    frames = frames_of(np.random.default_rng(0).normal(100, 10, (2, 96, 96)).astype(np.float32))
    (tmp_path / "earlier").mkdir()

    def watch(state: object) -> None:
        if getattr(state, "step", 0) == 5:  # the file is that of step 4
            kept = torch.load(tmp_path / "run" / "resume.ckpt", weights_only=True)
            assert bool(kept.pop("regions")) == is_refused
            torch.save(kept, tmp_path / "earlier" / "resume.ckpt")

    whole = trained(frames, changes=changes, folder=tmp_path / "run", watch=watch)
    if is_refused:
        with pytest.raises(ModelFileError, match="held out none or others"):
            trained(frames, changes=changes, folder=tmp_path / "earlier", resume=True)
    else:
        again = trained(frames, changes=changes, folder=tmp_path / "earlier", resume=True)
        assert again.steps == whole.steps == 8
        assert all(torch.equal(value, again.last_state[name]) for name, value in whole.last_state.items())


def test_other_regions_are_refused(tmp_path: Path) -> None:
    frames = frames_of(np.random.default_rng(0).normal(100, 10, (2, 96, 96)).astype(np.float32))
    trained(frames, 4, folder=tmp_path)
    with pytest.raises(ModelFileError, match="same parts of the images"):
        trained(frames, 8, changes={"seed": 1}, folder=tmp_path, resume=True)
