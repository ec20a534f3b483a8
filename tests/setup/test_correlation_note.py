"""A note on correlated noise names a command that exists, and goes only to methods that would leave it in."""

import numpy as np
import pytest
from scipy.ndimage import convolve1d

from quietscope.axes import Layout
from quietscope.data.frames import Frames
from quietscope.setup.noise_choice import choose_noise


def frames(axes: tuple[int, ...]) -> Frames:
    image = np.random.default_rng(0).normal(0.0, 10.0, (128, 128))
    for axis in axes:
        image = convolve1d(image, np.array([0.6, 0.8]), axis=axis, mode="wrap")
    return Frames(((100.0 + image, Layout.of("YX", image.shape)),))


@pytest.mark.parametrize(
    ("axes", "words"),
    [
        ((1,), 'method="dvlae", network={"direction": "x"}'),
        ((0,), 'method="dvlae", network={"direction": "y"}'),
        ((0, 1), 'method="hdn", network={"deterministic_levels": "auto"}'),
    ],
)
def test_the_note_names_the_way_out(axes: tuple[int, ...], words: str) -> None:
    told: list[str] = []
    choose_noise("auto", frames(axes), told.append)
    assert len(told) == 1
    assert words in told[0]
    assert ('method="instant"' in told[0]) == (len(axes) == 1)


def test_no_note_where_there_is_no_need() -> None:
    told: list[str] = []
    choose_noise("auto", frames(()), told.append)
    choose_noise("auto", frames((1,)), told.append, correlation_is_met=True)
    assert not told
