"""Groups of images are compared image by image, however many rows the function gave of each."""

from pathlib import Path

import numpy as np
import pytest

from quietscope.consensus.groups import compare_tables, counts_in, groups_in
from quietscope.errors import SettingsError


def table(path: Path, images: np.ndarray, widening: float = 1.0) -> Path:
    """Write what a function gave, (images, rows, K), as `quietscope measure` has it."""
    lines = [f"image,row,column,widening,{','.join(f'sample_{k}' for k in range(images.shape[2]))}"]
    for name, rows in enumerate(images):
        for number, row in enumerate(rows):
            lines.append(f"{name}.tif,{number},size,{widening},{','.join('' if np.isnan(v) else f'{v}' for v in row)}")
    path.write_text("\n".join(lines) + "\n")
    return path


def test_rows_of_an_image_are_one_image(tmp_path: Path) -> None:
    images = np.arange(24.0).reshape(2, 3, 4)
    found = groups_in(table(tmp_path / "a.csv", images))["size"]
    assert [each.tolist() for each in found] == images.mean(axis=1).tolist()
    (compared,) = compare_tables(tmp_path / "a.csv", tmp_path / "a.csv")
    assert compared.num == (2, 2)


def test_one_image_of_many_rows_says_nothing_of_others(tmp_path: Path) -> None:
    one = table(tmp_path / "a.csv", np.random.default_rng(0).normal(0.0, 1.0, (1, 50, 8)))
    (compared,) = compare_tables(one, one)
    assert compared.num == (1, 1)
    assert "by the measurement alone" in compared.words


def test_what_a_sample_lacks_is_left_out_and_the_mean_is_widened(tmp_path: Path) -> None:
    rows = np.array([[[1.0, 2.0, np.nan, 4.0], [3.0, np.nan, np.nan, 8.0]]])
    (found,) = groups_in(table(tmp_path / "a.csv", rows))["size"]
    assert found.tolist() == [2.0, 2.0, 6.0]
    (wider,) = groups_in(table(tmp_path / "b.csv", rows, widening=3.0))["size"]
    assert wider.tolist() == [2.0, 2.0, 14.0]


def test_lines_without_names_are_images(tmp_path: Path) -> None:
    (tmp_path / "counts.csv").write_text("T,count,sample_0,sample_1\n0,4,3,5\n1,6,6,7\n")
    assert [each.tolist() for each in groups_in(tmp_path / "counts.csv")["count"]] == [[3, 5], [6, 7]]


@pytest.mark.parametrize("rows", [1, 30])
def test_equal_groups_are_rarely_told_apart_however_many_rows_an_image_has(tmp_path: Path, rows: int) -> None:
    """Rows of an image have its own shift: taken for images of their own, they would tell equal groups apart."""
    random = np.random.default_rng(rows)
    clear = 0
    for _ in range(30):
        for name in ("a", "b"):
            images = random.normal(0.0, 1.0, (8, 1, 1)) + random.normal(0.0, 0.5, (8, rows, 1))
            table(tmp_path / f"{name}.csv", images + random.normal(0.0, 0.2, (8, rows, 6)))
        clear += compare_tables(tmp_path / "a.csv", tmp_path / "b.csv")[0].is_clear
    assert clear <= 9


def counts(folder: Path, frames: list[list[float]]) -> None:
    """Write counts of frames, each with what its samples have, as `quietscope segment` does."""
    folder.mkdir(parents=True)
    last = max(map(len, frames))
    lines = [f"t,count,count_low,count_high,failures,{','.join(f'sample_{k}' for k in range(last))}"]
    lines += [
        ",".join(map(str, [n, 1, 0, 2, 0, *frame, *[""] * (last - len(frame))])) for n, frame in enumerate(frames)
    ]
    (folder / "counts.csv").write_text("\n".join(lines) + "\n")


def test_counts_below_a_folder_are_those_of_an_image_each(tmp_path: Path) -> None:
    counts(tmp_path / "day1" / "a", [[1, 2, 3], [3, 4]])
    counts(tmp_path / "day2" / "b", [[7, 8, 9]])
    counts(tmp_path / "day2" / "b" / "labels.ome.zarr" / "0", [[100, 100]])
    found = counts_in(tmp_path)["count"]
    assert [each.tolist() for each in found] == [[2, 3], [7, 8, 9]]


def test_frames_of_the_only_series_are_images(tmp_path: Path) -> None:
    counts(tmp_path / "only", [[1, 2], [3, 4]])
    for path in (tmp_path, tmp_path / "only" / "counts.csv"):
        assert [each.tolist() for each in counts_in(path)["count"]] == [[1, 2], [3, 4]]


def test_a_folder_without_counts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"a folder of `quietscope segment`, with counts\.csv"):
        counts_in(tmp_path)


def test_a_table_of_something_else_than_counts_is_refused(tmp_path: Path) -> None:
    other = table(tmp_path / "a.csv", np.arange(24.0).reshape(2, 3, 4))
    with pytest.raises(SettingsError, match=r"counts of `quietscope segment`; got .*a\.csv, which has size; name its"):
        counts_in(other)
