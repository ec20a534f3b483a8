"""Intervals and PSNR of a model judged by `instant`, which comes trained, in place of a clean image.

Where m is a result and ``N(s', w)`` what `instant` says of the signal, a posterior mean and its variance, then
``E[(m - s)^2 | x] = (m - s')^2 + w``, and an interval ``m +- z d`` holds the signal with the probability of that normal
distribution. ``python benchmarks/second_opinion.py --models FOLDER`` takes the models that `unaided` has trained, and
prints the factor that the deviation would need for 90 % intervals to hold 90 %, what they hold with it of the clean
references, and the PSNR that is told, beside the true one. References as in `unaided`.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.optimize import brentq
from scipy.stats import norm, t

from environment import write_result
from quietscope import Denoiser
from quietscope.metrics import Exposure, calibration_of_moments
from quietscope.noise.exposure import exposure_of
from unaided import SETS, decibel, fields, pixels, trained

LEVEL, MOST = 0.9, 50.0


def opinion(name: str, noisy: np.ndarray, args: argparse.Namespace) -> tuple[np.ndarray, np.ndarray, Denoiser]:
    """Return mean and deviation that `instant` gives, and the denoiser, fitted to all fields of the set."""
    denoiser = Denoiser(method="instant", seed=args.seed, training={"precision": "float32"})
    denoiser.fit(pixels(f"{SETS[name][1]}_noisy")[:8], axes="QYX", notify=lambda line: None, progress=False)
    result = denoiser.denoise(noisy, axes="QYX")
    assert result.std is not None
    return np.asarray(result.mean, np.float64), np.asarray(result.std, np.float64), denoiser


def factor(mean: np.ndarray, std: np.ndarray, signal: np.ndarray, width: np.ndarray, drawn: int) -> float:
    """Return what the deviation is to be multiplied by for intervals to hold what they promise, as `instant` says."""
    reach = t.ppf(0.5 + LEVEL / 2, drawn - 1) * std

    def short(k: float) -> float:
        held = norm.cdf((mean + k * reach - signal) / width) - norm.cdf((mean - k * reach - signal) / width)
        return float(held.mean()) - LEVEL

    return float(brentq(short, 0.01, MOST)) if short(MOST) > 0 else float("nan")


def judged(name: str, method: str, args: argparse.Namespace) -> dict[str, Any] | None:
    """Compare what `instant` says of a model with what the references say."""
    denoiser = trained(name, method, args)
    if denoiser is None:
        return None
    noisy, references = fields(name, args)
    signal, width, second = opinion(name, noisy, args)
    result = denoiser.denoise(noisy, axes="QYX", num_samples=args.samples)
    assert result.std is not None
    mean, std = np.asarray(result.mean, np.float64), np.asarray(result.std, np.float64)
    wanted = factor(mean, std, signal, width, args.samples)
    exposure, span = exposure_of(second.noise_models[0], SETS[name][2]), float(np.ptp(references["clean"]))

    def held(way: str, k: float, of: Exposure | None) -> float:
        found = calibration_of_moments([(mean, k * std, references[way])], exposure=of, num_samples=args.samples)
        return float(found.measured[2])

    def own(way: str, of: Exposure | None) -> float:
        return float(calibration_of_moments([(signal, width, references[way])], exposure=of).measured[2])

    ways: dict[str, tuple[str, Exposure | None]] = {"clean": ("clean", None), "matched": ("matched", None)}
    ways |= {"matched, folded": ("matched", exposure), "aligned, folded": ("aligned", exposure)}
    return {
        "training": dict(denoiser.card.training),
        "factor": wanted,
        "intervals": {
            title: {"before": held(way, 1.0, of), "after": held(way, wanted, of), "of instant": own(way, of)}
            for title, (way, of) in ways.items()
        },
        "PSNR": {
            "estimated": decibel(span, float(np.mean((mean - signal) ** 2 + width**2))),
            **{f"true, {way}": decibel(span, float(np.mean((mean - each) ** 2))) for way, each in references.items()},
        },
        "PSNR of instant": {
            "estimated": decibel(span, float(np.mean(width**2))),
            **{f"true, {way}": decibel(span, float(np.mean((signal - each) ** 2))) for way, each in references.items()},
        },
    }


def show(rows: dict[str, Any]) -> None:
    table = Table("", "factor", "matched", "matched, folded", "of instant", "PSNR estimated", "true")
    for name, row in rows.items():
        shares = [row["intervals"][way] for way in ("matched", "matched, folded")]
        true = (row["PSNR"][f"true, {way}"] for way in ("clean", "matched", "aligned"))
        table.add_row(
            name,
            f"{row['factor']:.2f}",
            *(f"{each['before']:.1%} -> {each['after']:.1%}" for each in shares),
            " / ".join(f"{each['of instant']:.1%}" for each in shares),
            f"{row['PSNR']['estimated']:.2f}",
            " / ".join(f"{each:.2f}" for each in true),
        )
    Console(width=140).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, required=True, help="folder of the models that `unaided` has trained")
    parser.add_argument("--sets", default=",".join(SETS), help="separated by commas")
    parser.add_argument("--methods", default="hdn,dvlae,divnoising", help="separated by commas")
    parser.add_argument("--fields", type=int, default=2)
    parser.add_argument("--side", type=int, default=256, help="of the middle of a field that is judged")
    parser.add_argument("--samples", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    args.no_training = True
    rows: dict[str, Any] = {}
    for name in args.sets.split(","):
        for method in args.methods.split(","):
            row = judged(name, method, args)
            if row is not None:
                rows[f"{name}, {method}"] = row
                show(rows)
    print(write_result("second_opinion", {"settings": {**vars(args), "models": ""}, "rows": rows}))


if __name__ == "__main__":
    main()
