"""The picture: written whole, for any size, with and without a reference."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quietscope.errors import OutputError
from quietscope.report import Overview, write_overview
from quietscope.report.crop import LARGEST_SIDE, choose_crop
from quietscope.report.overview import _Panel, _rows


def overview(shape: tuple[int, ...], *, clean: bool = False, **changes: Any) -> Overview:
    rng = np.random.default_rng(0)
    planes = rng.normal(100, 10, (6, *shape)).astype(np.float32)
    values: dict[str, Any] = {
        "noisy": planes[0],
        "mean": planes[1],
        "std": np.abs(planes[2]),
        "samples": planes[3:6],
        "clean": planes[1] if clean else None,
        "file": "cells $[a]$.tif",
        "method": "hdn, preset fast",
        "noise": "Gaussian: sigma 10",
    }
    return Overview(**{**values, **changes})


@pytest.mark.parametrize("shape", [(64, 64), (40, 90), (3, 5), (1, 1)])
@pytest.mark.parametrize("clean", [False, True])
def test_a_picture_of_any_size(tmp_path: Path, shape: tuple[int, ...], clean: bool) -> None:
    write_overview(tmp_path / "o.png", overview(shape, clean=clean, pixel_size_um=0.1))
    assert (tmp_path / "o.png").read_bytes().startswith(b"\x89PNG")


def test_constant_images_and_a_single_sample(tmp_path: Path) -> None:
    flat = np.full((20, 20), 5.0)
    changes: dict[str, Any] = {"noisy": flat, "mean": flat, "std": 0 * flat, "samples": flat[None]}
    write_overview(tmp_path / "o.png", overview((20, 20), **changes))


@pytest.mark.parametrize(
    ("of_samples", "number", "titles"),
    [
        (True, 3, ("mean of the samples", "standard deviation of the samples")),
        (False, 3, ("denoised", "standard deviation")),
        (True, 0, ("denoised", "standard deviation")),
    ],
)
def test_only_what_is_made_of_samples_is_called_so(of_samples: bool, number: int, titles: tuple[str, ...]) -> None:
    """`instant` shows samples beside mean and deviation of one pass."""
    shown = overview((20, 20), of_samples=of_samples, samples=np.zeros((number, 20, 20)))
    found = [panel.title for row in _rows(shown) for panel in row if isinstance(panel, _Panel)]
    assert [title for title in found if title.startswith(("mean", "denoised", "standard"))] == [*titles]


@pytest.mark.parametrize(
    ("number", "title"), [(3, "standard deviation (samples x 1.33)"), (0, "standard deviation (calibrated, x 1.33)")]
)
def test_a_deviation_that_was_calibrated_is_not_that_of_the_samples(number: int, title: str) -> None:
    shown = overview((20, 20), samples=np.zeros((number, 20, 20)), spread=1.327)
    found = [panel.title for row in _rows(shown) for panel in row if isinstance(panel, _Panel)]
    assert [name for name in found if name.startswith("standard")] == [title]


def test_an_existing_picture_is_kept(tmp_path: Path) -> None:
    (tmp_path / "o.png").write_bytes(b"old")
    with pytest.raises(OutputError, match="overwrite=True"):
        write_overview(tmp_path / "o.png", overview((20, 20)))
    assert (tmp_path / "o.png").read_bytes() == b"old"


def test_the_crop_of_a_huge_plane_holds_what_stands_out() -> None:
    plane = np.zeros((5000, 4000))
    plane[4700:4900, 3700:3900] = 1.0
    reads = []

    def read(y: slice, x: slice) -> np.ndarray:
        reads.append(plane[y, x].shape)
        return plane[y, x]

    rows, columns = choose_crop(plane.shape, read)
    assert plane[rows, columns].max() == 1.0
    assert set(reads) == {(LARGEST_SIDE, LARGEST_SIDE)}
    assert len(reads) <= 16


def test_a_small_plane_is_shown_whole() -> None:
    assert choose_crop((30, 40), lambda y, x: np.zeros((1, 1))) == (slice(0, 30), slice(0, 40))
