"""Scenes as microscopes see them, made by a procedure: filaments, membranes, puncta, nuclei, cytoplasm, and their blur.

No recording is behind them. A scene is non-negative, float32, its 99.9th percentile about 1.
"""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree
from scipy.special import expit

Image: TypeAlias = NDArray[Any]


def scene(rng: np.random.Generator, size: int) -> Image:
    """Draw a scene of one to three kinds of structure, blurred by a point spread function with a halo."""
    kinds = (_filaments, _membranes, _puncta, _nuclei, _cytoplasm)
    image = np.zeros((size, size), np.float32)
    for kind in rng.choice(len(kinds), size=rng.choice([1, 2, 3], p=[0.45, 0.4, 0.15]), replace=False):
        part = kinds[kind](rng, size)
        image += part / max(float(np.percentile(part, 99.9)), 1e-6) * rng.uniform(0.2, 1.0)
    sharp, halo = rng.uniform(0.6, 2.6), rng.uniform(0.0, 0.35)
    blurred = (1 - halo) * gaussian_filter(image, sharp) + halo * gaussian_filter(image, rng.uniform(3, 8) * sharp)
    return np.asarray(blurred / max(float(np.percentile(blurred, 99.9)), 1e-6), np.float32)


def _filaments(rng: np.random.Generator, size: int) -> Image:
    """Curves whose direction drifts, some of them spreading from one centre, of uneven brightness."""
    image = np.zeros((size, size), np.float32)
    number, stiffness = int(rng.integers(4, 70)), rng.uniform(0.01, 0.12)
    centre = rng.uniform(0, size, 2) if rng.random() < 0.4 else None
    steps = 2 * size
    for _ in range(number):
        start = rng.uniform(-20, size + 20, 2) if centre is None else centre + rng.normal(0, 5, 2)
        angle = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, stiffness, steps))
        path = start[:, None] + 0.6 * np.cumsum(np.stack((np.sin(angle), np.cos(angle))), axis=1)
        weight = rng.lognormal(0, 0.5) * np.ones(steps)
        _splat(image, path[:, : int(rng.integers(size // 3, steps))], weight)
    return image


def _splat(image: Image, places: NDArray[np.float64], weight: NDArray[np.float64]) -> None:
    """Add points of the given weight at places (2, N), shared among the four nearest pixels."""
    low = np.floor(places).astype(int)
    part = places - low
    for dy in (0, 1):
        for dx in (0, 1):
            y, x = low[0] + dy, low[1] + dx
            share = np.abs(1 - dy - part[0]) * np.abs(1 - dx - part[1]) * weight[: places.shape[1]]
            inside = (y >= 0) & (x >= 0) & (y < image.shape[0]) & (x < image.shape[1])
            np.add.at(image, (y[inside], x[inside]), share[inside])


def _cells(rng: np.random.Generator, size: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Divide the plane into cells: distance to the border with the next cell, and the number of the cell."""
    radius = rng.uniform(8, 70)
    number = max(3, int((size + 2 * radius) ** 2 / (np.pi * radius**2)))
    seeds = rng.uniform(-radius, size + radius, (number, 2))
    grid = np.stack(np.meshgrid(np.arange(size), np.arange(size), indexing="ij"), axis=-1).astype(float)
    bend = np.stack([gaussian_filter(rng.normal(size=(size, size)), 8) for _ in range(2)], axis=-1)
    distance, nearest = cKDTree(seeds).query(grid + bend * rng.uniform(0, 60), k=2)
    return distance[..., 1] - distance[..., 0], nearest[..., 0]


def _membranes(rng: np.random.Generator, size: int) -> Image:
    """Borders of cells, with cells of uneven brightness inside."""
    border, cell = _cells(rng, size)
    brightness = rng.lognormal(0, 0.6, int(cell.max()) + 1)[cell]
    inside = rng.uniform(0, 0.25) * brightness
    edge = np.exp(-np.square(border / rng.uniform(1.0, 3.0))) * (0.6 + 0.4 * _texture(rng, size, rng.uniform(2, 10)))
    return np.asarray(edge + inside, np.float32)


def _puncta(rng: np.random.Generator, size: int) -> Image:
    """Spots of very unequal brightness, scattered or in groups."""
    image = np.zeros((size, size), np.float32)
    number = int(np.exp(rng.uniform(np.log(4), np.log(2500))))
    places = rng.uniform(0, size, (2, number))
    if rng.random() < 0.5:
        groups = rng.uniform(0, size, (2, int(rng.integers(1, 12))))
        places = groups[:, rng.integers(0, groups.shape[1], number)] + rng.normal(0, rng.uniform(5, 30), (2, number))
    _splat(image, places, rng.lognormal(0, rng.uniform(0.2, 1.0), number))
    return image


def _nuclei(rng: np.random.Generator, size: int) -> Image:
    """Bent ellipses with chromatin-like texture."""
    y, x = np.meshgrid(np.arange(size), np.arange(size), indexing="ij")
    bend = gaussian_filter(rng.normal(size=(size, size)), 10) * rng.uniform(0, 8)
    radius = rng.uniform(6, 60)
    image = np.zeros((size, size))
    texture = 1 + rng.uniform(0, 0.9) * (_texture(rng, size, rng.uniform(1, 6)) - 0.5)
    for _ in range(int(rng.integers(1, max(2, int(0.6 * (size / radius) ** 2))))):
        cy, cx, angle = rng.uniform(0, size), rng.uniform(0, size), rng.uniform(0, np.pi)
        along = (y - cy) * np.cos(angle) + (x - cx) * np.sin(angle)
        across = (x - cx) * np.cos(angle) - (y - cy) * np.sin(angle)
        size_here = radius * rng.uniform(0.7, 1.3)
        depth = 1 - np.square(along / size_here) - np.square(across / (size_here * rng.uniform(0.5, 1))) + bend
        image = np.maximum(image, rng.lognormal(0, 0.4) * expit(rng.uniform(2, 30) * depth) * texture)
    return image.astype(np.float32)


def _cytoplasm(rng: np.random.Generator, size: int) -> Image:
    """Cells filled with a texture, thin towards their borders, the space between them empty."""
    border, cell = _cells(rng, size)
    filled = rng.lognormal(0, 0.8, int(cell.max()) + 1)[cell] * (border > rng.uniform(0, 12))
    holes = _texture(rng, size, rng.uniform(1, 5))
    return np.asarray(filled * np.clip(holes - rng.uniform(-0.3, 0.4), 0, None), np.float32)


def _texture(rng: np.random.Generator, size: int, width: float) -> Image:
    """Blurred noise, between 0 and 1."""
    noise = gaussian_filter(rng.normal(size=(size, size)), width, mode="wrap")
    low, high = np.percentile(noise, [1, 99])
    return np.asarray(np.clip((noise - low) / (high - low), 0, 1), np.float32)
