"""Corrections of probabilities that are learnt from labelled images, written, read and applied."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from quietscope.consensus import Segmented, segment
from quietscope.consensus.existence import ExistenceCorrection
from quietscope.consensus.existence_file import are_real, learn_existence, load_existence, save_existence
from quietscope.errors import SettingsError, SizeError
from quietscope.methods.hdn import HDN
from tests import tiny

Pixels = npt.NDArray[np.float32]
MODEL = tiny.denoiser(HDN)
IMAGE = np.random.default_rng(0).normal(150, 30, (3, 16, 24)).astype(np.float32)
CORRECTION = ExistenceCorrection(0.5, -1.0, (1.0, 0.25), (3.0, 1.5), (0.5, 0.75))


def eighths(image: Pixels) -> npt.NDArray[np.int64]:
    """Label eight squares and stripes."""
    y, x = np.indices(image.shape)
    return np.asarray(1 + 4 * (y >= 8) + x // 6, np.int64)


def found_in(segmenter: Any = eighths, **settings: Any) -> Segmented:
    return segment(MODEL, IMAGE, segmenter, axes="TYX", num_samples=3, **settings)


@pytest.mark.parametrize("correction", [CORRECTION, ExistenceCorrection(0.7, -0.25)])
def test_what_is_written_is_read_again(tmp_path: Path, correction: ExistenceCorrection) -> None:
    save_existence(correction, tmp_path / "a.json")
    assert load_existence(tmp_path / "a.json") == correction


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "No such file"),
        ("{", "no JSON"),
        ('{"slope": 1.0}', "no .kind."),
        ('{"kind": "quietscope existence", "slope": "steep"}', "slope = 'steep'"),
        ('{"kind": "quietscope existence", "weights": [1.0]}', "features of different numbers"),
        ('{"kind": "quietscope existence", "weights": [1], "centre": [1], "width": [1]}', "others than size"),
        ('{"kind": "quietscope existence", "weights": [1, 1], "centre": [1, 1], "width": [1, 0]}', "a width of 0"),
    ],
)
def test_files_of_other_things_are_refused(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "a.json").write_text(text)
    with pytest.raises(SettingsError, match=rf"a correction of probabilities.*a\.json: .*{said}"):
        load_existence(tmp_path / "a.json")


def test_a_correction_changes_probabilities_and_not_what_samples_have() -> None:
    raw, corrected = found_in(), found_in(existence=ExistenceCorrection(1.0, -1.0))
    assert {each.probability for frame in raw.frames for each in frame.objects} == {1.0}
    expected = float(ExistenceCorrection(1.0, -1.0).apply([1.0])[0])
    assert {each.probability for frame in corrected.frames for each in frame.objects} == {expected}
    assert {each.num_samples for frame in corrected.frames for each in frame.objects} == {3}
    np.testing.assert_array_equal(raw.labels, corrected.labels)


def test_what_is_unlikely_after_the_correction_is_left_out() -> None:
    found = found_in(existence=ExistenceCorrection(1.0, -6.0), least_probability=0.5)
    assert found.labels.max() == 0
    assert [frame.objects for frame in found.frames] == [(), (), ()]


def test_size_counts_where_the_correction_knows_of_it() -> None:
    def unequal(image: Pixels) -> npt.NDArray[np.int64]:
        return 1 + (np.indices(image.shape)[1] >= 4).astype(np.int64)

    centre = (float(np.log(16 * 10)), 0.0)
    found = found_in(unequal, existence=ExistenceCorrection(1.0, 0.0, (6.0, 0.0), centre, (1.0, 1.0)))
    for frame in found.frames:
        (large,) = frame.objects  # the small one is of 64 pixels, and has become unlikely
        assert large.area.value == 16 * 20
        assert large.probability > 0.99


def test_the_correction_is_learnt_from_what_is_real() -> None:
    found = found_in(least_probability=0.0)
    truth = np.stack([eighths(frame) for frame in IMAGE])
    truth[:, 8:] = 0  # half of what is always found is not real
    learnt = learn_existence([found], [truth])
    assert float(learnt.apply([1.0])[0]) == pytest.approx(0.5, abs=0.1)
    assert learn_existence([found], [truth], featured=True).weights != ()
    with pytest.raises(SizeError, match="labels of the shape"):
        learn_existence([found], [truth[0]])
    with pytest.raises(SizeError, match="labels of every image"):
        learn_existence([found], [])


def test_objects_are_real_where_more_than_half_is_shared() -> None:
    labels = np.array([[1, 1, 2, 2, 3, 3, 0, 0]])
    truth = np.array([[7, 7, 9, 0, 0, 0, 4, 4]])
    assert are_real(labels, truth).tolist() == [True, False, False]
    assert are_real(np.zeros((2, 2), int), np.ones((2, 2), int)).tolist() == []
