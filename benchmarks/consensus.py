"""Segmentation by consensus of samples beside segmentation of one image: noisy, BM3D, Noise2Void, and means.

Eleven fields of cells with labels (made by Cellpose), at their own noise, of a deviation of about 14, and at two and
four times that. One segmenter, `watershed` of `quietscope.consensus`, does all of it, with one diameter for objects
that was set on the noisy fields as they are. Fields are binned, by default 2 x 2, which loses nothing of cells that
are 80 pixels wide and makes drawing four times as fast.

Scores are those of all objects of all fields: AP = TP / (TP + FP + FN) and F1 at an intersection over union above 1/2,
and SEG of the Cell Tracking Challenge. Whether the probability of existing is honest is told by the expected
calibration error over ten bins, as it is, and recalibrated by the other fields. Counts are those of simulated fields.

What took long to make is kept in ``--cache`` and made once.
"""

import argparse
import json
import time
from collections.abc import Callable
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

from environment import data_folder, write_result
from quietscope import Denoiser
from quietscope.consensus import consensus_labels
from quietscope.consensus.counting import count_interval
from quietscope.consensus.existence import fit_existence, object_features
from quietscope.consensus.instances import fused
from quietscope.consensus.overlay import Overlay
from quietscope.consensus.thresholding import watershed

Array = npt.NDArray[Any]
Known = tuple[float, ...]
"""Of an object: its probability, whether it is real, and its features."""
SD = 14.0
CONSENSUS = "consensus"
VARIED = (0.8, 0.9, 1.0, 1.1, 1.25)
"""Factors on the diameter, one sample after another: what the segmenter is not sure of votes, too."""
LOT = 12
"""Samples that are drawn together."""


def fields(level: int, binning: int) -> tuple[Array, Array]:
    """Return the noisy fields with `level` times their noise, and their labels, (N, Y, X) each."""
    folder = data_folder() / "segmentation"
    paths = sorted(folder.glob("*_noisy.tif"))
    noisy = np.stack([tifffile.imread(path) for path in paths]).astype(np.float32)
    labels = np.stack([tifffile.imread(str(path).replace("_noisy", "_labels")) for path in paths]).astype(np.int32)
    if level > 1:
        added = np.random.default_rng(level).normal(0.0, SD * np.sqrt(level**2 - 1), noisy.shape)
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

    def __init__(self, noisy: Array, level: int, args: argparse.Namespace, cache: Cache) -> None:
        self._noisy, self._level, self._args, self._cache = noisy, level, args, cache
        self._model: Denoiser | None = None

    def of(self, n: int) -> Array:
        """Return the MMSE mean and the samples of a field, (1 + K, Y, X)."""
        first = min(self._args.samples, LOT)
        name, others = f"{self._level}_{n}", self._args.samples - first
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


def overlaps(truth: Array, found: Array) -> Array:
    """Return intersection over union of every true object with every one that was found."""
    width = int(found.max()) + 1
    both = np.bincount(truth.ravel().astype(np.int64) * width + found.ravel(), minlength=(int(truth.max()) + 1) * width)
    both = both.reshape(-1, width).astype(float)
    union = both.sum(1)[:, None] + both.sum(0)[None] - both
    return np.asarray((both / np.maximum(union, 1.0))[1:, 1:])


def tally(truth: Array, found: Array) -> Array:
    """Return true positives, false positives, false negatives, and the sum of SEG over true objects."""
    iou = overlaps(truth, found)
    num_true, num_found = (len(np.unique(each[each > 0])) for each in (truth, found))
    hits = int((iou > 0.5).sum())
    # An overlap above half of the true object is that of the best partner wherever IoU is above one half.
    seg = sum(_seg(truth == label, found) for label in np.unique(truth[truth > 0]))
    return np.array([hits, num_found - hits, num_true - hits, seg], float)


def _seg(mask: Array, found: Array) -> float:
    inside = np.bincount(found[mask])
    inside[0] = 0
    best = int(inside.argmax())
    if not 2 * inside[best] > mask.sum():
        return 0.0
    return float(inside[best] / (mask | (found == best)).sum())


def scores_of(tallies: list[Array]) -> dict[str, float]:
    tp, fp, fn, seg = np.sum(tallies, axis=0)
    f1 = 2 * tp / (2 * tp + fp + fn)
    return {"ap": tp / (tp + fp + fn), "f1": f1, "seg": seg / (tp + fn), "tp": tp, "fp": fp, "fn": fn}


def level_of(level: int, args: argparse.Namespace, cache: Cache) -> dict[str, Any]:
    """Measure everything at one level of noise."""
    noisy, truth = fields(level, args.binning)
    samples = Sampler(noisy, level, args, cache)
    given = {
        "noisy": noisy,
        "BM3D, told the noise": cache.get(f"bm3d_{level}", lambda: bm3d_all(noisy, SD * level / args.binning)),
        "Noise2Void": cache.get(f"n2v_{level}", lambda: noise2void_all(noisy, args.steps)),
    }
    tallies: dict[str, list[Array]] = {name: [] for name in given}
    existence: list[list[Known]] = []
    candidates: list[Array] = []
    for n, labels in enumerate(truth):
        for name, images in given.items():
            tallies[name].append(tally(labels, watershed(images[n], args.diameter)))
        several = consensus_labels([watershed(noisy[n], args.diameter * factor) for factor in VARIED])
        tallies.setdefault("noisy, diameters varied", []).append(tally(labels, several.labels))
        mean, *drawn = samples.of(n)
        found = of_samples(mean, drawn, args.diameter)
        for name, segmentation in found.items():
            tallies.setdefault(name, []).append(tally(labels, segmentation.labels))
        everything = found[f"{CONSENSUS}, all candidates"]
        real = overlaps(labels, everything.labels).max(axis=0, initial=0.0) > 0.5
        candidates.append(everything.labels)
        features = object_features(everything, np.mean(drawn, axis=0))
        lines = zip(everything.existence.tolist(), real.tolist(), *features.T.tolist(), strict=True)
        existence.append(list(lines))
    for name, featured in (("recalibrated by the other fields", False), ("the same, by size and contrast too", True)):
        kept = [np.concatenate([[False], each > 0.5]) for each in recalibrated(existence, featured=featured)]
        tallies[f"{CONSENSUS}, {name}"] = [
            tally(labels, np.where(keep[found], found, 0))
            for labels, keep, found in zip(truth, kept, candidates, strict=True)
        ]
    scores = {name: scores_of(each) for name, each in tallies.items()}
    return {"scores": scores, "existence": calibration(existence), "by_field": existence}


def of_samples(mean: Array, drawn: list[Array], diameter: float) -> dict[str, Any]:
    """Segment means and samples, and fuse them in every way."""
    segmentations = [watershed(each, diameter) for each in drawn]
    middle = watershed(np.mean(drawn, axis=0), diameter)
    varied = [watershed(each, diameter * VARIED[k % len(VARIED)]) for k, each in enumerate(drawn)]
    found: dict[str, Any] = {
        "MMSE mean": consensus_labels([watershed(mean, diameter)]),
        "mean of the samples": consensus_labels([middle]),
        "one sample": consensus_labels(segmentations[:1]),
        CONSENSUS: consensus_labels(segmentations, proposal=middle),
        f"{CONSENSUS}, all candidates": consensus_labels(segmentations, proposal=middle, least_probability=0.0),
        f"{CONSENSUS}, the samples alone": consensus_labels(segmentations),
        f"{CONSENSUS}, the samples alone, diameters varied": consensus_labels(varied),
        f"{CONSENSUS}, diameters varied": consensus_labels(varied, proposal=middle),
        "mean of the samples, diameters varied": consensus_labels(
            [watershed(np.mean(drawn, axis=0), diameter * factor) for factor in VARIED]
        ),
        "average (label agreement)": consensus_labels(segmentations, consensus="average"),
        "bic (model selection)": consensus_labels(segmentations, consensus="bic"),
    }
    return found


def calibration(by_field: list[list[Known]]) -> dict[str, float]:
    """Return the expected calibration error of the probability of existing: raw, and learnt from the other fields."""
    raw = np.array([line for field in by_field for line in field], float)
    errors = {"error": ece(raw)}
    for name, featured in (("recalibrated_error", False), ("recalibrated_by_features_error", True)):
        learnt = np.concatenate(recalibrated(by_field, featured=featured))
        errors[name] = ece(np.stack([learnt, raw[:, 1]], axis=1))
    return {**errors, "objects": float(len(raw))}


def recalibrated(by_field: list[list[Known]], *, featured: bool) -> list[Array]:
    """Return the probabilities of every field, corrected by what is real in the other fields."""
    found = []
    for n, field in enumerate(by_field):
        others = np.array([line for m, each in enumerate(by_field) if m != n for line in each], float)
        mine = np.array(field, float).reshape(-1, others.shape[1])
        correction = fit_existence(others[:, 0], others[:, 1], others[:, 2:] if featured else None)
        found.append(correction.apply(mine[:, 0], mine[:, 2:] if featured else None))
    return found


def ece(pairs: Array, bins: int = 10) -> float:
    place = np.minimum((pairs[:, 0] * bins).astype(int), bins - 1)
    parts = [pairs[place == each] for each in range(bins)]
    return float(sum(len(p) * abs(p[:, 0].mean() - p[:, 1].mean()) for p in parts if len(p)) / len(pairs))


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
        found = consensus_labels([watershed(each, 24.0) for each in images], proposal=proposal)
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--levels", default="1,2,4", help="factors on the noise, comma-separated")
    parser.add_argument("--binning", type=int, default=2)
    parser.add_argument("--diameter", type=float, default=45.0, help="of objects, in binned pixels")
    parser.add_argument("--samples", type=int, default=20)
    parser.add_argument("--accumulation-steps", type=int, default=3, help="of a sample of `instant`")
    parser.add_argument("--steps", type=int, default=300, help="of Noise2Void")
    parser.add_argument("--simulated", type=int, default=40, help="simulated fields")
    parser.add_argument("--cache", type=Path, default=None, help="folder of what took long to make")
    parser.add_argument("--name", default="consensus")
    args = parser.parse_args()
    with TemporaryDirectory() as folder:
        cache = Cache(args.cache or Path(folder))
        found: dict[str, Any] = {}
        for level in args.levels.split(","):
            found[level] = cache.record(f"level_{level}", partial(level_of, int(level), args, cache))
            show(level, found[level])
        # A field is held out at all of its levels of noise: its labels are the same.
        levels = [each.pop("by_field") for each in found.values()]
        pooled = [[line for field in same for line in field] for same in zip(*levels, strict=True)]
        everything = {"existence_of_all_levels": calibration(pooled)}
        everything["counts"] = cache.record("counts", partial(counts_held, args, cache))
        everything["cost"] = cache.record("cost", partial(cost, args))
    Console().print(json.dumps(everything, indent=1))
    settings = {key: value for key, value in vars(args).items() if key != "cache"}
    print(write_result(args.name, {"settings": settings, "levels": found, **everything}))


def show(level: str, found: dict[str, Any]) -> None:
    table = Table("", "AP", "F1", "SEG", "TP", "FP", "FN", title=f"{level} x the noise")
    for name, row in found["scores"].items():
        table.add_row(
            name, *(f"{row[key]:.3f}" for key in ("ap", "f1", "seg")), *(f"{row[k]:.0f}" for k in ("tp", "fp", "fn"))
        )
    Console().print(table)
    Console().print(found["existence"])


if __name__ == "__main__":
    main()
