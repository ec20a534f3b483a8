"""Values that float32 cannot hold, blank channels, NaN beside a mask: found, joined, or refused with advice."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from quietscope import Denoiser
from quietscope.data.frames import Frames
from quietscope.data.glance import glance
from quietscope.data.measured import as_measured, for_network, gap_notes, restoring
from quietscope.data.preparation import prepare
from quietscope.diagnosis.recording import diagnose_frames
from quietscope.errors import NoiseError, PixelError
from quietscope.io import Image
from quietscope.noise import measure_noise
from tests import tiny

LOWEST = float(np.finfo(np.float64).min)


def recording(*shape: int) -> npt.NDArray[np.float64]:
    return np.random.default_rng(0).normal(200, 10, shape)


@pytest.mark.parametrize("sentinel", [LOWEST, 1e300, -1e39])
def test_a_sentinel_beyond_float32_is_a_gap(sentinel: float) -> None:
    data = recording(2, 64, 80)
    data[:, :, :20] = sentinel
    data[1, 30, 50] = -1e200  # and one pixel alone
    image = as_measured(Image(data, "TYX"))
    (note,) = gap_notes([image])
    assert note.startswith("25.00% of the pixels")
    assert "NaN in results" in note
    assert "one pixel is absurd (-1e+200)" in note
    frames = Frames.of([image], 2)
    assert float(prepare(frames).mean) == pytest.approx(data[:, :, 20:].clip(0).mean(), rel=1e-3)
    assert 0 < np.asarray(for_network(image)).min() < 300
    small, large = np.ones(data.shape, np.float32), np.ones(data.shape, np.float64)
    sinks = restoring(image, {"mean": small, "map": large})
    whole: Any = (slice(0, 2), slice(0, 64), slice(0, 80))
    sinks["mean"][whole], sinks["map"][whole] = small.copy(), large.copy()
    assert np.isnan(small[:, :, :20]).all()
    assert (small[:, :, 20:] == 1).all()
    assert (large[:, :, :20] == sentinel).all()


def test_a_value_beyond_float32_that_is_no_sentinel_is_refused() -> None:
    data = recording(1, 64, 64)
    data[0, 10:20, 10:20] = np.geomspace(1e35, 1e45, 100).reshape(10, 10)
    with pytest.raises(PixelError, match="largest of float32"):
        prepare(Frames.of([as_measured(Image(data, "TYX"))], 2))


def test_nan_counts_as_missing_beside_a_mask() -> None:
    data = recording(2, 40, 40).astype(np.float32)
    data[1, 30, 30] = np.nan
    mask = np.ones((40, 40), bool)
    mask[:, :10] = False
    image = as_measured(Image(data, "TYX", mask=mask))
    missing = np.isnan(np.asarray(image))
    assert missing[:, :, :10].all()
    assert missing[:, :, 10:].sum() == 1
    assert missing[1, 30, 30]
    assert next(gap_notes([image])).endswith("and so do NaN and infinity.")
    whole = as_measured(Image(np.nan_to_num(data).astype(np.uint16), "TYX", mask=mask))
    assert "NaN" not in next(gap_notes([whole]))


def test_a_frame_with_nan_is_named_beside_gaps() -> None:
    data = recording(3, 64, 64)
    data[:, :, :20] = 0
    data[2, 30, 30] = np.nan
    with pytest.raises(PixelError, match="frame 2"):
        prepare(Frames.of([as_measured(Image(data, "TYX"))], 2))


def test_a_blank_channel_is_refused_with_a_way_out() -> None:
    data = np.stack([recording(64, 64), np.zeros((64, 64)), recording(64, 64)])
    with pytest.raises(PixelError, match=r"channel 1.*leave it out: `channels=\[0, 2\]`"):
        prepare(Frames.of([as_measured(Image(data, "CYX"))], 2))
    with pytest.raises(NoiseError, match=r"channel 1.*leave it out: `channels=\[0, 2\]`"):
        diagnose_frames(Frames.of([Image(data, "CYX")], 2))
    with pytest.raises(PixelError, match="which file, series or axes"):
        prepare(Frames.of([as_measured(Image(data[1], "YX"))], 2))
    with pytest.raises(NoiseError, match="which file or axes"):
        diagnose_frames(Frames.of([Image(data[1], "YX")], 2))


@pytest.mark.parametrize(("offset", "dtype"), [(1e12, np.float64), (2**40, np.int64)])
def test_differences_that_float32_loses_are_refused(offset: float, dtype: Any) -> None:
    data = (recording(2, 64, 64) + offset).astype(dtype)
    with pytest.raises(PixelError, match="subtract their smallest value"):
        prepare(Frames.of([as_measured(Image(data, "TYX"))], 2))
    for healthy in (data - dtype(offset), (data - dtype(offset)).astype(np.uint16)):
        prepare(Frames.of([as_measured(Image(healthy, "TYX"))], 2))


def test_noise_between_gaps_is_not_asked_of_a_larger_crop() -> None:
    data = recording(64, 64)
    data[::3] = np.nan
    with pytest.raises(NoiseError) as caught:
        measure_noise(data, has_gaps=True)
    assert "larger crop" not in str(caught.value)
    assert 'noise="sigma=' in str(caught.value)


@pytest.mark.filterwarnings("error")
def test_the_ends_of_a_type_overflow_nowhere(tmp_path: Path) -> None:
    data = recording(1, 64, 80).astype(np.float32)
    data[:, :, :20] = np.finfo(np.float32).min
    np.save(tmp_path / "a.npy", data)
    from quietscope.pipeline.planning import plan_denoise
    from quietscope.pipeline.run import run

    settings = {"steps": 2, "network": tiny.network("hdn"), "training": tiny.TRAINING}
    plan = plan_denoise([tmp_path / "a.npy"], tmp_path / "out", settings, axes="TYX", device="cpu")
    outcome = run(plan)
    assert outcome.files["overview"].exists()
    assert Denoiser.load(outcome.files["model"]).method.statistics.mean.item() == pytest.approx(200, rel=0.01)


def test_a_glance_says_range_and_gaps() -> None:
    data = recording(20, 2, 64, 80).astype(np.float32).clip(190, 210)
    data[:, 1, :, :20] = -9999
    data[:, 0, 5, 5] = np.nan
    plain, padded = glance(Image(data, "TCYX"))
    assert plain.startswith("190 to 210 in 4 of 20 planes; ")
    assert plain.endswith("; 0.02% are NaN or infinite")
    assert padded.startswith("-9999 to 210 in 4 of 20 planes; 25.00% are exactly -9999; ")
    wide = np.zeros((8, 5000), np.uint16)
    wide[:, ::2] = 7
    halves = "50.00% are exactly 0; 50.00% are exactly 7"
    assert glance(Image(wide, "YX"), most=2) == (f"0 to 7 in 2 of 3 parts of planes; {halves}",)
    assert glance(Image(np.full((8, 8), np.nan), "YX")) == (
        "nothing measured in all planes; 100.00% are NaN or infinite",
    )
