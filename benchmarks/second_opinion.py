"""Intervals and PSNR of a model judged by `instant`, which comes trained, in place of a clean image.

Where m is a result and ``N(s', w)`` what `instant` says of the signal, a posterior mean and its variance, then
``E[(m - s)^2 | x] = (m - s')^2 + w``, and an interval ``m +- z d`` holds the signal with the probability of that normal
distribution. ``python benchmarks/second_opinion.py --models FOLDER`` takes the models that `unaided` has trained, and
prints two factors for the deviation: that with which its mean square is that of the error, and that with which 90 %
intervals hold 90 % of what `instant` says (`quietscope denoise` takes the first); what intervals hold with each of the
clean references; and the PSNR that is told, beside the true one. References as in `unaided`.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from environment import write_result
from quietscope import Denoiser
from quietscope.errors import NoiseError
from quietscope.io import as_image
from quietscope.metrics import Exposure, calibration_of_moments
from quietscope.metrics.second_opinion import OpinionSums
from quietscope.model.judge_by import judge_by
from quietscope.noise.exposure import exposure_of
from unaided import SETS, decibel, fields, pixels, trained


def opinion(name: str, noisy: np.ndarray, args: argparse.Namespace) -> tuple[np.ndarray, np.ndarray, Denoiser]:
    """Return mean and deviation that `instant` gives, and the denoiser, fitted to all fields of the set."""
    denoiser = Denoiser(method="instant", seed=args.seed, training={"precision": "float32"})
    denoiser.fit(pixels(f"{SETS[name][1]}_noisy")[:8], axes="QYX", notify=lambda line: None, progress=False)
    result = denoiser.denoise(noisy, axes="QYX")
    assert result.std is not None
    return np.asarray(result.mean, np.float64), np.asarray(result.std, np.float64), denoiser


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
    image, factors, refused = as_image(noisy, "QYX"), dict[str, float](), ""
    try:
        [(estimate, _)] = judge_by(denoiser, second, image, num_samples=args.samples, seed=args.seed)
        sums = OpinionSums(args.samples)
        sums.add(mean, std, signal, width, np.ones(mean.shape, bool))
        factors = {"by error": estimate.spread_factor, "by intervals": sums.calibration().spread_factor}
    except NoiseError as error:
        refused = error.got
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
        "factor": factors,
        "refused": refused,
        "intervals": {
            title: {"before": held(way, 1.0, of), "of instant": own(way, of)}
            | {f"after, {rule}": held(way, each, of) for rule, each in factors.items()}
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
            " / ".join(f"{each:.2f}" for each in row["factor"].values()) or f"refused: {row['refused']}",
            *(
                f"{each['before']:.1%} -> " + " / ".join(f"{each[f'after, {rule}']:.1%}" for rule in row["factor"])
                for each in shares
            ),
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
    parser.add_argument("--name", default="second_opinion", help="name of the result file")
    args = parser.parse_args()
    args.no_training = True
    rows: dict[str, Any] = {}
    for name in args.sets.split(","):
        for method in args.methods.split(","):
            row = judged(name, method, args)
            if row is not None:
                rows[f"{name}, {method}"] = row
                show(rows)
    print(write_result(args.name, {"settings": {**vars(args), "models": ""}, "rows": rows}))


if __name__ == "__main__":
    main()
