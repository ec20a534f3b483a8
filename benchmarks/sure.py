"""Intervals and PSNR judged without a reference, beside what the clean references say.

``python benchmarks/sure.py --models FOLDER`` takes trained models SET_hdn.safetensors and SET_noise2void.safetensors;
what is missing is trained for ``--steps`` steps on the noisy training images of the set, and kept there. For every set
it prints how often 90 % intervals hold the clean reference before and after `recalibrate` without a reference, with the
factor that this gives and the one that the reference itself asks for; and how far the PSNR that is estimated without a
reference is from the true one.

The references have noise of their own, being means of 400 (W2S) or 50 frames (FMD; the noisy frame is one of them). It
is left in the columns "plain", and folded into the intervals in the others. The clean fields of W2S were taken later
than the noisy ones and differ in offset and scale, so "matched" references are fitted to the noisy fields.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from environment import data_folder, write_result
from quality import match
from quietscope import Denoiser, read_image
from quietscope.io import as_image
from quietscope.metrics import Calibration, Exposure, calibration_of_moments, psnr
from quietscope.model.honesty import judge as judge_honesty
from quietscope.noise.exposure import exposure_of

SETS = {
    "w2s_ch0": ("w2s/ch0_train_noisy", "w2s/ch0_eval", 400),
    "w2s_ch1": ("w2s/ch1_train_noisy", "w2s/ch1_eval", 400),
    "Confocal_FISH": ("fmd/Confocal_FISH_noisy", "fmd/Confocal_FISH", 50),
    "Confocal_MICE": ("fmd/Confocal_MICE_noisy", "fmd/Confocal_MICE", 50),
    "Confocal_BPAE_G": ("fmd/Confocal_BPAE_G_noisy", "fmd/Confocal_BPAE_G", 50),
}
"""Training images, evaluation images, and frames that the clean ones are means of."""


def pixels(stem: str) -> np.ndarray:
    return np.asarray(read_image(data_folder() / f"{stem}.tif")).astype(np.float32)


def trained(name: str, method: str, args: argparse.Namespace) -> Denoiser:
    file = args.models / f"{name}_{method}.safetensors"
    if file.exists():
        return Denoiser.load(file, device="cpu")
    denoiser = Denoiser(method=method, steps=args.steps, device="cpu")
    denoiser.fit(pixels(SETS[name][0]), axes="QYX", progress=False)
    args.models.mkdir(parents=True, exist_ok=True)
    denoiser.save(file)
    return denoiser


def fields(name: str, args: argparse.Namespace) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the middle of the noisy and clean fields, and the clean ones matched to the noisy ones."""
    noisy, clean = (pixels(f"{SETS[name][1]}_{kind}")[: args.fields] for kind in ("noisy", "clean"))
    at = (noisy.shape[-1] - args.side) // 2
    noisy, clean = (each[:, at : at + args.side, at : at + args.side] for each in (noisy, clean))
    matched = np.stack([match(truth, x) for truth, x in zip(clean, noisy, strict=True)])
    return noisy, clean, matched.astype(np.float32)


def intervals(name: str, args: argparse.Namespace) -> dict[str, Any]:
    """Measure coverage before and after recalibration without a reference."""
    denoiser = trained(name, "hdn", args)
    noisy, clean, matched = fields(name, args)
    result = denoiser.denoise(noisy, axes="QYX", num_samples=args.samples, pairs=0)
    [estimate] = judge_honesty(denoiser, as_image(noisy, "QYX"), None, num_samples=args.samples)
    exposure = exposure_of(denoiser.noise_models[0], SETS[name][2])

    def judge(reference: np.ndarray, factor: float, noise: Exposure | None = None) -> Calibration:
        assert result.std is not None
        return calibration_of_moments(
            [(result.mean, factor * result.std, reference)], exposure=noise, num_samples=args.samples
        )

    ways = {"plain": (clean, None), "folded": (clean, exposure), "matched, folded": (matched, exposure)}
    found: dict[str, Any] = {
        "steps": denoiser.card.training.get("steps"),
        "noise": denoiser.noise_models[0].describe(),
        "measured / model noise variance": noise_ratio(noisy, matched, exposure, SETS[name][2]),
        "factor without reference": estimate.spread_factor,
        "factor changes by 1 % of noise variance": estimate.per_percent,
        "coverage before, estimated": estimate.measured[2],
    }
    for way, (reference, noise) in ways.items():
        before, after = judge(reference, 1.0, noise), judge(reference, estimate.spread_factor, noise)
        found[way] = {"before": before.measured[2], "after": after.measured[2], "own factor": before.spread_factor}
    return found


def noise_ratio(noisy: np.ndarray, matched: np.ndarray, mean_exposure: Exposure, frames: int) -> float:
    """Return the measured variance of the noise, by the references, over that of the model."""
    model = frames * float(np.mean(mean_exposure.variance(matched)))
    share = 1.0 - 1.0 / frames if frames < 100 else 1.0 + 1.0 / frames
    return float(np.mean((noisy - matched) ** 2)) / share / model


def estimated(name: str, method: str, args: argparse.Namespace) -> dict[str, float] | None:
    """Compare the estimated PSNR with the true one, in dB, both with the range of the clean fields."""
    if method != "hdn" and not (args.models / f"{name}_{method}.safetensors").exists() and args.no_training:
        return None
    denoiser = trained(name, method, args)
    noisy, clean, matched = fields(name, args)
    noise = trained(name, "hdn", args).noise_models
    span = float(np.ptp(clean))
    [found] = denoiser.estimated_psnr(noisy, axes="QYX", noise=noise, data_range=span, num_samples=args.samples)
    result = denoiser.denoise(noisy, axes="QYX", num_samples=args.samples, pairs=args.samples // 2).mean
    error = replace(found.error, mse=max(found.error.mse, 1e-9 * span**2))
    frames = SETS[name][2]
    variance = float(np.mean(exposure_of(noise[0], frames).variance(result)))
    estimate = float(10 * np.log10(span**2 / error.mse))
    return {
        "estimated": estimate,
        "true": psnr(result, clean, span),
        "estimated - true": estimate - psnr(result, clean, span),
        "estimated - true, matched": estimate - psnr(result, matched, span),
        "with the reference's noise, matched": float(10 * np.log10(span**2 / (error.mse + variance)))
        - psnr(result, matched, span),
        "dB by 1 % of noise variance": float(10 * np.log10(1 + error.per_percent / error.mse)),
        "range of the result / of the reference, dB": float(20 * np.log10(np.ptp(result) / span)),
    }


def show(rows: dict[str, Any]) -> None:
    table = Table("", "plain", "folded", "matched, folded", "factor", "PSNR estimated - true (matched), dB")
    for name, row in rows.items():
        shares = row["intervals"]
        columns = [
            f"{shares[way]['before']:.1%} -> {shares[way]['after']:.1%} ({shares[way]['own factor']:.2f})"
            for way in ("plain", "folded", "matched, folded")
        ]
        errors = [
            f"{m}: {e['estimated - true']:+.2f} ({e['estimated - true, matched']:+.2f})" for m, e in row["psnr"].items()
        ]
        table.add_row(name, *columns, f"{shares['factor without reference']:.3f}", "; ".join(errors))
    Console(width=180).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, required=True, help="folder of trained models")
    parser.add_argument("--sets", default=",".join(SETS), help="separated by commas")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--fields", type=int, default=2)
    parser.add_argument("--side", type=int, default=256, help="of the middle of a field that is judged")
    parser.add_argument("--samples", type=int, default=20)
    parser.add_argument("--no-training", action="store_true", help="leave out Noise2Void where there is no model of it")
    parser.add_argument("--name", default="sure")
    args = parser.parse_args()
    rows: dict[str, Any] = {}
    for name in args.sets.split(","):
        errors = {method: estimated(name, method, args) for method in ("hdn", "noise2void")}
        rows[name] = {
            "intervals": intervals(name, args),
            "psnr": {method: each for method, each in errors.items() if each is not None},
        }
        show(rows)
        settings = {key: value for key, value in vars(args).items() if not isinstance(value, Path)}
        write_result(args.name, {"settings": settings, "sets": rows})


if __name__ == "__main__":
    main()
