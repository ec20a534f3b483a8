"""Intervals and PSNR judged without a clean image, beside what the clean references say.

``python benchmarks/unaided.py --models FOLDER`` takes trained models SET_METHOD.safetensors; what is missing is trained
for ``--steps`` steps on the noisy training images of the set, and kept there. For every set it prints how often 90 %
intervals hold the reference before and after `recalibrate` without it, with the factor that this gives and the one that
the reference itself asks for; and how far the PSNR that is estimated without a reference is from the true one.

The references are means of 400 (W2S) or 50 frames (FMD), taken later than the noisy ones, and differ from them by more
than noise. So each is compared in four ways: as it is ("clean"); with the best scale and offset for the field
("matched"); with its noise folded into the intervals besides ("folded"); and after a shift by parts of a pixel and a
change over more than 8 pixels were taken out as well ("aligned", noise folded). The noisy fields tell by how much: none
of it reaches the estimate.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.ndimage import gaussian_filter

from environment import data_folder, write_result
from quality import match
from quietscope import Denoiser, Request, read_image
from quietscope.io import as_image
from quietscope.methods.abilities import latents_of
from quietscope.metrics import Exposure, calibration_of_moments
from quietscope.metrics.error_covariance import calibration_of_error
from quietscope.model.error_estimate import probe
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


def trained(name: str, method: str, args: argparse.Namespace) -> Denoiser | None:
    file = args.models / f"{name}_{method}.safetensors"
    if file.exists():
        return Denoiser.load(file, device="cpu")
    if args.no_training:
        return None
    denoiser = Denoiser(method=method, steps=args.steps, device="cpu")
    denoiser.fit(pixels(SETS[name][0]), axes="QYX", progress=False)
    args.models.mkdir(parents=True, exist_ok=True)
    denoiser.save(file)
    return denoiser


def fields(name: str, args: argparse.Namespace) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the middle of the noisy fields, and their references by how they are compared."""
    noisy, clean = (pixels(f"{SETS[name][1]}_{kind}")[: args.fields] for kind in ("noisy", "clean"))
    at = (noisy.shape[-1] - args.side) // 2
    inside = (slice(None), slice(at, at + args.side), slice(at, at + args.side))
    pairs = list(zip(clean, noisy, strict=True))
    references = {
        "clean": clean,
        "matched": np.stack([match(truth, x) for truth, x in pairs]),
        "aligned": np.stack([aligned(truth, x) for truth, x in pairs]),
    }
    return noisy[inside], {way: each[inside].astype(np.float32) for way, each in references.items()}


def aligned(clean: np.ndarray, noisy: np.ndarray) -> np.ndarray:
    """Fit scale, offset and a shift by parts of a pixel (by the gradients), and what changed over a wide area."""
    along = np.gradient(gaussian_filter(clean.astype(np.float64), 0.7))
    columns = np.stack([each.ravel() for each in (clean, np.ones_like(clean), *along)], axis=1).astype(np.float64)
    found, *_ = np.linalg.lstsq(columns, noisy.ravel().astype(np.float64), rcond=None)
    fitted = (columns @ found).reshape(clean.shape)
    return np.asarray(fitted + gaussian_filter(noisy - fitted, 8.0))


def judged(name: str, method: str, args: argparse.Namespace) -> dict[str, Any] | None:
    """Compare what is estimated without a reference with what the references say."""
    denoiser = trained(name, method, args)
    if denoiser is None:
        return None
    noisy, references = fields(name, args)
    seen = probe(denoiser, as_image(noisy, "QYX"), Request(num_samples=args.samples, pairs=0), with_std=True)
    drawn = args.samples if latents_of(denoiser.method) else None
    error, span = seen.error(0), float(np.ptp(references["clean"]))
    estimate, noise = calibration_of_error(error, num_samples=drawn), exposure_of(denoiser.noise_models[0])
    frames = SETS[name][2]

    def held(way: str, factor: float, exposure: Exposure | None) -> Any:
        assert seen.std is not None
        return calibration_of_moments(
            [(seen.mean, factor * seen.std, references[way])], exposure=exposure, num_samples=drawn
        )

    mean_noise = exposure_of(denoiser.noise_models[0], frames)
    ways: dict[str, tuple[str, Exposure | None]] = {"clean": ("clean", None), "matched": ("matched", None)}
    ways |= {"matched, folded": ("matched", mean_noise), "aligned, folded": ("aligned", mean_noise)}
    shares = {}
    for title, (way, exposure) in ways.items():
        before, after = held(way, 1.0, exposure), held(way, estimate.spread_factor, exposure)
        shares[title] = {"before": before.measured[2], "after": after.measured[2], "own factor": before.spread_factor}
    own = float(np.mean(noise.variance(seen.mean))) * error.noise_share / frames
    true = {way: float(np.mean((seen.mean - each) ** 2)) for way, each in references.items()}
    return {
        "training": dict(denoiser.card.training),
        "noise": denoiser.noise_models[0].describe(),
        "factor": estimate.spread_factor,
        "standard error of the factor": estimate.chance * estimate.spread_factor,
        "doubt": error.doubt,
        "noise / its model": error.noise_share,
        "noise / its model, by the aligned reference": float(
            np.mean((noisy - references["aligned"]) ** 2) / np.mean(noise.variance(seen.mean))
        ),
        "noise in common with the next pixel in X": error.smeared,
        "own share": error.own_share,
        "intervals": shares,
        "PSNR": {
            "estimated": decibel(span, error.mse),
            "standard error": 10.0 / np.log(10.0) * error.relative_error,
            **{f"true, {way}": decibel(span, each) for way, each in true.items()},
            "true, aligned, without the reference's noise": decibel(span, true["aligned"] - own),
        },
    }


def decibel(span: float, error: float) -> float:
    return float(10 * np.log10(span**2 / max(error, 1e-12 * span**2)))


def show(rows: dict[str, Any]) -> None:
    table = Table("", "factor", "clean", "matched", "matched, folded", "aligned, folded", "PSNR estimated", "true")
    for name, row in rows.items():
        shares = [f"{each['before']:.1%} -> {each['after']:.1%}" for each in row["intervals"].values()]
        psnr = row["PSNR"]
        true = [psnr[f"true, {way}"] for way in ("clean", "matched", "aligned, without the reference's noise")]
        told = f"{psnr['estimated']:.2f} +- {psnr['standard error']:.2f}"
        factor = f"{row['factor']:.2f}" + (f" ({row['doubt']})" if row["doubt"] else "")
        table.add_row(name, factor, *shares, told, " / ".join(f"{each:.2f}" for each in true))
    Console(width=200).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, required=True, help="folder of trained models")
    parser.add_argument("--sets", default=",".join(SETS), help="separated by commas")
    parser.add_argument("--methods", default="hdn,divnoising", help="separated by commas")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--fields", type=int, default=2)
    parser.add_argument("--side", type=int, default=256, help="of the middle of a field that is judged")
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--no-training", action="store_true", help="leave out what there is no model of")
    parser.add_argument("--name", default="unaided")
    args = parser.parse_args()
    rows: dict[str, Any] = {}
    settings = {key: value for key, value in vars(args).items() if not isinstance(value, Path)}
    for method in args.methods.split(","):
        for name in args.sets.split(","):
            found = judged(name, method, args)
            if found is not None:
                rows[f"{name}, {method}"] = found
                show(rows)
                write_result(args.name, {"settings": settings, "rows": rows})


if __name__ == "__main__":
    main()
