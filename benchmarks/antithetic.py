"""How many passes a mean needs: antithetic pairs of samples beside independent ones, and what they cost the deviation.

``python benchmarks/antithetic.py --data Confocal_FISH --method hdn:fast --budget 6m`` trains a model, or takes that of
``--model FILE``, and denoises the middle of some fields with 2 to 100 passes in three ways: all samples independent,
all in pairs (as for the mean alone), and as many pairs as are taken where a deviation is wanted too. For each it prints
the PSNR of the mean against the clean reference, the distance of the mean from that of 1,000 further pairs, the error
of the deviation against that of 1,000 further independent samples, and how often ``mean +- 1.645 std`` holds the clean
reference. It also times whole means, batches of samples that are decoded together, and the latent noise alone.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from environment import write_result
from quality import DataSet, load, train
from quietscope import Denoiser
from quietscope.main_memory import tune_allocator
from quietscope.methods.abilities import decode
from quietscope.methods.base import PosteriorMethod
from quietscope.metrics import psnr
from quietscope.prediction import predict_frame, ready_to_predict
from quietscope.prediction.latent_noise import tile_noise
from quietscope.tiling.antithetic import usual_pairs
from quietscope.tiling.grid import Tile
from quietscope.tiling.request import Request

PASSES = (2, 4, 8, 10, 16, 50, 100)
REFERENCE_SEED = 1000
NORMAL_90 = 1.6449
BATCHES = (1, 2, 4, 8, 16)
SIDES = (64, 128, 256)
REPEATS = 3

PAIRS: dict[str, Callable[[int], int]] = {
    "independent": lambda passes: 0,
    "pairs": lambda passes: usual_pairs(passes, alone=True),
    "pairs beside std": lambda passes: usual_pairs(passes, alone=False),
}


def middle(image: np.ndarray, side: int) -> np.ndarray:
    y, x = ((length - side) // 2 for length in image.shape)
    return np.ascontiguousarray(image[None, y : y + side, x : x + side], np.float32)


def estimate(method: PosteriorMethod, x: np.ndarray, field: int, request: Request) -> tuple[np.ndarray, np.ndarray]:
    found = predict_frame(method, x, request=request, frame_index=field)
    return found.mean.astype(np.float64), found.std.astype(np.float64)


def errors(method: PosteriorMethod, data: DataSet, args: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Return, by way and passes, figures that are means over fields and seeds; distances are relative to the spread."""
    squares: dict[str, list[dict[str, float]]] = {}
    for field, (noisy, clean) in enumerate(zip(data.noisy[: args.fields], data.clean, strict=False)):
        x, truth = middle(noisy, args.side), middle(clean, args.side).astype(np.float64)
        many = Request(num_samples=args.reference, pairs=args.reference // 2, seed=REFERENCE_SEED)
        mean, std = estimate(method, x, field, many)
        limit = float(psnr(mean[0], truth[0], float(np.ptp(clean))))
        for seed in range(args.seeds):
            for way, pairs in PAIRS.items():
                for passes in PASSES:
                    request = Request(num_samples=passes, pairs=pairs(passes), seed=seed)
                    m, s = estimate(method, x, field, request)
                    squares.setdefault(f"{way}, {passes}", []).append(
                        {
                            "psnr_to_limit": float(psnr(m[0], truth[0], float(np.ptp(clean)))) - limit,
                            "limit": limit,
                            "mean_distance": float(np.mean((m - mean) ** 2) / np.mean(std**2)),
                            "std_error": float(np.mean((s - std) ** 2) / np.mean(std**2)),
                            "variance_ratio": float(np.mean(s**2) / np.mean(std**2)),
                            "covered": float(np.mean(np.abs(m - truth) <= NORMAL_90 * s)),
                        }
                    )
        print(f"field {field} done", flush=True)
    return {name: figures(rows) for name, rows in squares.items()}


def figures(rows: list[dict[str, float]]) -> dict[str, float]:
    found = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
    # A distance d^2 of the mean, in variances of a sample, is that of 1 / d^2 independent samples.
    return {
        **found,
        "mean_distance": found["mean_distance"] ** 0.5,
        "worth_independent_samples": 1.0 / max(found["mean_distance"], 1e-12),
        "std_error": found["std_error"] ** 0.5,
    }


def batches(method: PosteriorMethod, image: np.ndarray) -> dict[str, dict[str, float]]:
    """Return milliseconds of a sample by tile and number of samples decoded together, and of its noise alone."""
    found: dict[str, dict[str, float]] = {}
    with ready_to_predict(method, None, "float32"):
        for side in SIDES:
            box = (slice(0, side), slice(0, side))
            encoding = method.encode(torch.from_numpy(middle(image, side))[None])
            row = found[str(side)] = {}
            for together in BATCHES:
                if side**2 * together > 2 * 256**2:
                    continue
                noise, drawn = [], []
                for repeat in range(1 + REPEATS):
                    begin = time.perf_counter()
                    z = tile_noise(method.latents(), Tile(box, box), seed=repeat, frame=0, samples=range(together))
                    noise.append((time.perf_counter() - begin) * 1000 / together)
                    decode(method, encoding, z)
                    drawn.append((time.perf_counter() - begin) * 1000 / together)
                row[f"{together}"] = statistics.median(drawn[1:])
                row["noise"] = statistics.median(noise[1:])
    return found


def seconds(method: PosteriorMethod, image: np.ndarray) -> dict[str, float]:
    """Return the time of a mean of 256 x 256 pixels: ten passes in pairs, and fifty and a hundred independent ones."""
    found = {}
    x = middle(image, 256)
    for name, request in {
        "10 passes, pairs": Request(num_samples=10, pairs=5),
        "50 passes, independent": Request(num_samples=50, pairs=0),
        "100 passes, independent": Request(num_samples=100, pairs=0),
    }.items():
        begin = time.perf_counter()
        predict_frame(method, x, kinds=("mean",), request=request)
        found[name] = time.perf_counter() - begin
    return found


def show(found: dict[str, dict[str, float]], args: argparse.Namespace) -> None:
    title = f"{args.data}, {args.method}: figures beside the limit, the mean of {args.reference} samples in pairs"
    table = Table("", title=title)
    for name in ("PSNR to the limit / dB", "mean off / spread", "worth samples", "std off", "variance", "90 % holds"):
        table.add_column(name, justify="right")
    for name, row in found.items():
        table.add_row(
            name,
            f"{row['psnr_to_limit']:+.3f}",
            f"{row['mean_distance']:.4f}",
            f"{row['worth_independent_samples']:.0f}",
            f"{row['std_error']:.1%}",
            f"{row['variance_ratio']:.3f}",
            f"{row['covered']:.1%}",
        )
    Console(width=120).print(table)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="Confocal_FISH")
    parser.add_argument("--method", default="hdn:fast", help="METHOD:PRESET")
    parser.add_argument("--model", type=Path, help="model file, instead of training one")
    parser.add_argument("--budget", default="6m")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--noise", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--device")
    parser.add_argument("--seed", type=int, default=0, help="of training")
    parser.add_argument("--fields", type=int, default=2)
    parser.add_argument("--side", type=int, default=96, help="pixels of the middle of a field")
    parser.add_argument("--seeds", type=int, default=2, help="of the samples")
    parser.add_argument("--reference", type=int, default=2000, help="samples behind the reference")
    parser.add_argument("--name", help="of the result file; default: from data and method")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    tune_allocator()
    data = load(args.data, args.fields)
    denoiser = Denoiser.load(args.model) if args.model else train(args.method, data, args)
    method = denoiser.method
    assert isinstance(method, PosteriorMethod), f"{args.method} draws no samples"
    image = data.noisy[0]
    found: dict[str, Any] = {"errors": errors(method, data, args)}
    found |= {"seconds": seconds(method, image), "milliseconds": batches(method, image)}
    show(found["errors"], args)
    for side, row in found["milliseconds"].items():
        print(f"{side} x {side}, ms per sample:", ", ".join(f"{name}: {value:.1f}" for name, value in row.items()))
    print("seconds:", ", ".join(f"{name}: {value:.1f}" for name, value in found["seconds"].items()))
    settings = {name: value for name, value in vars(args).items() if name not in ("model", "name", "device")}
    training = dict(denoiser.card.training)
    name = args.name or f"antithetic_{args.data}_{args.method.split(':')[0]}".lower()
    write_result(name, {"settings": settings, "training": training, **found})


if __name__ == "__main__":
    main()
