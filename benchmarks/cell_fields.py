"""Simulated fields of cells that touch, are faint, and are unequal in size, with the truth about them.

The correction of probabilities is learnt from them: the labels of real fields, on which it is judged, are not in it.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Array = npt.NDArray[Any]

SIDE = 224
DIAMETER = 30.0
"""About how large cells are, in pixels; what a user would say."""
_GROUND, _NOISE = 100.0, 7.0
_LEAST, _MOST = 14, 24


def cells_of(random: np.random.Generator) -> tuple[Array, Array]:
    """Return a clean field, float32, and its labels, int32, (Y, X) each.

    Cells are ellipses with a median diameter of `DIAMETER` and a deviation of a fifth of that, and of 5 to 35 above the
    ground, most of them about 12. Every other one touches a cell that was there before.
    """
    y, x = np.mgrid[:SIDE, :SIDE].astype(float)
    labels, height = np.zeros((SIDE, SIDE), np.int32), np.zeros((SIDE, SIDE))
    placed: list[tuple[Array, float]] = []
    wanted = int(random.integers(_LEAST, _MOST + 1))
    for _ in range(40 * wanted):
        if len(placed) == wanted:
            break
        radius = 0.5 * DIAMETER * float(random.lognormal(0.0, 0.2))
        stretch, turn = float(np.sqrt(random.uniform(1.0, 1.7))), float(random.uniform(0.0, np.pi))
        centre = random.uniform(0.0, SIDE, 2)
        if placed and random.uniform() < 0.5:
            other, its_radius = placed[int(random.integers(len(placed)))]
            angle = float(random.uniform(0.0, 2.0 * np.pi))
            centre = other + (radius + its_radius) * np.array([np.sin(angle), np.cos(angle)])
        along = (y - centre[0]) * np.sin(turn) + (x - centre[1]) * np.cos(turn)
        across = (y - centre[0]) * np.cos(turn) - (x - centre[1]) * np.sin(turn)
        inside = np.hypot(along / (radius * stretch), across / (radius / stretch)) < 1.0
        new = inside & (labels == 0)
        # Seen whole, but for a sixth that another may cover or the border may cut.
        if new.sum() < 0.83 * np.pi * radius**2:
            continue
        placed.append((centre, radius))
        labels[new] = len(placed)
        height[new] = np.clip(12.0 * random.lognormal(0.0, 0.5), 5.0, 35.0)
    texture = ndimage.gaussian_filter(random.normal(0.0, 1.0, labels.shape), 3.0)
    uneven = ndimage.gaussian_filter(random.normal(0.0, 1.0, labels.shape), 30.0)
    height *= 1.0 + 0.2 * texture / texture.std()
    clean = _GROUND + ndimage.gaussian_filter(height, 1.5) + 2.0 * uneven / uneven.std()
    return clean.astype(np.float32), labels


def noisy_cells(num: int, level: int, first: int = 0) -> tuple[Array, Array, Array]:
    """Return noisy fields, their clean ones, and their labels, (N, Y, X) each.

    Args:
        num: How many.
        level: Factor on the noise, which has a deviation of 7.
        first: Number of the first; others of these numbers are other fields.
    """
    drawn = [cells_of(np.random.default_rng([first + n])) for n in range(num)]
    clean, labels = (np.stack(each) for each in zip(*drawn, strict=True))
    noise = np.random.default_rng([first, level]).normal(0.0, _NOISE * level, clean.shape)
    return (clean + noise).astype(np.float32), clean, labels
