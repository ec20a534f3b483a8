"""What is told before training: correlated noise where a method takes it to be independent, stacks in 2-D."""

from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from quietscope.data.frames import Frames
from quietscope.io import Image
from quietscope.presets import Configuration
from quietscope.setup.settle import preview


def told(pixels: np.ndarray, axes: str, **values: Any) -> list[str]:
    image = Image(pixels.astype(np.float32), axes)
    configuration = Configuration.of({"steps": 5, **values})
    lines: list[str] = []
    preview(configuration, [image], Frames.of([image], configuration.dims), notify=lines.append)
    return lines


def noise(sigma: tuple[float, ...], shape: tuple[int, ...] = (2, 128, 128)) -> np.ndarray:
    white = np.random.default_rng(0).normal(0.0, 20.0, shape)
    return np.asarray(200.0 + gaussian_filter(white, sigma))


@pytest.mark.parametrize(("along_x", "said"), [(1.0, True), (0.0, False)])
def test_noise2void_tells_of_correlated_noise(along_x: float, said: bool) -> None:
    lines = told(noise((0.0, 0.0, along_x)), "QYX", method="n2v")
    assert any("noise2void takes the noise to be independent" in line for line in lines) == said


def test_a_line_that_is_hidden_meets_it() -> None:
    assert not told(noise((0.0, 0.0, 1.0)), "QYX", method="noise2void", network={"mask_axes": "x"})


@pytest.mark.parametrize(("depth", "dims", "said"), [(16, 2, True), (3, 2, False), (16, 3, False)])
def test_a_stack_in_2d_mentions_3d(depth: int, dims: int, said: bool) -> None:
    lines = told(noise((0.0, 0.0, 0.0), (depth, 64, 64)), "ZYX", method="noise2void", dims=dims)
    assert any("dims=3" in line for line in lines) == said
