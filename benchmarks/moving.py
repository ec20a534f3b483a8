"""What neighbouring frames give where the scene moves, and whether they smear it.

``python benchmarks/moving.py --data drift --methods noise2void --steps 400 --seeds 0,1,2`` makes a series whose truth
is known, and denoises it frame by frame, with one or two neighbours on each side, and with time as the depth of a
volume, after as many steps on as many voxels each. ``--data frap`` does so with a real series in which a spot is
bleached.

The drifting series: a clean field of Confocal_FISH that moves by (0.6, 0.35) pixels a frame, discs that move by 2
pixels a frame, each its own way, and two areas that turn twice as bright from one frame to the next. Its noise is
Poisson-Gaussian.

Columns of the table:

* PSNR: of the whole series, and of its moving pixels alone, those with the largest difference between frames.
* leak: how much of the next frame, or of the last one, is in a frame across the step of brightness: 0 for none of it,
  1/3 for the mean of three frames. Of the real series, whose noise averages out over the spot, the same against the
  noisy frames themselves.
* smear: the error's share along ``(s_t-1 + s_t+1) / 2 - s_t`` among the moving pixels: 2/3 for the mean of three
  frames. Blur in the plane counts too, as it does along the way of a disc.
* residual, lag 1: autocorrelation of what was removed, the noise of the real series being correlated along columns.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.ndimage import gaussian_filter, map_coordinates

from environment import RESULTS, data_folder, write_result
from quietscope import Denoiser, read_image
from quietscope.metrics import autocorrelation, psnr
from quietscope.noise import PoissonGaussian
from yardstick import bm3d_anscombe

SIDE, LENGTH, STEP_AT = 96, 16, 8
DRIFT = (0.6, 0.35)
GAIN, READ_NOISE, OFFSET = 4.0, 10.0, 100.0
MOVING = 0.05
"""Share of the pixels that count as moving: those that differ most from the mean of their neighbours in time."""

WAYS: dict[str, dict[str, Any]] = {
    "frame by frame": {},
    "1 neighbour on each side": {"neighbours": 1},
    "1 neighbour that always fits in training": {"neighbours": 1, "training": {"mismatch": 0.0}},
    "2 neighbours on each side": {"neighbours": 2},
    "2 neighbours that always fit in training": {"neighbours": 2, "training": {"mismatch": 0.0}},
    "time as depth": {"dims": 3, "depth_axis": "T", "training": {"patch": 24, "patch_z": 8, "batch_size": 2}},
}
TRAINING = {"patch": 48, "batch_size": 4}
NETWORK: dict[str, dict[str, Any]] = {
    "noise2void": {"filters": 16, "depth": 2},
    "hdn": {
        "filters": (32, 32, 32),
        "latent_channels": (16, 16, 16),
        "stem_filters": 32,
        "blocks": 1,
        "final_blocks": 1,
    },
}


@dataclass(frozen=True)
class Series:
    """A series of frames, (T, Y, X).

    Attributes:
        noisy: As recorded.
        clean: Its truth; None where nobody knows it.
        spot: Where brightness steps, (Y, X).
        step: Number of the first frame after the step.
        noise: What BM3D is told.
        network: Settings of the network that its noise wants.
    """

    noisy: np.ndarray
    clean: np.ndarray | None
    spot: np.ndarray
    step: int
    noise: PoissonGaussian
    network: dict[str, Any]


def drift() -> Series:
    """A moving scene with known truth."""
    field = np.asarray(read_image(data_folder() / "fmd" / "Confocal_FISH_clean.tif"))[1].astype(np.float64)
    field = gaussian_filter(field, 1.0)[60:, 60:]  # what is left of its own noise would move along
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float64)
    spot = ((rows - 30) ** 2 + (columns - 68) ** 2 < 12**2) | ((rows - 70) ** 2 + (columns - 24) ** 2 < 10**2)
    rng, frames = np.random.default_rng(0), []
    starts, angles = rng.uniform(0, SIDE, (6, 2)), rng.uniform(0, 2 * np.pi, 6)
    for t in range(LENGTH):
        places = [rows + 40 + DRIFT[0] * t, columns + 40 + DRIFT[1] * t]
        frame = map_coordinates(field, places, order=3) * np.where(spot & (t >= STEP_AT), 2.0, 1.0)
        for (y, x), angle in zip(starts, angles, strict=True):
            middle = [y + 2 * t * np.sin(angle), x + 2 * t * np.cos(angle)]
            far = np.hypot(
                *(np.abs((a - m + SIDE / 2) % SIDE - SIDE / 2) for a, m in zip((rows, columns), middle, strict=True))
            )
            frame = frame + 40.0 / (1.0 + np.exp(2.0 * (far - 3.5)))
        frames.append(frame)
    clean = np.maximum(np.stack(frames), 0.0) + OFFSET
    noisy = OFFSET + GAIN * rng.poisson((clean - OFFSET) / GAIN) + rng.normal(0.0, READ_NOISE, clean.shape)
    noise = PoissonGaussian(gain=GAIN, offset=OFFSET, read_noise=READ_NOISE)
    return Series(noisy.astype(np.float32), clean, spot, STEP_AT, noise, {})


def frap() -> Series:
    """A real series in which a spot is bleached, cut to its surroundings; the noise is correlated along columns."""
    frames = np.asarray(read_image(data_folder() / "structured" / "frap_timelapse.tif")).astype(np.float32)
    smooth = gaussian_filter(frames.astype(np.float64), (0, 4, 4))
    steps = smooth[1:] - smooth[:-1]
    step = int(np.argmin(steps.min(axis=(1, 2)))) + 1
    fall = steps[step - 1]
    y, x = (int(np.clip(at, SIDE // 2, 512 - SIDE // 2)) for at in np.unravel_index(fall.argmin(), fall.shape))
    box = (slice(y - SIDE // 2, y + SIDE // 2), slice(x - SIDE // 2, x + SIDE // 2))
    spot = fall[box] < 0.5 * fall.min()
    noise = PoissonGaussian(gain=0.0, read_noise=float(np.diff(frames, axis=0).std() / np.sqrt(2)))
    return Series(frames[(slice(None), *box)], None, spot, step, noise, {"mask_axes": "y"})


DATA = {"drift": drift, "frap": frap}


def leak(result: np.ndarray, data: Series) -> float:
    """Return how much of the frame beyond the step is in the two frames beside it, as a share of the step."""
    truth = data.noisy if data.clean is None else data.clean
    before, after = data.step - 1, data.step
    moved = truth[after].astype(np.float64) - truth[before]
    if data.clean is None:
        height = moved[data.spot].mean()
        parts = [sign * (result[n] - truth[n])[data.spot].mean() for n, sign in ((before, 1), (after, -1))]
        return float(np.mean(parts) / height)
    moved = np.where(data.spot, moved, 0.0)
    parts = [sign * ((result[n] - truth[n]) * moved).sum() for n, sign in ((before, 1), (after, -1))]
    return float(np.mean(parts) / (moved**2).sum())


def judge(result: np.ndarray, data: Series) -> dict[str, float]:
    """Measure one line of the table."""
    around = autocorrelation(data.noisy - result, 1)
    found = {"leak": leak(result, data), "residual_lag_1": float(around[2, 1])}
    if data.clean is None:
        return found
    between = 0.5 * (data.clean[2:] + data.clean[:-2]) - data.clean[1:-1]
    between[[data.step - 2, data.step - 1]] = 0.0  # what leaks there is told above
    moving = np.abs(between) > np.quantile(np.abs(between), 1.0 - MOVING)
    error, span = result[1:-1] - data.clean[1:-1], float(np.ptp(data.clean))
    return found | {
        "psnr": float(psnr(result, data.clean)),
        "psnr_moving": float(10.0 * np.log10(span**2 / np.mean(error[moving] ** 2))),
        "smear": float((error * between)[moving].sum() / (between[moving] ** 2).sum()),
    }


def learnt(data: Series, method: str, way: dict[str, Any], steps: int, seed: int) -> dict[str, float]:
    """Train a method one way and measure what it makes of the series."""
    settings = {**way, "training": {**TRAINING, **way.get("training", {})}}
    network = {**NETWORK[method], **data.network}
    denoiser = Denoiser(method=method, steps=steps, seed=seed, network=network, **settings)
    denoiser.fit(data.noisy, axes="TYX", progress=False, notify=lambda _: None)
    report = denoiser.fit_report
    assert report is not None
    result = denoiser.denoise(data.noisy, axes="TYX", num_samples=16).mean
    return judge(result, data) | {"training_seconds": float(report.summary()["training_seconds"])}


def without_learning(data: Series) -> dict[str, dict[str, float]]:
    """Measure what takes no training: the noisy series, the mean of three frames, BM3D."""
    ends = np.pad(data.noisy, ((1, 1), (0, 0), (0, 0)), mode="edge")
    rows = {"noisy": data.noisy, "mean of 3 frames": (ends[:-2] + ends[1:-1] + ends[2:]) / 3.0}
    if data.clean is not None:  # the noise of the real series is not white, and structured.py has BM3D's answer to it
        rows["BM3D, frame by frame"] = np.stack([bm3d_anscombe(frame, data.noise) for frame in data.noisy])
    return {name: judge(result.astype(np.float64), data) for name, result in rows.items()}


def mean_of(found: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([each[name] for each in found])) for name in found[0]}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", choices=DATA, default="drift")
    parser.add_argument("--methods", default="noise2void")
    parser.add_argument("--ways", default=",".join(map(str, range(len(WAYS)))), help="numbers of the ways, from 0")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--name")
    parser.add_argument("--add", action="store_true", help="keep the rows that the result file has already")
    options = parser.parse_args()
    data, seeds = DATA[options.data](), [int(word) for word in options.seeds.split(",")]
    ways = [list(WAYS.items())[int(word)] for word in options.ways.split(",")]
    name_of_file = options.name or f"moving_{options.data}"
    earlier = RESULTS / f"{name_of_file}.json"
    scores: dict[str, Any] = json.loads(earlier.read_text())["scores"] if options.add else without_learning(data)
    for method in options.methods.split(","):
        for name, way in ways:
            each = [learnt(data, method, way, options.steps, seed) for seed in seeds]
            scores[f"{method}, {name}"] = mean_of(each) | {"each": each}
            scores[f"{method}, {name}"] |= {"steps": options.steps, "seeds": seeds}
            settings = {"data": options.data, "training": TRAINING, "networks": NETWORK, "ways": WAYS}
            write_result(name_of_file, {"settings": settings, "scores": scores})
            print(name, scores[f"{method}, {name}"], flush=True)
    columns = ("psnr", "psnr_moving", "leak", "smear", "residual_lag_1", "training_seconds")
    table = Table("", *columns)
    for row, values in scores.items():
        table.add_row(row, *(f"{values[name]:.3f}" if name in values else "" for name in columns))
    Console().print(table)


if __name__ == "__main__":
    main()
