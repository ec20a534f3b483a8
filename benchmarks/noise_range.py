"""Whether noise models have the right sigma at signals that are rare and bright, beyond the range they were fitted on.

Pairs of pseudo-signal and observation are those of the bootstrap. Of every kind of model there is what was fitted
before ("clamped": the brightest 0.5 % dropped, the noise of the end of the range beyond it), the same with the
photon-transfer line of those pairs beyond it ("dropped"), shape and line fitted on all pairs ("all"), and what the
bootstrap does: the shape fitted within its percentiles, the line on all pairs ("bootstrap").

The truth is the standard deviation of observation less clean reference in bands of the clean signal, about its mean, at
the mean observation; where more than 0.5 % of a band are clipped, that of the normal noise that makes the band most
likely (of FISH's brightest band 56 % are clipped, so that its truth rests on that shape more than on pixels). Of the
drawn scene, sparse spots on a dim ground, it is what was drawn. Log-likelihoods are those of clean pairs, in nats per
pixel: of all, and of the brightest 0.5 %.

Run: ``python benchmarks/noise_range.py``; with ``--keep FOLDER`` pseudo-signals are kept there for the next run.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from scipy.optimize import minimize
from scipy.stats import norm

from environment import data_folder, write_result
from quietscope import read_image
from quietscope.axes import Layout
from quietscope.data.frames import Frames, spread
from quietscope.main_memory import tune_allocator
from quietscope.noise import (
    ClipLevels,
    GaussianMixture,
    NoiseModel,
    PoissonGaussian,
    choose_model,
    fit_noise,
    noise_model_from_record,
)
from quietscope.noise.photon_transfer import MAX_CLIPPED
from quietscope.setup.bootstrap import MOST_PAIRS, PERCENTILES, STEPS, PseudoPairs, pseudo_pairs

PAIRS = {
    "w2s ch0": ("w2s/ch0_train_noisy.tif", "w2s/ch0_train_clean.tif"),
    "Confocal_FISH": ("fmd/Confocal_FISH_noisy.tif", "fmd/Confocal_FISH_clean.tif"),
    "Confocal_MICE": ("fmd/Confocal_MICE_noisy.tif", "fmd/Confocal_MICE_clean.tif"),
    "Confocal_BPAE_G": ("fmd/Confocal_BPAE_G_noisy.tif", "fmd/Confocal_BPAE_G_clean.tif"),
}
DRAWN = "sparse spots, drawn"
CAMERA = PoissonGaussian(gain=8.0, offset=100.0, read_noise=12.0)
BANDS = (50.0, 90.0, 99.0, 99.5, 99.9, 99.99, 100.0)
MOST_SCORED = 1_000_000
FEWEST = 30
_Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, kw_only=True)
class Band:
    """Pixels of similar clean signal: the truth at one brightness."""

    name: str
    signal: float
    sigma: float
    error: float
    source: str


def sparse() -> tuple[_Array, _Array]:
    """Draw 8 frames of two spots on a flat ground each, a thousandth of the pixels, and their noisy frames."""
    rng, size = np.random.default_rng(0), 256
    y, x = np.mgrid[:size, :size]
    clean = np.full((8, size, size), 150.0)
    for frame in clean:
        for _ in range(2):
            top, left, peak = *rng.uniform(8, size - 8, 2), rng.uniform(800, 2500)
            frame += peak * np.exp(-((y - top) ** 2 + (x - left) ** 2) / 8.0)
    photons = rng.poisson((clean - CAMERA.offset) / CAMERA.gain)
    noisy = CAMERA.gain * photons + CAMERA.offset + rng.normal(0.0, CAMERA.read_noise, clean.shape)
    return np.round(noisy).astype(np.float32), clean


def load(name: str) -> tuple[_Array, _Array]:
    if name == DRAWN:
        return sparse()
    noisy, clean = (np.asarray(read_image(data_folder() / file)) for file in PAIRS[name])
    return noisy, clean


def kept_pairs(name: str, noisy: _Array, steps: int, keep: Path | None) -> PseudoPairs:
    """Return the pseudo-pairs of a data set, from the folder that keeps them where they are there."""
    file = None if keep is None else keep / f"{name.replace(' ', '_').replace(',', '')}_{steps}.npz"
    if file is not None and file.exists():
        with np.load(file, allow_pickle=False) as kept:
            low, high, step = map(float, kept["clip"])
            signal, observation = (kept[part].astype(np.float64) for part in ("signal", "observation"))
        return PseudoPairs(signal=signal, observation=observation, clip=ClipLevels(low=low, high=high, step=step))
    frames = Frames(((noisy, Layout.of("QYX", noisy.shape)),))
    [pairs] = pseudo_pairs(frames, steps=steps, seed=0, device=None, watch=None)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        signal, observation = (part.astype(np.float32) for part in (pairs.signal, pairs.observation))
        clip = np.array([pairs.clip.low, pairs.clip.high, pairs.clip.step])
        np.savez(file, signal=signal, observation=observation, clip=clip)
    return pairs


def bands(clean: _Array, x: _Array, clip: ClipLevels, camera: PoissonGaussian | None) -> list[Band]:
    """Measure the true sigma in bands of the clean signal, from dim to bright."""
    edges, found = np.percentile(clean, BANDS), []
    for number, (low, high) in enumerate(pairwise(edges)):
        inside = (clean >= low) & (clean <= high)
        if np.count_nonzero(inside) < FEWEST:
            continue
        noise = x[inside] - clean[inside]
        signal, source, error = float(x[inside].mean()), "measured", float((0.5 / noise.size) ** 0.5)
        sigma = float(noise.std(ddof=1))
        if camera is not None:
            signal, source, error = float(clean[inside].mean()), "drawn", 0.0
            sigma = float(_variance(camera, clean[inside]).mean() ** 0.5)
        elif float(clip.is_high(x[inside]).mean()) > MAX_CLIPPED:
            shift, sigma = censored_moments(noise, clip.high_edge - clean[inside], clip.is_high(x[inside]))
            signal, source = float(clean[inside].mean()) + shift, "censored"
        name = f"{BANDS[number]:g} to {BANDS[number + 1]:g} %"
        found.append(Band(name=name, signal=signal, sigma=sigma, error=error, source=source))
    return found


def censored_moments(
    noise: _Array, limit: _Array, is_clipped: np.ndarray[Any, np.dtype[np.bool_]]
) -> tuple[float, float]:
    """Return mean and deviation of normal noise, of which clipped pixels tell only that it exceeds their limit."""

    def cost(parameters: _Array) -> float:
        mean, sigma = parameters[0], float(np.exp(parameters[1]))
        seen = norm.logpdf(noise[~is_clipped], mean, sigma).sum()
        return -float(seen + norm.logsf(limit[is_clipped], mean, sigma).sum())

    found = minimize(cost, np.array([0.0, np.log(noise.std())]), method="Nelder-Mead").x
    return float(found[0]), float(np.exp(found[1]))


def _variance(model: NoiseModel, at: _Array) -> _Array:
    variance: _Array = model.variance(torch.from_numpy(at)).double().numpy()
    return variance


def without_gain(model: NoiseModel) -> NoiseModel:
    """Return the model as it was before it went on beyond its range."""
    record = model.to_record()
    settings = {name: value for name, value in record.settings.items() if name.rpartition(".")[2] != "gain"}
    keeps = model.kind == PoissonGaussian.kind or record.settings.get("base") == PoissonGaussian.kind
    return model if keeps else noise_model_from_record(replace(record, settings=settings))


def models(pairs: PseudoPairs) -> Iterator[tuple[str, str, NoiseModel]]:
    """Yield the kind, the way of fitting and the model of every row."""
    s, x, clip = pairs.signal, pairs.observation, pairs.clip
    low, high = np.percentile(s, PERCENTILES)
    inside = (s >= low) & (s <= high)
    choice = choose_model(s, x, clip=clip, percentiles=PERCENTILES)
    kind, num = base_kind(choice.model), num_components(choice.model)
    name = kind if num is None else f"{kind} of {num}"
    dropped = fit_noise(kind, s[inside], x[inside], num_components=num, clip=clip)
    yield name, "clamped", without_gain(dropped)
    yield name, "dropped", dropped
    yield name, "all", fit_noise(kind, s, x, num_components=num, clip=clip)
    yield name, "bootstrap", choice.model
    dropped = fit_noise("histogram", s[inside], x[inside], clip=clip)
    yield "histogram", "clamped", without_gain(dropped)
    yield "histogram", "dropped", dropped
    yield "histogram", "bootstrap", fit_noise("histogram", s, x, percentiles=PERCENTILES, clip=clip)


def base_kind(model: NoiseModel) -> str:
    return model.to_record().kinds[-1]


def num_components(model: NoiseModel) -> int | None:
    record = model.to_record()
    weight = record.tensors.get("weight", record.tensors.get("base.weight"))
    return None if weight is None or base_kind(model) != GaussianMixture.kind else weight.shape[0] // 3


def compare(name: str, steps: int, keep: Path | None) -> dict[str, Any]:
    noisy, clean = load(name)
    pairs = kept_pairs(name, noisy, steps, keep)
    # The pixels that the pairs are of.
    chosen = spread(range(len(noisy)), max(1, MOST_PAIRS // int(np.prod(noisy.shape[1:]))))
    reference = np.concatenate([clean[n].ravel().astype(np.float64) for n in chosen])
    observation = pairs.observation
    assert reference.shape == observation.shape
    truth = bands(reference, observation, pairs.clip, CAMERA if name == DRAWN else None)
    order = np.random.default_rng(1).permutation(reference.size)[:MOST_SCORED]
    s, x = reference[order], observation[order]
    bright = s >= np.percentile(reference, 99.5)
    at, sigma = np.array([band.signal for band in truth]), np.array([band.sigma for band in truth])
    rows = []
    for kind, way, model in models(pairs):
        with torch.no_grad():
            score = model.log_prob(torch.from_numpy(x), torch.from_numpy(s)).double().numpy()
        rows.append(
            {
                "kind": kind,
                "fit": way,
                "model": model.describe(),
                "sigma": np.sqrt(_variance(model, at)).tolist(),
                "share": (np.sqrt(_variance(model, at)) / sigma).tolist(),
                "log_likelihood": float(score.mean()),
                "log_likelihood_of_brightest": float(score[bright].mean()),
            }
        )
    return {"data": name, "truth": [vars(band) for band in truth], "models": rows}


def show(found: dict[str, Any], console: Console) -> None:
    table = Table(found["data"], "fit", *(band["name"] for band in found["truth"]), "nats", "of brightest")
    table.add_row("signal", "", *(f"{band['signal']:.4g}" for band in found["truth"]))
    table.add_row("true sigma", "", *(f"{band['sigma']:.4g}" for band in found["truth"]))
    for row in found["models"]:
        shares = (f"{own:.4g} ({share:.2f})" for own, share in zip(row["sigma"], row["share"], strict=True))
        scores = (f"{row['log_likelihood']:.4f}", f"{row['log_likelihood_of_brightest']:.3f}")
        table.add_row(row["kind"], row["fit"], *shares, *scores)
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default=";".join([*PAIRS, DRAWN]), help="separated by semicolons")
    parser.add_argument("--steps", type=int, default=STEPS, help="training steps of the first denoiser")
    parser.add_argument("--keep", type=Path, help="folder that keeps pseudo-signals")
    args = parser.parse_args()
    tune_allocator()
    console, rows = Console(width=180), []
    for name in args.data.split(";"):
        rows.append(compare(name, args.steps, args.keep))
        show(rows[-1], console)
    settings = {"data": args.data, "steps": args.steps, "percentiles": PERCENTILES}
    print(write_result("noise_range", {"settings": settings, "unit": "intensity units of the file", "rows": rows}))


if __name__ == "__main__":
    main()
