"""The panel of coverage in the overview: there where it was measured, and the picture no wider for it."""

from pathlib import Path

import numpy as np
import pytest

from quietscope.metrics import calibration_of_moments
from quietscope.report import Overview, write_overview


def picture(path: Path, shape: tuple[int, ...], *, clean: bool, measured: bool) -> np.ndarray:
    from matplotlib.image import imread

    rng = np.random.default_rng(0)
    planes = rng.normal(100, 10, (6, *shape)).astype(np.float32)
    std = np.full(shape, 10.0)
    calibration = calibration_of_moments([(planes[1], std, planes[0])]) if measured else None
    write_overview(
        path,
        Overview(
            noisy=planes[0],
            mean=planes[1],
            std=std,
            samples=planes[3:6],
            clean=planes[2] if clean else None,
            file="a.tif",
            method="hdn",
            noise="Gaussian",
            calibration=calibration,
        ),
    )
    return imread(path)


@pytest.mark.parametrize("shape", [(64, 64), (1, 1)])
@pytest.mark.parametrize("clean", [False, True])
def test_the_last_row_makes_room_for_it(tmp_path: Path, shape: tuple[int, ...], clean: bool) -> None:
    without = picture(tmp_path / "a.png", shape, clean=clean, measured=False)
    with_it = picture(tmp_path / "b.png", shape, clean=clean, measured=True)
    assert with_it.shape[1] == without.shape[1]
    # A row of more panels has smaller ones; an image too small for its autocorrelation leaves room as it is.
    assert with_it.shape[0] < without.shape[0] or (min(shape) == 1 and with_it.shape == without.shape)
    corner = with_it[-300:, -250:, :3]  # the panel: dark ink where the plain picture ends in white or in a colour bar
    assert np.mean(corner.min(axis=-1) < 0.5) > 0.002
