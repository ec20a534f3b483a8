"""Quality of trained models against the clean reference, beside BM3D on the same images in the same run.

``python benchmarks/quality.py --data w2s_ch0 --methods noise2void:fast,divnoising:fast,hdn:fast --budget 8m`` trains
each method for the same time on the noisy training images alone, denoises the evaluation images, and prints one table:
input, BM3D, every method's mean and, with ``--map``, most probable image. BM3D (package bm3d, whose licence is
non-commercial) works on the generalised Anscombe scale with the noise fitted on clean and noisy pairs: the strongest
form of what a user would pick instead, since our own results see neither.

``--recalibrate`` (W2S) also measures how often the 90 % interval of each posterior holds the truth, raw and with the
factor that second exposures of other evaluation fields give.
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from rich.console import Console
from rich.table import Table

from environment import data_folder, write_result
from quietscope import Denoiser, read_image
from quietscope.methods import METHODS
from quietscope.methods.base import PosteriorMethod
from quietscope.methods.blind_first import BLIND_SHARE
from quietscope.metrics import Calibration, Exposure, affine_fit, calibration_of_moments
from quietscope.noise import PoissonGaussian
from quietscope.noise.exposure import exposure_of
from supervised import measure_supervised
from yardstick import Row, bm3d_anscombe, score, told_every_minute

SUPERVISED = "supervised="
NATURAL = ("bsd68", "set12")


@dataclass(frozen=True)
class DataSet:
    """Noisy training images, noisy and clean evaluation images as lists of planes, and further fields.

    The spare fields are neither trained on nor evaluated; their second exposures are means of two frames.
    """

    train: list[np.ndarray]
    train_clean: np.ndarray
    noisy: list[np.ndarray]
    clean: list[np.ndarray]
    noise: PoissonGaussian
    data_range: float | None = None
    spare_noisy: np.ndarray | None = None
    spare_clean: np.ndarray | None = None
    spare_second: np.ndarray | None = None


def fmd(name: str) -> DataSet:
    folder = data_folder() / "fmd"
    noisy, clean = (np.asarray(read_image(folder / f"{name}_{kind}.tif")) for kind in ("noisy", "clean"))
    return DataSet([noisy], clean, list(noisy), list(clean), PoissonGaussian.fit(clean, noisy))


def w2s(channel: int, fields: int) -> DataSet:
    stem = str(data_folder() / "w2s" / f"ch{channel}")
    train, train_clean, noisy, clean = (
        np.asarray(read_image(f"{stem}_{part}.tif"))
        for part in ("train_noisy", "train_clean", "eval_noisy", "eval_clean")
    )
    second = Path(f"{stem}_eval_second.tif")
    return DataSet(
        [train],
        train_clean,
        list(noisy[:fields]),
        list(clean[:fields]),
        PoissonGaussian.fit(train_clean, train),
        spare_noisy=noisy[fields:],
        spare_clean=clean[fields:],
        spare_second=np.asarray(read_image(second))[fields:] if second.exists() else None,
    )


def natural(name: str, fields: int) -> DataSet:
    """Gaussian noise of standard deviation 25, neither rounded nor clipped; the same on Train400 for any name."""
    folder, rng = data_folder() / "natural", np.random.default_rng(0)
    train = np.asarray(read_image(folder / "train400.tif")).astype(np.float32)
    with np.load(folder / f"{name}.npz", allow_pickle=False) as archive:
        clean = [archive[name].astype(np.float32) for name in sorted(archive.files)[:fields]]
    noise = PoissonGaussian(gain=0.0, read_noise=25.0)

    def with_noise(image: np.ndarray) -> np.ndarray:
        return (image + rng.normal(0, 25, image.shape)).astype(np.float32)

    return DataSet([with_noise(train)], train, [with_noise(image) for image in clean], clean, noise, data_range=255)


def load(name: str, fields: int) -> DataSet:
    if name.startswith("w2s_ch"):
        return w2s(int(name[-1]), fields)
    return natural(name, fields) if name in NATURAL else fmd(name)


def train(choice: str, data: DataSet, args: argparse.Namespace) -> Denoiser:
    method, preset = choice.split(":")
    needs_noise = METHODS[method].needs_noise
    training = {"precision": args.precision, **({"batch_size": args.batch_size} if args.batch_size else {})}
    taught = args.blind_share is not None and METHODS[method].has_setting(BLIND_SHARE)
    denoiser = Denoiser(
        method=method,
        preset=preset,
        network={BLIND_SHARE: args.blind_share} if taught else {},
        noise=args.noise if needs_noise else "auto",
        budget=args.budget,
        steps=args.steps,
        seed=args.seed,
        training=training,
        device=args.device,
    )
    return denoiser.fit(data.train, axes="QYX", watch=told_every_minute(choice), notify=print)


def measure(choice: str, data: DataSet, args: argparse.Namespace) -> dict[str, Row]:
    """Train one method, or load it where it was trained before, and return its lines of the table."""
    file = None if args.models is None else args.models / f"{args.data}_{choice.replace(':', '_')}.safetensors"
    if file is not None and file.exists():
        denoiser = Denoiser.load(file, device=args.device)
    else:
        denoiser = train(choice, data, args)
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            denoiser.save(file, overwrite=True)
    samples = isinstance(denoiser.method, PosteriorMethod)
    estimate: Literal["mean", "map"] = "map" if args.map and samples else "mean"
    begin = time.perf_counter()
    results = [denoiser.denoise(x, num_samples=args.samples, axes="YX", estimate=estimate) for x in data.noisy]
    details: dict[str, Any] = {
        "training": dict(denoiser.card.training),
        "noise": [model.describe() for model in denoiser.noise_models],
        "prediction_seconds_per_image": (time.perf_counter() - begin) / len(results),
    }
    if samples and args.recalibrate:
        details["coverage"] = coverage(denoiser, data, results, args)
    rows = {
        f"{choice} mean" if samples else choice: Row(
            score([each.mean for each in results], data.clean, data.data_range), details
        )
    }
    if estimate == "map":
        rows[f"{choice} MAP"] = Row(score([each.image for each in results], data.clean, data.data_range))
        one = [denoiser.sample(x, num_samples=1, axes="YX")[0] for x in data.noisy]
        rows[f"{choice} one sample"] = Row(score(one, data.clean, data.data_range))
    return rows


def coverage(denoiser: Denoiser, data: DataSet, results: list[Any], args: argparse.Namespace) -> dict[str, Any]:
    """Measure intervals against the clean fields, raw and with a factor from other fields.

    The clean fields were taken later than the noisy ones and differ from them in offset and scale, field by field: the
    noisy fields themselves, whose noise has mean zero, tell by how much. "Matched" references are corrected for it.
    """
    assert data.spare_noisy is not None
    assert data.spare_clean is not None
    spare = [denoiser.denoise(x, num_samples=args.samples, axes="YX") for x in data.spare_noisy]
    matched = [match(truth, x) for truth, x in zip(data.clean, data.noisy, strict=True)]
    spare_matched = [match(truth, x) for truth, x in zip(data.spare_clean, data.spare_noisy, strict=True)]
    [noise] = denoiser.noise_models

    def judge(images: list[Any], references: Any, factor: float = 1.0, exposure: Exposure | None = None) -> Calibration:
        parts = [(each.mean, factor * each.std, truth) for each, truth in zip(images, references, strict=True)]
        return calibration_of_moments(parts, num_samples=args.samples, exposure=exposure)

    found = {"raw": judge(results, data.clean), "raw, references matched": judge(results, matched)}
    fits = (
        ("second exposures", judge(spare, data.spare_second, exposure=exposure_of(noise, 2)), data.clean),
        ("clean", judge(spare, data.spare_clean), data.clean),
        ("clean, references matched", judge(spare, spare_matched), matched),
    )
    for name, other, references in fits:
        if other.spread_factor > 0.0:
            words = f"recalibrated on other fields, {name}, factor {other.spread_factor:.3f}"
            found[words] = judge(results, references, other.spread_factor)
        else:
            print(f"{name}: {other.describe()}")
    return {
        name: {f"{level:.0%}": share for level, share in zip(each.nominal, each.measured, strict=True)}
        for name, each in found.items()
    }


def match(clean: np.ndarray, noisy: np.ndarray) -> np.ndarray:
    """Return ``a clean + b`` with the least squared distance from the noisy field."""
    slope, offset = affine_fit(clean, noisy)
    return slope * clean.astype(np.float64) + offset


def run(args: argparse.Namespace) -> tuple[dict[str, Row], DataSet]:
    data = load(args.data, args.fields)
    rows = {"noisy": Row(score(data.noisy, data.clean, data.data_range))}
    if not args.no_bm3d:
        begin = time.perf_counter()
        denoised = [bm3d_anscombe(x, data.noise) for x in data.noisy]
        seconds = (time.perf_counter() - begin) / len(denoised)
        rows["BM3D, noise fitted on pairs"] = Row(
            score(denoised, data.clean, data.data_range), {"prediction_seconds_per_image": seconds}
        )
    for choice in args.methods.split(","):
        if choice.startswith(SUPERVISED):
            pairs = np.asarray(data.train[0]), data.train_clean
            rows |= measure_supervised(choice.removeprefix(SUPERVISED), pairs, data.noisy, data.clean, args)
        else:
            rows |= measure(choice, data, args)
        show(rows, args)
    return rows, data


def show(rows: dict[str, Row], args: argparse.Namespace) -> None:
    columns = ("PSNR / dB", "after affine fit / dB", "SSIM", "gradient energy / clean")
    table = Table("", *columns, title=f"{args.data}, {args.budget or args.steps} each")
    for name, row in rows.items():
        s = row.scores
        numbers = (f"{s['psnr']:.2f}", f"{s['psnr_affine']:.2f}", f"{s['ssim']:.4f}", f"{s['sharpness']:.3f}")
        table.add_row(name, *numbers)
    console = Console()
    console.print(table)
    for name, row in rows.items():
        for kind, shares in row.details.get("coverage", {}).items():
            words = ", ".join(f"{nominal}: {share:.1%}" for nominal, share in shares.items())
            console.print(f"{name}, coverage {kind}: {words}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", default="w2s_ch0", help="w2s_ch0, w2s_ch1, bsd68, set12 or an FMD stack such as Confocal_FISH"
    )
    parser.add_argument(
        "--methods", default="hdn:fast", help=f"method:preset, or {SUPERVISED}method:preset, comma-separated"
    )
    parser.add_argument("--noise", default="auto", help="for methods that need a noise model")
    parser.add_argument("--budget", default=None)
    parser.add_argument("--steps", type=int, default=None)
    parser.add_argument("--fields", type=int, default=8, help="evaluation fields")
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument(
        "--batch-size", type=int, default=None, help="patches per step; that of the preset if not given"
    )
    parser.add_argument(
        "--blind-share", type=float, default=None, help="share of training taught blind first, of methods that can be"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--precision", default="auto", help="auto, bfloat16 or float32")
    parser.add_argument("--device", default=None)
    parser.add_argument("--models", type=Path, default=None, help="keep models in this folder, and use those there")
    parser.add_argument("--map", action="store_true", help="also the most probable image, and one sample")
    parser.add_argument("--recalibrate", action="store_true", help="also coverage, raw and recalibrated")
    parser.add_argument("--no-bm3d", action="store_true")
    parser.add_argument("--name", default=None, help="name of the result file")
    args = parser.parse_args()
    rows, data = run(args)
    settings = {k: v for k, v in vars(args).items() if not isinstance(v, Path)}
    budget = args.budget or (f"{args.steps}_steps" if args.steps else "preset")
    name = args.name or f"quality_{args.data}_{args.methods}_{budget}".lower().replace(":", "_").replace(",", "_")
    scores = {name: {**row.scores, **row.details} for name, row in rows.items()}
    print(write_result(name, {"settings": settings, "scores": scores, "noise_of_pairs": data.noise.describe()}))


if __name__ == "__main__":
    main()
