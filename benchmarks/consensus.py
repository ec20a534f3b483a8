"""Segmentation by consensus of samples beside segmentation of one image: noisy, BM3D, Noise2Void, and means.

Eleven fields of cells with labels (made by Cellpose), at their own noise, of a deviation of about 14, and at two and
four times that. One segmenter, `watershed` of `quietscope.consensus`, does all of it, with one diameter for objects
that was set on the noisy fields as they are. Fields are binned, by default 2 x 2, which loses nothing of cells that
are 80 pixels wide and makes drawing four times as fast.

Noise that is added is drawn more than once, and the noisy image is judged on more draws still: with so few objects one
draw may be lucky. The ways are compared on simulated fields too, with the correction of probabilities learnt there.

Scores are those of all objects of all fields: AP = TP / (TP + FP + FN) and F1 at an intersection over union above 1/2,
and SEG of the Cell Tracking Challenge. Whether the probability of existing is honest is told by the expected
calibration error over ten bins: as it is, corrected in several ways, and what chance makes of honest ones. Counts are
those of simulated fields.

What took long to make is kept in ``--cache`` and made once.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile
from rich.console import Console
from rich.table import Table
from scipy import ndimage

from cell_fields import DIAMETER, noisy_cells
from consensus_rows import WAYS, Measured, as_segment_does, chosen_by_others, laid, measured, scores_of, tally
from environment import data_folder, write_result
from existence_errors import calibration
from quietscope import Denoiser
from quietscope.consensus.counting import count_interval
from quietscope.consensus.instances import fused
from quietscope.consensus.overlay import Overlay
from quietscope.consensus.thresholding import watershed

Array = npt.NDArray[Any]
SD = 14.0
NUM_FIELDS = 11
LOT = 12
"""Samples that are drawn together."""


def fields(level: int, binning: int, draw: int = 0) -> tuple[Array, Array]:
    """Return the noisy fields with `level` times their noise, drawn anew, and their labels, (N, Y, X) each."""
    folder = data_folder() / "segmentation"
    paths = sorted(folder.glob("*_noisy.tif"))
    noisy = np.stack([tifffile.imread(path) for path in paths]).astype(np.float32)
    labels = np.stack([tifffile.imread(str(path).replace("_noisy", "_labels")) for path in paths]).astype(np.int32)
    if level > 1:
        added = np.random.default_rng([level, draw] if draw else level).normal(
            0.0, SD * np.sqrt(level**2 - 1), noisy.shape
        )
        noisy += added.astype(np.float32)
    side = noisy.shape[-1] // binning * binning
    parts = noisy[:, :side, :side].reshape(len(noisy), side // binning, binning, side // binning, binning)
    return np.asarray(parts.mean((2, 4))), labels[:, :side:binning, :side:binning]


class Cache:
    """Arrays that are made once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def get(self, name: str, make: Callable[[], Array]) -> Array:
        """Return an array, made by a function where it is not there yet."""
        path = self._folder / f"{name}.npy"
        if not path.exists():
            np.save(path, make())
        return np.asarray(np.load(path))

    def record(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return figures, measured where they are not there yet."""
        path = self._folder / f"{name}.json"
        if not path.exists():
            path.write_text(json.dumps(make()))
        return dict(json.loads(path.read_text()))


def sampler(noisy: Array, steps: int) -> Denoiser:
    """Return `instant`, which draws samples in so many steps."""
    denoiser = Denoiser(method="instant").fit(noisy, axes="TYX", progress=False)
    method: Any = denoiser.method
    method.settings = method.settings.model_copy(update={"accumulation_steps": steps})
    return denoiser


def mean_and_samples(denoiser: Denoiser, x: Array, num: int, seed: int) -> Array:
    """Return the MMSE mean and samples of a field, (1 + K, Y, X)."""
    mean = denoiser.denoise(x, axes="YX").mean
    return np.concatenate([[mean], denoiser.sample(x, axes="YX", num_samples=num, seed=seed)])


class Sampler:
    """Draws what is not in the cache, in two lots, so that a cache can be added to; trains when it has to draw."""

    def __init__(self, noisy: Array, name: str, args: argparse.Namespace, cache: Cache) -> None:
        self._noisy, self._name, self._args, self._cache = noisy, name, args, cache
        self._model: Denoiser | None = None

    def of(self, n: int) -> Array:
        """Return the MMSE mean and the samples of a field, (1 + K, Y, X)."""
        first = min(self._args.samples, LOT)
        name, others = f"{self._name}_{n}", self._args.samples - first
        parts = [self._cache.get(f"s_{name}", lambda: mean_and_samples(self.model, self._noisy[n], first, n))]
        if others:
            parts.append(self._cache.get(f"more_{name}", lambda: self._more(n, others)))
        return np.concatenate(parts)

    def _more(self, n: int, num: int) -> Array:
        return np.asarray(self.model.sample(self._noisy[n], axes="YX", num_samples=num, seed=1000 + n))

    @property
    def model(self) -> Denoiser:
        """The model."""
        self._model = self._model or sampler(self._noisy, self._args.accumulation_steps)
        return self._model


def bm3d_all(noisy: Array, sigma: float) -> Array:
    vars(np).setdefault("trapz", np.trapezoid)  # bm3d 4.0 asks for the name that NumPy 2.4 took away
    from bm3d import bm3d

    return np.stack([np.float32(bm3d(x.astype(np.float64), sigma)) for x in noisy])


def noise2void_all(noisy: Array, steps: int) -> Array:
    denoiser = Denoiser(method="noise2void", preset="n2v2", steps=steps).fit(noisy, axes="TYX", progress=False)
    return np.stack([denoiser.denoise(x, axes="YX").mean for x in noisy])


def level_of(level: int, args: argparse.Namespace, cache: Cache) -> dict[str, Any]:
    """Measure everything at one level of noise: the fields as they are, or several draws of noise on them."""
    num = 1 if level == 1 else args.draws
    found, parts = Measured(), []
    for draw in range(num):
        parts.append(draw_of(level, draw, args, cache))
        found = found.merged(parts[-1])
    scores: dict[str, Any] = {name: scores_of(each) for name, each in found.tallies.items()}
    for name, row in scores.items():
        row["ap_by_draw"] = [scores_of(part.tallies[name])["ap"] for part in parts if name in part.tallies]
    num_fields = len(found.objects)
    return {
        "scores": scores,
        "way_chosen_by_the_other_fields": chosen_by_others(found.tallies, num_fields),
        "tallies": {name: np.asarray(found.tallies[name]).tolist() for name in WAYS},
        "objects": [each.tolist() for each in found.objects],
        "varied_objects": [each.tolist() for each in found.varied_objects],
    }


def draw_of(level: int, draw: int, args: argparse.Namespace, cache: Cache) -> Measured:
    """Measure everything on one draw of the noise."""
    noisy, truth = fields(level, args.binning, draw)
    name = f"{level}_{draw}" if draw else f"{level}"
    samples = Sampler(noisy, name, args, cache)
    given = {
        "noisy": noisy,
        "BM3D, told the noise": cache.get(f"bm3d_{name}", lambda: bm3d_all(noisy, SD * level / args.binning)),
    }
    if not draw:  # training takes as long as all samples of a draw, and is not near the first
        given["Noise2Void"] = cache.get(f"n2v_{name}", lambda: noise2void_all(noisy, args.steps))
    reference = None
    if level > 1:
        little = Sampler(fields(1, args.binning)[0], "1", args, cache)
        reference = [watershed(little.of(n)[1:].mean(0), args.diameter) for n in range(len(truth))]
    return measured(truth, given, samples.of, args.diameter, reference)


def luck(level: int, args: argparse.Namespace) -> dict[str, Any]:
    """Return the AP of the noisy image over many draws of the noise."""
    found = []
    for draw in range(args.draws_of_noisy):
        noisy, truth = fields(level, args.binning, draw)
        pairs = zip(truth, noisy, strict=True)
        found.append(scores_of([tally(labels, watershed(x, args.diameter)) for labels, x in pairs])["ap"])
    return {"mean": float(np.mean(found)), "deviation": float(np.std(found, ddof=1)), "ap_by_draw": found}


def cells_of_level(level: int, args: argparse.Namespace, cache: Cache) -> dict[str, Any]:
    """Measure the ways on simulated fields, and the objects that the correction is learnt from."""
    noisy, clean, truth = noisy_cells(args.cells, level)
    samples = Sampler(noisy, f"cells_{level}", args, cache)
    reference = [watershed(each, DIAMETER) for each in clean]
    found = measured(truth, {"noisy": noisy, "clean": clean}, samples.of, DIAMETER, reference)
    return {
        "scores": {name: scores_of(each) for name, each in found.tallies.items()},
        "existence": calibration(found.objects),
        "varied_existence": calibration(found.varied_objects),
        "objects": [each.tolist() for each in found.objects],
        "varied_objects": [each.tolist() for each in found.varied_objects],
    }


def simulated(random: np.random.Generator, side: int = 144) -> tuple[Array, int]:
    """Return a noisy field of discs on a grid, some of them faint, and how many there are."""
    y, x = np.mgrid[:side, :side]
    clean, num = np.full((side, side), 100.0), 0
    for row in range(3):
        for column in range(3):
            if random.uniform() < 0.6:
                centre = 24 + 48 * np.array([row, column]) + random.uniform(-6, 6, 2)
                inside = np.hypot(y - centre[0], x - centre[1]) < random.uniform(9, 14)
                clean[inside] += random.uniform(8.0, 30.0)
                num += 1
    clean = ndimage.gaussian_filter(clean, 1.0)
    return (clean + random.normal(0, 14.0, clean.shape)).astype(np.float32), num


def counts_held(args: argparse.Namespace, cache: Cache) -> dict[str, float]:
    """Return how often 90 % intervals of the count hold the true one in simulated fields, and how wide they are."""
    drawn = [simulated(np.random.default_rng(1000 + n)) for n in range(args.simulated)]
    model: list[Denoiser] = []

    def samples(n: int) -> Array:
        model[:] = model or [sampler(np.stack([noisy for noisy, _ in drawn]), args.accumulation_steps)]
        return model[0].sample(drawn[n][0], axes="YX", num_samples=24, seed=n)

    held, wide, off = [], [], []
    for n, (_, num) in enumerate(drawn):
        images = cache.get(f"simulated_{n}", partial(samples, n))
        proposal = watershed(images.mean(0), 24.0)
        found = as_segment_does(laid([watershed(each, 24.0) for each in images], [proposal]))
        between = count_interval(found)
        held.append(between.low <= num <= between.high)
        wide.append(between.high - between.low)
        off.append(between.value - num)
    return {
        "held": float(np.mean(held)),
        "width": float(np.mean(wide)),
        "bias": float(np.mean(off)),
        "fields": len(held),
    }


def cost(args: argparse.Namespace) -> dict[str, float]:
    """Return CPU seconds of consensus over 30 samples of 1024 x 1024, beside those of the samples, and what is kept."""
    random = np.random.default_rng(0)
    noisy = np.tile(fields(1, args.binning)[0][0], (3, 3))[:1024, :1024]
    denoiser = Denoiser(method="instant").fit(noisy, axes="YX", progress=False)
    begin = time.process_time()
    images = denoiser.sample(noisy, axes="YX", num_samples=2)
    sampling = 15 * (time.process_time() - begin)
    overlay, kept = Overlay(noisy.shape), {}
    begin = time.process_time()
    for k in range(30):
        shake = ndimage.gaussian_filter(random.normal(0, 60, noisy.shape), 6).astype(np.float32)
        overlay.add(watershed(images[k % 2] + shake, args.diameter))
        if k + 1 in (10, 20, 30):
            overlaid = overlay.done()
            kept[f"megabytes_kept_of_{k + 1}"] = (overlaid.patch.nbytes + overlaid.labels.nbytes) / 1e6
    fused(overlay.done())
    consensus = time.process_time() - begin
    times = {"samples_cpu_seconds": sampling, "consensus_cpu_seconds": consensus, "ratio": consensus / sampling}
    return {**times, **kept, "megabytes_of_30_segmentations": 30 * noisy.size * 4 / 1e6}


def honesty(levels: dict[str, Any], cells: dict[str, Any]) -> dict[str, Any]:
    """Take the tables of objects out of what was measured, and return the errors of their probabilities.

    A field is held out at all of its levels of noise: its labels are the same.
    """
    errors: dict[str, Any] = {}
    for key in ("objects", "varied_objects"):
        simulated = np.concatenate([_table(each) for level in cells.values() for each in level.pop(key)])
        by_level = {name: [_table(each) for each in level.pop(key)] for name, level in levels.items()}
        errors[key] = {name: calibration(each, simulated) for name, each in by_level.items()}
        pooled = [np.concatenate(same) for same in zip(*by_level.values(), strict=True)]
        errors[key]["all"] = calibration(pooled, simulated)
    return errors


def _table(rows: Sequence[Sequence[float]]) -> Array:
    return np.array(rows, float).reshape(-1, 5)


def chosen(levels: dict[str, Any]) -> dict[str, float]:
    """Take the tallies out of what was measured; return the AP at each level, and of all, of ways chosen by others."""
    tallies = [level.pop("tallies") for level in levels.values()]
    found = {name: level.pop("way_chosen_by_the_other_fields") for name, level in levels.items()}
    pooled = {way: [np.array(each) for level in tallies for each in level[way]] for way in WAYS}
    return {**found, "all": chosen_by_others(pooled, NUM_FIELDS)}


def main() -> None:
    args = arguments()
    with TemporaryDirectory() as folder:
        cache = Cache(args.cache or Path(folder))
        levels: dict[str, Any] = {}
        cells: dict[str, Any] = {}
        noisy: dict[str, Any] = {}
        for level in args.levels.split(","):
            levels[level] = cache.record(f"level_{level}", partial(level_of, int(level), args, cache))
            show(f"{level} x the noise", levels[level])
            cells[level] = cache.record(f"cells_{level}", partial(cells_of_level, int(level), args, cache))
            show(f"simulated, {level} x the noise", cells[level])
            if level != "1":
                noisy[level] = cache.record(f"luck_{level}", partial(luck, int(level), args))
        everything = {"noisy_over_draws": noisy, "way_chosen_by_the_other_fields": chosen(levels)}
        everything["existence"] = honesty(levels, cells)
        everything["counts"] = cache.record("counts", partial(counts_held, args, cache))
        everything["cost"] = cache.record("cost", partial(cost, args))
    Console().print(json.dumps(everything, indent=1))
    settings = {key: value for key, value in vars(args).items() if key != "cache"}
    print(write_result(args.name, {"settings": settings, "levels": levels, "cells": cells, **everything}))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--levels", default="1,2,4", help="factors on the noise, comma-separated")
    parser.add_argument("--binning", type=int, default=2)
    parser.add_argument("--diameter", type=float, default=45.0, help="of objects, in binned pixels")
    parser.add_argument("--samples", type=int, default=12)
    parser.add_argument("--accumulation-steps", type=int, default=3, help="of a sample of `instant`")
    parser.add_argument("--steps", type=int, default=300, help="of Noise2Void")
    parser.add_argument("--draws", type=int, default=2, help="draws of the noise that is added")
    parser.add_argument("--draws-of-noisy", type=int, default=12, help="draws on which the noisy image is judged")
    parser.add_argument("--cells", type=int, default=8, help="simulated fields of many cells")
    parser.add_argument("--simulated", type=int, default=40, help="simulated fields whose objects are counted")
    parser.add_argument("--cache", type=Path, default=None, help="folder of what took long to make")
    parser.add_argument("--name", default="consensus")
    return parser.parse_args()


def show(title: str, found: dict[str, Any]) -> None:
    table = Table("", "AP", "F1", "SEG", "TP", "FP", "FN", "AP of draws", title=title)
    for name, row in found["scores"].items():
        figures = (*(f"{row[key]:.3f}" for key in ("ap", "f1", "seg")), *(f"{row[k]:.0f}" for k in ("tp", "fp", "fn")))
        table.add_row(name, *figures, " ".join(f"{each:.3f}" for each in row.get("ap_by_draw", [])))
    Console().print(table)


if __name__ == "__main__":
    main()
