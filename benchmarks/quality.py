"""Quality of a trained model against the clean reference, beside BM3D on the same images in the same run.

``python benchmarks/quality.py --data w2s_ch0 --budget 20m`` trains on the noisy training images alone, denoises the
evaluation images, and prints one table: input, result, BM3D. BM3D (package bm3d, whose licence is non-commercial)
works on the generalised Anscombe scale with the noise fitted on clean and noisy pairs: the strongest form of what a
user would pick instead, since our own result sees neither.
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from environment import data_folder, write_result
from quietscope import Denoiser, read_image
from quietscope.metrics import psnr, psnr_affine, ssim
from quietscope.noise import PoissonGaussian


@dataclass(frozen=True)
class DataSet:
    """Noisy training images, and noisy and clean evaluation images as lists of planes."""

    train: list[np.ndarray]
    noisy: list[np.ndarray]
    clean: list[np.ndarray]
    noise: PoissonGaussian
    data_range: float | None = None


def fmd(name: str) -> DataSet:
    folder = data_folder() / "fmd"
    noisy, clean = (np.asarray(read_image(folder / f"{name}_{kind}.tif")) for kind in ("noisy", "clean"))
    return DataSet([noisy], list(noisy), list(clean), PoissonGaussian.fit(clean, noisy))


def w2s(channel: int, fields: int) -> DataSet:
    stem = str(data_folder() / "w2s" / f"ch{channel}")
    train, train_clean, noisy, clean = (
        np.asarray(read_image(f"{stem}_{part}.tif"))
        for part in ("train_noisy", "train_clean", "eval_noisy", "eval_clean")
    )
    return DataSet([train], list(noisy[:fields]), list(clean[:fields]), PoissonGaussian.fit(train_clean, train))


def bsd68(fields: int) -> DataSet:
    folder, rng = data_folder() / "natural", np.random.default_rng(0)
    train = np.asarray(read_image(folder / "train400.tif")).astype(np.float32)
    with np.load(folder / "bsd68.npz", allow_pickle=False) as archive:
        clean = [archive[name].astype(np.float32) for name in sorted(archive.files)[:fields]]
    noise = PoissonGaussian(gain=0.0, read_noise=25.0)

    def with_noise(image: np.ndarray) -> np.ndarray:
        return (image + rng.normal(0, 25, image.shape)).astype(np.float32)

    return DataSet([with_noise(train)], [with_noise(image) for image in clean], clean, noise, data_range=255)


def load(name: str, fields: int) -> DataSet:
    if name.startswith("w2s_ch"):
        return w2s(int(name[-1]), fields)
    return bsd68(fields) if name == "bsd68" else fmd(name)


def bm3d_anscombe(image: np.ndarray, noise: PoissonGaussian) -> np.ndarray:
    """Denoise with BM3D on the generalised Anscombe scale; closed-form unbiased inverse of Makitalo and Foi (2013)."""
    np.trapz = np.trapezoid  # type: ignore[attr-defined]  # bm3d 4.0 asks for the name that NumPy 2.4 took away
    from bm3d import bm3d

    x = image.astype(np.float64)
    if noise.gain == 0:
        return np.asarray(bm3d(x, noise.read_noise))
    read = noise.read_noise / noise.gain
    photons = (x - noise.offset) / noise.gain
    stabilized = 2 * np.sqrt(np.maximum(photons + 0.375 + read**2, 0))
    low, span = stabilized.min(), np.ptp(stabilized)
    d = np.asarray(bm3d((stabilized - low) / span, 1 / span)) * span + low
    d = np.maximum(d, 2 * np.sqrt(0.375))
    half = np.sqrt(1.5)
    inverse = d**2 / 4 + half / (4 * d) - 11 / (8 * d**2) + 5 * half / (8 * d**3) - 0.125 - read**2
    return inverse * noise.gain + noise.offset


def score(images: list[np.ndarray], data: DataSet) -> dict[str, float]:
    pairs = [(np.asarray(a, np.float64), np.asarray(b, np.float64)) for a, b in zip(images, data.clean, strict=True)]
    return {
        "psnr": float(np.mean([psnr(a, b, data.data_range) for a, b in pairs])),
        "psnr_affine": float(np.mean([psnr_affine(a, b, data.data_range) for a, b in pairs])),
        "ssim": float(np.mean([ssim(a, b, data.data_range) for a, b in pairs])),
    }


def run(args: argparse.Namespace) -> tuple[dict[str, dict[str, float]], dict[str, Any]]:
    data = load(args.data, args.fields)
    denoiser = Denoiser(
        preset=args.preset,
        noise=args.noise,
        budget=args.budget,
        steps=args.steps,
        seed=args.seed,
        training={"precision": args.precision},
        device=args.device,
    )
    last = [0.0]

    def watch(state: Any) -> None:
        if state.seconds - last[0] >= 30:
            last[0] = state.seconds
            numbers = f"loss {state.loss:.4f}  validation {state.validation_loss:.4f}"
            print(f"{state.seconds:6.0f} s  step {state.step}  {numbers}", flush=True)

    denoiser.fit(data.train, axes="QYX", watch=watch, notify=print)
    if args.model is not None:
        denoiser.save(args.model, overwrite=True)
    begin = time.perf_counter()
    results = [denoiser.denoise(image, num_samples=args.samples, axes="YX") for image in data.noisy]
    prediction = time.perf_counter() - begin
    rows = {"noisy": score(data.noisy, data), f"HDN {args.preset}": score([r.mean for r in results], data)}
    if not args.no_bm3d:
        begin = time.perf_counter()
        rows["BM3D + Anscombe, noise fitted on pairs"] = score([bm3d_anscombe(x, data.noise) for x in data.noisy], data)
        print(f"BM3D took {(time.perf_counter() - begin) / len(data.noisy):.1f} s per image")
    assert denoiser.fit_report is not None
    details = {
        "training": denoiser.fit_report.summary(),
        "noise": [model.describe() for model in denoiser.noise_models],
        "noise_of_pairs": data.noise.describe(),
        "prediction_seconds_per_image": prediction / len(data.noisy),
    }
    return rows, details


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", default="w2s_ch0", help="w2s_ch0, w2s_ch1, bsd68 or an FMD stack such as Confocal_FISH"
    )
    parser.add_argument("--preset", default="fast")
    parser.add_argument("--noise", default="auto")
    parser.add_argument("--budget", default=None)
    parser.add_argument("--steps", type=int, default=None)
    parser.add_argument("--fields", type=int, default=8, help="evaluation fields")
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--precision", default="auto", help="auto, bfloat16 or float32")
    parser.add_argument("--device", default=None)
    parser.add_argument("--model", type=Path, default=None, help="keep the model here")
    parser.add_argument("--no-bm3d", action="store_true")
    parser.add_argument("--name", default=None, help="name of the result file")
    args = parser.parse_args()
    rows, details = run(args)
    table = Table("", "PSNR / dB", "after affine fit / dB", "SSIM", title=f"{args.data}, {args.budget or args.steps}")
    for name, row in rows.items():
        table.add_row(name, f"{row['psnr']:.2f}", f"{row['psnr_affine']:.2f}", f"{row['ssim']:.4f}")
    Console().print(table)
    settings = {k: str(v) if isinstance(v, Path) else v for k, v in vars(args).items()}
    name = args.name or f"quality_{args.data}_{args.preset}".lower()
    print(write_result(name, {"settings": settings, "scores": rows, **details}))


if __name__ == "__main__":
    main()
