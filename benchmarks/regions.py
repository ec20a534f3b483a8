"""How well regions that noise does not explain are found: false alarms, real results, and what contrast is found.

``python -m benchmarks.regions [DENOISED.npy ...]`` writes ``results/regions.json``. An array is a result of the first
four frames of the set that its name begins with, such as ``fish_noise2void.npy``. Data: see `QUIETSCOPE_DATA`.
"""

import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter
from skimage.restoration import denoise_nl_means

from environment import data_folder, write_result
from quietscope import Image, read_image
from quietscope.metrics import psnr_affine
from quietscope.metrics.squares import variance_line
from quietscope.metrics.unexplained import Region, Unexplained
from quietscope.noise import PoissonGaussian
from quietscope.tiling.judged import unexplained_regions
from yardstick import anscombe, inverse_anscombe

DATA = data_folder()
SETS = {
    "fish": ("fmd/Confocal_FISH_noisy.tif", "fmd/Confocal_FISH_clean.tif"),
    "mice": ("fmd/Confocal_MICE_noisy.tif", "fmd/Confocal_MICE_clean.tif"),
    "w2s": ("w2s/ch0_eval_noisy.tif", "w2s/ch0_eval_clean.tif"),
}
FRAMES, IMAGES, SIDE = 4, 100, 192
WIDTHS, HEIGHTS = (1.5, 2.5, 4.0, 8.0), (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0, 11.0, 16.0, 22.0, 32.0)
LEAST, MOST = 5.5, 12.0
"""Heights of spots, in deviations of what would tell a spot best, that are tried."""
SPACING = 64
Array = npt.NDArray[Any]


def load(name: str) -> tuple[Array, Array]:
    """Return noisy and clean frames of a set; the clean ones brought to the scale of the noisy ones, each by a line."""
    noisy, clean = (np.asarray(read_image(DATA / path), np.float64)[:FRAMES] for path in SETS[name])
    fits = [np.polyfit(one.ravel(), other.ravel(), 1) for one, other in zip(clean, noisy, strict=True)]
    return noisy, np.stack([slope * one + offset for one, (slope, offset) in zip(clean, fits, strict=True)])


def find(noisy: Array, denoised: Array) -> Unexplained:
    """Return what is found without a noise model."""
    axes = "QYX"[-noisy.ndim :]
    return unexplained_regions(Image(noisy, axes), Image(denoised, axes))


def simulated(name: str, signal: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return a signal, and a noisy image of it."""
    if name == "poisson-gaussian":
        return signal, rng.poisson(np.maximum(signal - 100, 0) / 100) * 100.0 + 100 + rng.normal(0, 10, signal.shape)
    if name == "emccd, skewness 1 to 2":
        gain = rng.gamma(np.maximum(rng.poisson(np.maximum(signal - 100, 0) / 50), 1e-9))
        return signal, 100 + 50 * gain + rng.normal(0, 10, signal.shape)
    if name == "few photons, 0.1 to 4":
        rate = (signal - signal.min() + 20) / 300
        return rate, rng.poisson(rate).astype(np.float64)
    white = rng.normal(size=signal.shape)
    if name == "rows, lag-1 0.5":
        white = white + 0.5 * np.roll(white, 1, 1) + 0.2 * np.roll(white, 2, 1)
    if name == "blurred, width 1":
        white = gaussian_filter(white, 1.0, mode="wrap")
    return signal, signal + 40.0 * white / white.std()


def false_alarms() -> Iterator[dict[str, Any]]:
    """Give a row for each kind of noise: images with anything found, where the result is the very signal."""
    clean = np.asarray(read_image(DATA / SETS["w2s"][1]), np.float64)
    kinds = ("gaussian", "poisson-gaussian", "emccd, skewness 1 to 2", "few photons, 0.1 to 4")
    for name in (*kinds, "rows, lag-1 0.5", "blurred, width 1"):
        rng = np.random.default_rng(0)
        counts = []
        for n in range(IMAGES):
            top, left = rng.integers(0, clean.shape[-1] - SIDE, 2)
            signal, noisy = simulated(name, clean[n % len(clean), top : top + SIDE, left : left + SIDE], rng)
            counts.append(find(noisy, signal).count)
        yield {"noise": name, "images": IMAGES, "with_any": int(np.count_nonzero(counts)), "squares": sum(counts)}


def real(name: str, results: dict[str, Array]) -> Iterator[dict[str, Any]]:
    """Give a row for each result of a set: what is found, and how far the clean reference agrees."""
    noisy, clean = load(name)
    every = {
        "clean reference": clean,
        "clean reference, blurred by 2": gaussian_filter(clean, (0, 2, 2)),
        "noisy, blurred by 1": gaussian_filter(noisy, (0, 1, 1)),
        "noisy, blurred by 2": gaussian_filter(noisy, (0, 2, 2)),
        "non-local means": np.stack([by_similar_patches(*pair) for pair in zip(noisy, clean, strict=True)]),
        **results,
    }
    for kind, result in every.items():
        found = find(noisy, result)
        row = {"set": name, "result": kind, "count": found.count, "share": found.share, "kinds": dict(found.kinds)}
        pairs = zip(result, clean, strict=True)
        if kind != "clean reference":
            row |= {"psnr": float(np.mean([psnr_affine(*pair) for pair in pairs])), **agreement(found, result, clean)}
        yield row


def by_similar_patches(noisy: Array, clean: Array) -> Array:
    """Return what non-local means make of a frame on Anscombe's scale; it is told the noise by the clean frame."""
    noise = PoissonGaussian.fit(clean, noisy)
    settings = {"patch_size": 5, "patch_distance": 6, "h": 0.8, "sigma": 1.0}
    return inverse_anscombe(denoise_nl_means(anscombe(noisy, noise), **settings, fast_mode=True), noise)


def agreement(found: Unexplained, result: Array, clean: Array) -> dict[str, Any]:
    """Return how many of the squares that are too dark or too bright are so by the clean reference, and by how much."""
    signed = [each for each in found.regions if each.kind in ("too dark", "too bright")]
    errors = [_mean(clean - result, each) * (1 if each.kind == "too dark" else -1) for each in signed]
    squared = (clean - result) ** 2
    inside = [_mean(squared, each) for each in found.regions]
    return {
        "signed": len(signed),
        "signed_right": int(np.count_nonzero(np.array(errors) > 0)),
        "squared_error_over_that_of_all": float(np.mean(inside) / squared.mean()) if inside else None,
    }


def _mean(planes: Array, region: Region) -> float:
    box = planes[region.plane["Q"], region.y : region.y + region.side, region.x : region.x + region.side]
    return float(box.mean())


def power(name: str, *, removed: bool) -> list[dict[str, Any]]:
    """Return the share of spots that are found, by width, and by height in deviations of the noise without them.

    Spots are added to the noisy image alone, as if they had been removed, or to the result alone: made up. `matched` is
    what the best of all tests, which knows place and shape of a spot, would have: sqrt(sum spot^2 / v(result)).
    """
    noisy, clean = (each[:2] for each in load(name))
    lines = [variance_line(s, x - s) for x, s in zip(noisy, clean, strict=True)]
    deviation = np.sqrt(np.stack([line.at(s) for line, s in zip(lines, clean, strict=True)]))
    rng, rows = np.random.default_rng(0), []
    grid = np.arange(SPACING // 2, clean.shape[-1], SPACING)
    places = [
        (q, int(y + rng.integers(-8, 8)), int(x + rng.integers(-8, 8))) for q in range(2) for y in grid for x in grid
    ]
    down, across = np.indices(clean.shape[1:])
    for width in WIDTHS:
        spots = np.zeros_like(clean)
        for q, y, x in places:
            spots[q] += deviation[q, y, x] * np.exp(-((down - y) ** 2 + (across - x) ** 2) / (2 * width**2))
        for height in HEIGHTS:
            more = height * spots
            observed, result = (noisy + more, clean) if removed else (noisy, clean + more)
            variance = np.stack([line.at(s) for line, s in zip(lines, result, strict=True)])
            matched = math.sqrt(float((more**2 / variance).sum()) / len(places))
            if LEAST <= matched <= MOST:
                found = find(observed, result)
                hits = [any(_holds(each, *place, width) for each in found.regions) for place in places]
                row = {"width": width, "height": height, "matched": round(matched, 1), "found": float(np.mean(hits))}
                rows.append(row)
    return [{"set": name, "removed": removed, "spots": len(places), "rows": rows}]


def _holds(region: Region, q: int, y: int, x: int, width: float) -> bool:
    """Whether a square reaches into the middle of a spot."""
    near = (start - width <= at <= start + region.side + width for start, at in ((region.y, y), (region.x, x)))
    return region.plane["Q"] == q and all(near)


def main() -> None:
    """Measure, print every row, and write ``results/regions.json``."""
    given: dict[str, dict[str, Array]] = {name: {} for name in SETS}
    for word in sys.argv[1:]:
        name, _, kind = Path(word).stem.partition("_")
        given[name][kind] = np.asarray(np.load(word), np.float64)
    parts = {"false_alarms": false_alarms(), "real": (row for name in SETS for row in real(name, given[name]))}
    powers = (row for name in SETS for removed in (False, True) for row in power(name, removed=removed))
    found: dict[str, list[dict[str, Any]]] = {}
    for part, rows in {**parts, "power": powers}.items():
        found[part] = []
        for row in rows:
            print(part, row, flush=True)
            found[part].append(row)
    write_result("regions", found)


if __name__ == "__main__":
    main()
