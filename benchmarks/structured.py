"""Quality where noise is correlated along one axis: what each method reaches, and the stripes that it leaves.

``python benchmarks/structured.py --data w2s_rowcorr --methods n2v=noise2void:fast,dvlae=dvlae:fast --budget 20m``
trains each method for the same time on the noisy images alone, denoises the evaluation images, and prints one table:
input, BM3D told white noise, BM3D told the true spectrum of the noise, every method's mean. Settings of the network
follow as JSON: ``'hdn01=hdn:fast:{"deterministic_levels": [0, 1]}'``. With ``--models FOLDER`` a method whose file
``DATA_NAME.safetensors`` is there is not trained again.

Columns of the table, with "along" the direction of the stripes (rows of w2s_rowcorr and actin, columns of frap):

* taken, lag 1: autocorrelation along of what was removed, x - s. That of the noise itself where all of it was removed,
  less where stripes were left. The noise's own stands in the line of the noisy images: from x - clean, or from pairs of
  exposures or of neighbouring frames where there is no reference.
* stripes left: share of the stripes' power in the error (in the image where there is no reference), see
  `quietscope.metrics.stripes_left`. A clean image plus a fraction f of the noise has f^2.
* error, along - across: difference of the autocorrelations of the error, less the error's own Gaussian mean, along and
  across the stripes; isotropic blur cancels.
* high-pass, along: autocorrelation at lag 1 of the image less its Gaussian mean of 2.5 pixels, along the stripes; and
  that less the same across them. Raw data read 0.24 along and 0.08 across for frap, 0.30 and 0.05 for actin. Clean
  structure alone reads 0.8 or more both ways: of a denoised image the difference tells, not the figure itself.
"""

import argparse
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.ndimage import gaussian_filter

from environment import data_folder, write_result
from quietscope import Denoiser, read_image
from quietscope.metrics import autocorrelation, stripe_correlation, stripes_left
from quietscope.noise import PoissonGaussian
from yardstick import Row, anscombe, bm3d_anscombe, noise_covariance, score, told_every_minute

OFFSET = 300.0
"""What the row-correlated images lie above the clean ones that they were made of."""

HIGH_PASS = 2.5
"""Sigma in pixels of the mean that is subtracted: with it the raw data read the figures that they are known by."""

CHOICE = re.compile(r",(?=[\w.+-]+=)")


@dataclass(frozen=True)
class Structured:
    """Images with structured noise.

    Attributes:
        train: Noisy images to learn from, (Q, Y, X).
        noisy: Evaluation images.
        clean: Their references; none where there are none.
        axis: The axis along which the noise is correlated, -1 (rows) or -2 (columns).
        noise: Its variance against the signal, for BM3D.
        covariance: Its covariance on the scale on which BM3D works, see `noise_covariance`.
    """

    train: np.ndarray
    noisy: list[np.ndarray]
    clean: list[np.ndarray] | None
    axis: int
    noise: PoissonGaussian
    covariance: np.ndarray


def w2s_rowcorr(fields: int) -> Structured:
    """Noise made on clean images: known exactly, and dependent on the signal."""
    folder = data_folder()
    train, noisy = (
        np.asarray(read_image(folder / "structured" / f"w2s_rowcorr_{part}_noisy.tif")) for part in ("train", "eval")
    )
    train_clean, clean = (
        np.asarray(read_image(folder / "w2s" / f"ch0_{part}_clean.tif")).astype(np.float64) + OFFSET
        for part in ("train", "eval")
    )
    noise = PoissonGaussian.fit(train_clean, train)
    residual = anscombe(train, noise) - anscombe(train_clean, noise)
    return Structured(train, list(noisy[:fields]), list(clean[:fields]), -1, noise, noise_covariance(residual))


def actin(_fields: int) -> Structured:
    """One confocal field, and a longer exposure of it, which has such noise too and was stretched otherwise."""
    low, high = (
        np.asarray(read_image(data_folder() / "structured" / f"actin-confocal_{part}.tif")).reshape(1024, 1024)
        for part in ("low", "high")
    )
    slope, offset = np.polyfit(high.ravel().astype(np.float64), low.ravel().astype(np.float64), 1)
    residual = (low - (slope * high.astype(np.float64) + offset))[None]
    return Structured(low[None], [low], [high], -1, *unstabilized(residual))


def frap(fields: int) -> Structured:
    """A time series without any reference: neighbouring frames tell the noise."""
    frames = np.asarray(read_image(data_folder() / "structured" / "frap_timelapse.tif"))
    differences = np.diff(frames.astype(np.float64), axis=0) / np.sqrt(2)
    return Structured(frames, list(frames[:fields]), None, -2, *unstabilized(differences))


def unstabilized(residual: np.ndarray) -> tuple[PoissonGaussian, np.ndarray]:
    """Return noise of one width, and its covariance in units of that width."""
    noise = PoissonGaussian(gain=0.0, read_noise=float(residual.std()))
    return noise, noise_covariance(residual / noise.read_noise)


DATA: dict[str, Callable[[int], Structured]] = {"w2s_rowcorr": w2s_rowcorr, "actin": actin, "frap": frap}


def lag_one(images: np.ndarray, axis: int) -> float:
    """Return the autocorrelation at lag 1 along an axis of the plane."""
    around = autocorrelation(images, 1)
    return float(around[1, 2] if axis == -1 else around[2, 1])


def known_lag_one(data: Structured) -> float:
    """Return the autocorrelation of the noise itself, which complete removal would read."""
    middle = tuple(length // 2 for length in data.covariance.shape)
    beside = (middle[0], middle[1] + 1) if data.axis == -1 else (middle[0] + 1, middle[1])
    return float(data.covariance[beside] / data.covariance[middle])


def high_pass(images: np.ndarray) -> np.ndarray:
    return np.asarray(images - gaussian_filter(images, (0, HIGH_PASS, HIGH_PASS)))


def judge(images: list[Any], data: Structured) -> dict[str, float]:
    """Measure one line of the table; what does not apply to it is left out."""
    result, noisy = (np.stack(each).astype(np.float64) for each in (images, data.noisy))
    axis, other = data.axis, -3 - data.axis
    rough = high_pass(result)
    along, across = lag_one(rough, axis), lag_one(rough, other)
    found = {
        "high_pass_along": along,
        "high_pass_across": across,
        "high_pass_along_minus_across": along - across,
        "stripe_correlation": stripe_correlation(result, axis),
        "stripes_left_without_reference": stripes_left(result, noisy, axis),
    }
    is_raw = not np.any(result != noisy)
    found["taken_lag_1"] = known_lag_one(data) if is_raw else lag_one(noisy - result, axis)
    if data.clean is None:
        return found | {"stripes_left": found["stripes_left_without_reference"]}
    found |= score(images, data.clean)
    clean = np.stack([np.asarray(each, np.float64) for each in data.clean])
    if np.all(np.abs(noisy.mean((1, 2)) / clean.mean((1, 2)) - 1) < 0.01):  # one scale: errors mean something
        error = result - clean
        rough = high_pass(error)
        found["error_along_minus_across"] = lag_one(rough, axis) - lag_one(rough, other)
        found["stripes_left"] = stripes_left(error, noisy - clean, axis)
        if is_raw:
            found["taken_lag_1"] = lag_one(error, axis)
    else:
        found["stripes_left"] = found["stripes_left_without_reference"]
    return found


def train(choice: str, data: Structured, args: argparse.Namespace) -> Denoiser:
    method, preset, *rest = choice.split(":", 2)
    network = json.loads(rest[0]) if rest else {}
    denoiser = Denoiser(
        method=method,
        preset=preset,
        budget=args.budget,
        steps=args.steps,
        seed=args.seed,
        network=network,
        training={"precision": args.precision},
        device=args.device,
    )
    return denoiser.fit(data.train, axes="QYX", watch=told_every_minute(choice), notify=print)


def measure(name: str, choice: str, data: Structured, args: argparse.Namespace) -> Row:
    """Train one method, or load it where it was trained before, and return its line of the table."""
    file = None if args.models is None else args.models / f"{args.data}_{name}.safetensors"
    if file is not None and file.exists():
        denoiser = Denoiser.load(file, device=args.device)
    else:
        denoiser = train(choice, data, args)
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            denoiser.save(file, overwrite=True)
    begin = time.perf_counter()
    means = [denoiser.denoise(x, num_samples=args.samples, axes="YX").mean for x in data.noisy]
    details = {
        "choice": choice,
        "training": dict(denoiser.card.training),
        "noise": [model.describe() for model in denoiser.noise_models],
        "prediction_seconds_per_image": (time.perf_counter() - begin) / len(means),
    }
    return Row(judge(means, data), details)


def run(args: argparse.Namespace) -> dict[str, Row]:
    data = DATA[args.data](args.fields)
    rows = {"noisy": Row(judge(data.noisy, data))}
    yardsticks = {} if args.no_bm3d else {"BM3D told white noise": None, "BM3D told the spectrum": data.covariance}
    for name, covariance in yardsticks.items():
        begin = time.perf_counter()
        denoised = [bm3d_anscombe(x, data.noise, covariance) for x in data.noisy]
        seconds = (time.perf_counter() - begin) / len(denoised)
        rows[name] = Row(judge(denoised, data), {"prediction_seconds_per_image": seconds})
    for each in filter(None, CHOICE.split(args.methods)):
        name, _, choice = each.partition("=")
        rows[name] = measure(name, choice, data, args)
        show(rows, args)
    if not args.methods:
        show(rows, args)
    return rows


COLUMNS = {
    "psnr": ("PSNR / dB", "{:.2f}"),
    "psnr_affine": ("affine / dB", "{:.2f}"),
    "ssim": ("SSIM", "{:.4f}"),
    "taken_lag_1": ("taken, lag 1", "{:.3f}"),
    "stripes_left": ("stripes left", "{:.2%}"),
    "error_along_minus_across": ("error, along - across", "{:.3f}"),
    "high_pass_along": ("high-pass, along", "{:.3f}"),
    "high_pass_along_minus_across": ("less across", "{:.3f}"),
}


def show(rows: dict[str, Row], args: argparse.Namespace) -> None:
    shown = {key: column for key, column in COLUMNS.items() if any(key in row.scores for row in rows.values())}
    titles = [title for title, _ in shown.values()]
    table = Table("", *titles, title=f"{args.data}, {args.budget or args.steps or 'as trained'}")
    for name, row in rows.items():
        table.add_row(name, *(f.format(row.scores[key]) if key in row.scores else "" for key, (_, f) in shown.items()))
    Console(width=160).print(table)


def main() -> None:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--data", default="w2s_rowcorr", choices=list(DATA))
    parser.add_argument("--methods", default="", help="NAME=method:preset[:JSON], separated by commas")
    parser.add_argument("--budget", default=None)
    parser.add_argument("--steps", type=int, default=None)
    parser.add_argument("--fields", type=int, default=8, help="evaluation images")
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--precision", default="auto", help="auto, bfloat16 or float32")
    parser.add_argument("--device", default=None)
    parser.add_argument("--models", type=Path, default=None, help="keep models in this folder, and use those there")
    parser.add_argument("--no-bm3d", action="store_true")
    parser.add_argument("--name", default=None, help="name of the result file")
    args = parser.parse_args()
    rows = run(args)
    settings = {k: v for k, v in vars(args).items() if not isinstance(v, Path)}
    name = args.name or f"structured_{args.data}"
    print(write_result(name, {"settings": settings, "scores": {k: {**r.scores, **r.details} for k, r in rows.items()}}))


if __name__ == "__main__":
    main()
