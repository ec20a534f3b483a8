"""Samples by measurements that are added up (`instant`, `gap`) beside those of a ladder of latents (`hdn`).

``python benchmarks/accumulation.py --models FOLDER`` trains each where the folder has none, and prints for every set

* PSNR of the mean that is given, of one sample and of the mean of all samples, against the clean reference as it is
  scaled to the noisy image,
* how often 90 % intervals hold it (its own noise folded in): by the deviation that is given, and by that of samples,
* the energy score of boxes of 8 x 8 pixels, ``E|S - s| - E|S - S'| / 2`` with samples S, S' and the reference s, in
  units of the reference's deviation: least for samples of the true posterior, structure included; and that of
  independent normal pixels with the given mean and deviation,
* processor seconds of training, and of one sample of one field,
* of images that are generated: mean, deviation and gradient energy, each as a share of that of the references.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from environment import write_result
from quietscope import Denoiser
from quietscope.methods.generative import PriorMethod
from quietscope.metrics import calibration_of_moments, psnr
from quietscope.noise.exposure import exposure_of
from unaided import SETS, fields, pixels
from yardstick import sharpness

BOX = 8
STEPS = {"hdn": 150, "gap": None, "instant": None}


def trained(name: str, method: str, args: argparse.Namespace) -> tuple[Denoiser, float]:
    """Return the trained denoiser, and the processor seconds that it took."""
    file, seconds = args.models / f"{name}_{method}.safetensors", args.models / f"{name}_{method}.seconds"
    if file.exists():
        return Denoiser.load(file, device="cpu"), float(seconds.read_text())
    denoiser = Denoiser(method=method, steps=STEPS[method], device="cpu", seed=args.seed)
    begin = time.process_time()
    denoiser.fit(pixels(SETS[name][0]), axes="QYX", progress=False, notify=lambda line: None)
    spent = time.process_time() - begin
    args.models.mkdir(parents=True, exist_ok=True)
    denoiser.save(file)
    seconds.write_text(str(spent))
    return denoiser, spent


def boxes(images: np.ndarray) -> np.ndarray:
    """Cut images (..., Y, X) into boxes, (..., number, pixels)."""
    y, x = (length // BOX for length in images.shape[-2:])
    cut = images[..., : y * BOX, : x * BOX].reshape(*images.shape[:-2], y, BOX, x, BOX)
    return np.moveaxis(cut, -3, -2).reshape(*images.shape[:-2], y * x, BOX * BOX)


def energy_score(samples: np.ndarray, truth: np.ndarray) -> float:
    """Return the mean energy score of samples (K, N, Y, X) for the truth (N, Y, X)."""
    drawn, true = boxes(samples.astype(np.float64)), boxes(truth.astype(np.float64))
    off = np.linalg.norm(drawn - true, axis=-1).mean()
    number = len(drawn)
    apart = sum(np.linalg.norm(drawn - drawn[k], axis=-1).sum(axis=0).mean() for k in range(number))
    return float((off - 0.5 * apart / (number * (number - 1))) / truth.std())


def measured(name: str, method: str, args: argparse.Namespace) -> dict[str, Any]:
    denoiser, training = trained(name, method, args)
    noisy, references = fields(name, args)
    truth = references["matched"]
    result = denoiser.denoise(noisy, axes="QYX", num_samples=50)
    assert result.std is not None
    mean, std = np.asarray(result.mean), np.asarray(result.std)
    begin = time.process_time()
    samples = denoiser.sample(noisy, axes="QYX", num_samples=args.samples, seed=args.seed)
    seconds = (time.process_time() - begin) / (args.samples * len(noisy))
    exposure = exposure_of(denoiser.noise_models[0], SETS[name][2])
    rng = np.random.default_rng(args.seed)
    independent = mean + std * rng.normal(size=(args.samples, *mean.shape))

    def held(deviation: np.ndarray, number: int | None) -> float:
        parts = [(mean, deviation, truth)]
        return float(calibration_of_moments(parts, exposure=exposure, num_samples=number).measured[2])

    span = float(np.ptp(references["clean"]))
    of = {"mean": mean, "one sample": samples[0], "mean of samples": samples.mean(axis=0)}
    found: dict[str, Any] = {
        "PSNR": {title: float(psnr(each, truth, span)) for title, each in of.items()},
        "intervals": {"given": held(std, None), "samples": held(samples.std(axis=0, ddof=1), args.samples)},
        "energy score": {"samples": energy_score(samples, truth), "independent": energy_score(independent, truth)},
        "cpu_seconds": {"training": training, "sample": seconds},
    }
    if isinstance(denoiser.method, PriorMethod):
        drawn = denoiser.generate(num=args.generated, size=args.side, seed=args.seed).astype(np.float64)
        clean = pixels(f"{SETS[name][1]}_clean")
        found["generated"] = {
            "mean": float(drawn.mean() / clean.mean()),
            "deviation": float(drawn.std() / clean.std()),
            "gradient": float(np.mean([sharpness(x) for x in drawn]) / np.mean([sharpness(x) for x in clean])),
        }
        np.save(args.models / f"{name}_{method}_generated.npy", drawn.astype(np.float32))
    return found


def show(rows: dict[str, Any]) -> None:
    table = Table("", "mean", "sample", "mean of samples", "90 %: given", "samples", "energy", "independent", "seconds")
    for name, row in rows.items():
        table.add_row(
            name,
            *(f"{each:.2f}" for each in row["PSNR"].values()),
            *(f"{each:.1%}" for each in row["intervals"].values()),
            *(f"{each:.3f}" for each in row["energy score"].values()),
            " / ".join(f"{each:.1f}" for each in row["cpu_seconds"].values()),
        )
    Console(width=140).print(table)
    for name, row in rows.items():
        if "generated" in row:
            print(name, "generated:", {key: round(value, 2) for key, value in row["generated"].items()})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, required=True, help="folder for models")
    parser.add_argument("--sets", default=",".join(SETS), help="separated by commas")
    parser.add_argument("--methods", default="instant,gap,hdn", help="separated by commas")
    parser.add_argument("--fields", type=int, default=2)
    parser.add_argument("--side", type=int, default=192, help="of the middle of a field that is judged")
    parser.add_argument("--samples", type=int, default=10)
    parser.add_argument("--generated", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--name", default="accumulation", help="name of the result file")
    args = parser.parse_args()
    rows: dict[str, Any] = {}
    for name in args.sets.split(","):
        for method in args.methods.split(","):
            rows[f"{name}, {method}"] = measured(name, method, args)
            show(rows)
            print(write_result(args.name, {"settings": {**vars(args), "models": ""}, "rows": rows}), flush=True)


if __name__ == "__main__":
    main()
