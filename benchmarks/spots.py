"""Spots of known places, found in the noisy image, in BM3D's, in a model's mean, and by consensus of its samples.

``python benchmarks/spots.py`` makes fields of cells with a haze and a texture, in which stand spots of unequal
brightness, and adds Poisson-Gaussian noise at three levels, the gain of each (variance per intensity) in the table. The
same detector, `Maxima`, looks at every image. A spot is right where a true one lies within `RADIUS` pixels, each true
one once; F1 is over the spots of all fields. BM3D is told the noise, the model, `instant`, estimates it.

Where a maximum is bright enough to be a spot is told by Otsu's rule, as `quietscope spots` has it, of every field and
image ("usual"); or it is the one brightness for all fields with the highest F1, which nobody knows without the truth
("best").
Consensus lists what at least half of the samples have. Calibration: how far the probabilities of all that is listed,
from 0.1 on, are off from the share that is right (expected calibration error over ten bins).
"""

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table
from scipy.ndimage import gaussian_filter
from scipy.optimize import linear_sum_assignment

from environment import write_result
from quietscope import Denoiser
from quietscope.consensus.spot_detection import Maxima, same_spots, usual_threshold
from quietscope.noise import PoissonGaussian
from reading_calibration import expected_error
from yardstick import bm3d_anscombe

Points = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.float32]
SIDE, SPOTS, APART = 128, 40, 4.0
"""Pixels of a side, spots of a field, and pixels between two of them at least."""
RADIUS, OFFSET = 2.0, 100.0
GAINS, READ_NOISE = (2.0, 8.0, 24.0), 5.0
LISTED, HALF = 0.1, 0.5
CHOICES = 25
"""Brightnesses of which the best is taken."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fields", type=int, default=6)
    parser.add_argument("--samples", type=int, default=20)
    parser.add_argument("--gains", type=float, nargs="+", default=list(GAINS))
    args = parser.parse_args()
    made = [field(np.random.default_rng(number)) for number in range(args.fields)]
    clean, truth = np.stack([each for each, _ in made]), [places for _, places in made]
    levels = {f"{gain:g}": level(clean, truth, gain, args.samples) for gain in args.gains}
    show(levels)
    about = {"fields": args.fields, "side": SIDE, "spots": SPOTS, "radius": RADIUS, "samples": args.samples}
    print(write_result("spots", {**about, "read_noise": READ_NOISE, "gain": levels}))


def field(random: np.random.Generator) -> tuple[Pixels, Points]:
    """Return a field without noise, (Y, X), and the places of its spots, (spots, 2)."""
    shape = gaussian_filter(random.normal(size=(SIDE, SIDE)), 14, mode="wrap")
    texture = gaussian_filter(random.normal(size=(SIDE, SIDE)), 2.5, mode="wrap")
    cells = gaussian_filter((shape > 0).astype(float), 1.5) * (80.0 + 18.0 * texture / texture.std())
    places: list[npt.NDArray[np.float64]] = []
    while len(places) < SPOTS:
        place = random.uniform(RADIUS, SIDE - 1 - RADIUS, 2)
        if all(np.hypot(*(place - other)) >= APART for other in places):
            places.append(place)
    rows, columns = np.indices((SIDE, SIDE))
    spots = np.zeros((SIDE, SIDE))
    for (row, column), height in zip(places, random.lognormal(np.log(80.0), 0.4, SPOTS), strict=True):
        spots += height * np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / RADIUS**2)
    haze = 4.0 * gaussian_filter(spots, 8.0, mode="wrap")
    return (OFFSET + 20.0 + cells + haze + spots).astype(np.float32), np.stack(places)


def level(clean: Pixels, truth: Sequence[Points], gain: float, num_samples: int) -> dict[str, Any]:
    """Return the figures of one level of noise."""
    random = np.random.default_rng(int(gain))
    photons = random.poisson((clean - OFFSET) / gain)
    noisy = (OFFSET + gain * photons + random.normal(0.0, READ_NOISE, clean.shape)).astype(np.float32)
    noise = PoissonGaussian(gain=gain, offset=OFFSET, read_noise=READ_NOISE)
    denoiser = Denoiser(method="instant").fit(noisy, axes="TYX", progress=False)
    samples = [denoiser.sample(x, axes="YX", num_samples=num_samples, seed=n) for n, x in enumerate(noisy)]
    images = {
        "noisy": noisy,
        "BM3D": np.stack([bm3d_anscombe(x, noise) for x in noisy]),
        "MMSE mean": np.stack([denoiser.denoise(x, axes="YX").mean for x in noisy]),
        "mean of the samples": np.stack([each.mean(axis=0) for each in samples]),
        "one sample": np.stack([each[0] for each in samples]),
    }
    find = Maxima(RADIUS)
    found: dict[str, list[list[Points]]] = {name: [[find(x)] for x in each] for name, each in images.items()}
    found["consensus"] = [[find(x) for x in each] for each in samples]
    figures = {name: figures_of(parts, truth) for name, parts in found.items()}
    return {"f1": figures, "calibration": calibration(found["consensus"], truth)}


def figures_of(found: Sequence[Sequence[Points]], truth: Sequence[Points]) -> dict[str, float]:
    """Return F1 at the usual brightness and at the best one."""
    usual = [usual_threshold(parts) for parts in found]
    heights = np.concatenate([part[:, 0] for parts in found for part in parts])
    choices = np.quantile(heights, np.linspace(0.3, 0.99, CHOICES))
    best = max((f1(found, truth, [choice] * len(found)), choice) for choice in choices.tolist())
    return {"usual": f1(found, truth, usual), "best": best[0], "best_brightness": best[1]}


def f1(found: Sequence[Sequence[Points]], truth: Sequence[Points], thresholds: Sequence[float]) -> float:
    """Return F1 of what at least half of the images of each field have, all fields together."""
    right = said = known = 0
    for parts, places, threshold in zip(found, truth, thresholds, strict=True):
        shares, where = listed(parts, threshold)
        right += int(is_right(where[shares >= HALF], places).sum())
        said, known = said + int((shares >= HALF).sum()), known + len(places)
    return 2.0 * right / (said + known)


def listed(parts: Sequence[Points], threshold: float) -> tuple[Points, Points]:
    """Return the share of the images that have each spot, (N,), and its place, (N, 2)."""
    groups = same_spots([part[part[:, 0] >= threshold] for part in parts], RADIUS)
    shares = np.array([len(group) / len(parts) for group in groups], np.float64)
    return shares, np.array([np.median(group[:, 1:], axis=0) for group in groups]).reshape(-1, 2)


def is_right(where: Points, places: Points) -> npt.NDArray[np.bool_]:
    """Return of which spots a true one lies within the radius, each true one given to one spot at most."""
    apart = np.hypot(*(where[:, None] - places[None]).transpose(2, 0, 1))
    rows, columns = linear_sum_assignment(np.minimum(apart, 2.0 * RADIUS))
    right = np.zeros(len(where), bool)
    right[rows] = apart[rows, columns] <= RADIUS
    return right


def calibration(found: Sequence[Sequence[Points]], truth: Sequence[Points]) -> dict[str, Any]:
    """Return how well the probabilities of the spots of a consensus hold."""
    answers = []
    for parts, places in zip(found, truth, strict=True):
        shares, where = listed(parts, usual_threshold(parts))
        kept = shares >= LISTED
        answers.append(np.stack([shares, is_right(where, places)], axis=1)[kept])
    every = np.concatenate(answers)
    mean, right = every.mean(axis=0).tolist()
    return {"listed": len(every), "mean_probability": mean, "right": right, "error": expected_error(every)}


def show(levels: dict[str, dict[str, Any]]) -> None:
    table = Table(title="F1 of spots, at the usual brightness and at the best", title_justify="left")
    for name in ("found in", *(f"gain {gain}" for gain in levels)):
        table.add_column(name, justify="right")
    for name in next(iter(levels.values()))["f1"]:
        shown = [level["f1"][name] for level in levels.values()]
        table.add_row(name, *(f"{each['usual']:.3f} {each['best']:.3f}" for each in shown))
    table.add_row("probabilities are off by", *(f"{each['calibration']['error']:.3f}" for each in levels.values()))
    Console().print(table)


if __name__ == "__main__":
    main()
