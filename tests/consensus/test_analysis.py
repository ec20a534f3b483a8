"""Functions over samples: numbers with intervals, and functions that do wrong."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietscope.consensus import over_samples
from quietscope.consensus.analysis import MeasuredTable, measured_table
from quietscope.consensus.groups import compare_tables, difference, groups_in
from quietscope.consensus.posterior_samples import stored_samples
from quietscope.consensus.spread import interval_of
from quietscope.errors import SettingsError
from quietscope.io import as_image
from quietscope.methods.hdn import HDN
from quietscope.methods.noise2void import Noise2Void
from tests import tiny
from tests.consensus.known_samples import highest, stored

Pixels = npt.NDArray[np.float32]
IMAGE = np.random.default_rng(0).normal(150, 30, (16, 16)).astype(np.float32)


def table_of(folder: Path, samples: npt.ArrayLike, measure: Any, **settings: Any) -> MeasuredTable:
    return measured_table(stored(folder, samples), measure, tiny.denoiser(HDN), confidence=0.9, **settings)


def test_every_sample_is_measured_and_the_samples_are_those_of_the_model() -> None:
    model = tiny.denoiser(HDN)
    table = over_samples(model, IMAGE, lambda sample: {"mean": sample.mean(), "top": sample.max()}, num_samples=5)
    drawn = model.sample(IMAGE, num_samples=5)
    assert table.columns == ("mean", "top")
    np.testing.assert_allclose(table.of("mean"), drawn.mean(axis=(1, 2)), rtol=1e-5)
    np.testing.assert_allclose(table.of("top"), drawn.max(axis=(1, 2)), rtol=1e-5)
    assert table.interval("top").low <= table.of("top").mean() <= table.interval("top").high
    assert "recalibrate" in table.note


def test_a_recalibrated_model_widens_intervals() -> None:
    model, wider = tiny.denoiser(HDN), tiny.denoiser(HDN, card={"spread_factor": 2.0})
    one, two = (over_samples(each, IMAGE, highest, num_samples=6).interval() for each in (model, wider))
    assert two.value == one.value
    assert two.high - two.low == pytest.approx(2 * (one.high - one.low))


def test_a_method_that_gives_one_image_is_refused_with_those_that_sample() -> None:
    with pytest.raises(SettingsError, match=r"a method that samples.*noise2void.*hdn"):
        over_samples(tiny.denoiser(Noise2Void), IMAGE, highest)


@pytest.mark.parametrize("num", [0, 1])
def test_too_few_samples_are_refused(num: int) -> None:
    with pytest.raises(SettingsError, match="at least 2 samples"):
        over_samples(tiny.denoiser(HDN), IMAGE, highest, num_samples=num)


def test_estimates_are_those_of_the_samples_that_are_stored() -> None:
    mean = np.zeros(IMAGE.shape, np.float32)
    model, image = tiny.denoiser(HDN), as_image(IMAGE, "YX")
    with stored_samples(model, image, num_samples=4, seed=3, estimates={"mean": mean}) as samples:
        drawn = np.stack([samples.read(number) for number in range(4)])
        assert samples.path.exists()
    assert not samples.path.exists()
    np.testing.assert_allclose(mean, drawn.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(drawn, model.sample(IMAGE, num_samples=4, seed=3), rtol=1e-5)


def test_processes_find_the_same(tmp_path: Path) -> None:
    samples = np.arange(3 * 16, dtype=np.float32).reshape(3, 4, 4)
    assert table_of(tmp_path, samples, highest, processes=2).of("value").tolist() == [15, 31, 47]


def test_a_function_that_no_process_can_import_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="other processes can import"):
        table_of(tmp_path, np.zeros((3, 2, 2)), lambda sample: 1.0, processes=2)


@pytest.mark.parametrize(
    ("given_back", "columns", "rows"),
    [
        (3.5, ("value",), 1),
        ([1, 2], ("value_0", "value_1"), 1),
        (np.array([1.0, 2.0, 3.0]), ("value_0", "value_1", "value_2"), 1),
        ({"a": [1, 2, 3], "b": [4, 5, 6]}, ("a", "b"), 3),
    ],
)
def test_what_a_function_may_return(tmp_path: Path, given_back: Any, columns: tuple[str, ...], rows: int) -> None:
    table = table_of(tmp_path, np.zeros((2, 2, 2)), lambda _: given_back)
    assert (table.columns, table.num_rows) == (columns, rows)


@pytest.mark.parametrize("given_back", ["words", {"a": "b"}, {}, {"a": [1, 2], "b": [1]}, np.zeros((2, 2)), None])
def test_what_is_no_number_is_refused(tmp_path: Path, given_back: Any) -> None:
    with pytest.raises(SettingsError, match="a number, several, or columns"):
        table_of(tmp_path, np.zeros((2, 2, 2)), lambda _: given_back)


def test_a_function_that_ends_the_program_has_failed(tmp_path: Path) -> None:
    def ends(sample: Pixels) -> float:
        sys.exit("enough")

    with pytest.raises(SettingsError, match=r"half of 3 samples; got 3 failures.*SystemExit: enough"):
        table_of(tmp_path, np.zeros((3, 2, 2)), ends)


def test_what_no_process_can_send_back_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"another process can send back; got .*return numbers"):
        table_of(tmp_path, np.zeros((3, 2, 2)), memoryview, processes=2)


def test_nothing_is_called_none(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="got None on sample 0"):
        table_of(tmp_path, np.zeros((2, 2, 2)), lambda _: None)


def test_tables_that_another_program_saved_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("image,row,column,sample_0,sample_1\nx,0,mean,1,3\n", encoding="utf-8-sig")
    assert [each.tolist() for each in groups_in(tmp_path / "a.csv")["mean"]] == [[1, 3]]


def test_other_columns_from_sample_to_sample_are_refused(tmp_path: Path) -> None:
    samples = np.arange(3.0)[:, None, None] * np.ones((1, 2, 2))
    with pytest.raises(SettingsError, match="the columns a of every sample; got b of sample 2"):
        table_of(tmp_path, samples, lambda s: {"b" if s.max() > 1 else "a": 1.0})
    with pytest.raises(SettingsError, match="1 rows of every sample; got 2 of sample 1"):
        table_of(tmp_path, samples, lambda s: {"a": [1.0] * (1 + int(s.max()))})


def test_a_sample_that_fails_is_told_and_half_is_enough(tmp_path: Path) -> None:
    samples = np.arange(4.0)[:, None, None] * np.ones((1, 2, 2))

    def fails(limit: float) -> Any:
        def measure(sample: Pixels) -> float:
            if sample.max() >= limit:
                raise ValueError("not this one")
            return float(sample.max())

        return measure

    table = table_of(tmp_path, samples, fails(2))
    assert [failure.words for failure in table.failures] == [
        f"sample {n} is left out: ValueError: not this one" for n in (2, 3)
    ]
    assert table.of("value").tolist() == [0, 1]
    with pytest.raises(SettingsError, match=r"half of 4 samples; got 3 failures, the last on sample 3.*not this"):
        table_of(tmp_path, samples, fails(1))


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40))
def test_an_interval_holds_its_median_and_lies_within_the_samples(values: list[float]) -> None:
    found = interval_of(values)
    assert min(values) - 1e-9 <= found.low <= found.value + 1e-9
    assert found.value <= found.high + 1e-9 <= max(values) + 2e-9


def test_one_more_sample_lies_within_as_often_as_said() -> None:
    random = np.random.default_rng(0)
    inside = 0
    for _ in range(2000):
        *known, another = random.normal(size=31)
        found = interval_of(known)
        inside += found.low <= another <= found.high
    assert 0.88 < inside / 2000 < 0.92


def test_no_number_at_all_has_no_interval() -> None:
    assert np.isnan(interval_of([np.nan, np.nan]).value)


def test_groups_that_differ_are_told_apart_and_others_are_not() -> None:
    random = np.random.default_rng(0)

    def group(mean: float) -> list[npt.NDArray[np.float64]]:
        return [random.normal(image, 1.0, 30) for image in random.normal(mean, 2.0, 10)]

    assert difference(group(20), group(30)).is_clear
    close = difference(group(20), group(20))
    assert not close.is_clear
    assert "not told apart" in close.words


def test_two_equal_groups_are_rarely_told_apart() -> None:
    random = np.random.default_rng(1)
    clear = 0
    for _ in range(60):
        one, other = ([random.normal(image, 1.0, 20) for image in random.normal(0, 1, 12)] for _ in range(2))
        clear += difference(one, other).is_clear
    assert clear <= 14


def test_tables_are_written_and_compared(tmp_path: Path) -> None:
    for name, shift in (("a", 0.0), ("b", 50.0)):
        samples = shift + np.random.default_rng(0).normal(10, 1, (12, 4, 4))
        table_of(tmp_path, samples, lambda s: {"mean": s.mean()}).save(tmp_path / f"{name}.csv", name="x.tif")
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    assert first.read_text().splitlines()[0].startswith("image,row,column,mean,low,high,widening,sample_0,")
    assert len(groups_in(first)["mean"][0]) == 12
    (found,) = compare_tables(first, second)
    assert found.between.value == pytest.approx(50, abs=1e-3)
    assert "different, by the measurement alone" in found.words


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "column,sample_0\nx,words\n"])
def test_what_is_no_table_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(SettingsError, match="a table of `quietscope measure`"):
        groups_in(tmp_path / "t.csv")
