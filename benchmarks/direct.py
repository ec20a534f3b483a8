"""Direct denoisers against the mean of many samples: quality and time, in one run.

``python benchmarks/direct.py --budget 8m --distill-budget 6m`` trains an HDN on the noisy training images alone,
distils its mean and its median, and prints one table over the evaluation fields: input, means of 10 and of 100 samples
(the yardstick), and both direct denoisers. Every field is denoised by all of them in turn, so that whatever else the
machine does meets all alike; times are medians over fields and repeats.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from rich.console import Console
from rich.table import Table

from environment import write_result
from quality import DataSet, load
from quietscope import Denoiser, distill
from quietscope.metrics import psnr
from yardstick import score, told_every_minute

YARDSTICK = "mean of 100 samples"
REPEATS = 3


@dataclass
class Row:
    """One line of the table: what makes the images, the images, how long each took."""

    make: Callable[[np.ndarray], np.ndarray]
    repeats: int = 1
    images: list[np.ndarray] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def obtain(name: str, make: Callable[[], Denoiser], args: argparse.Namespace) -> Denoiser:
    """Load a model from the folder of models, or make it and keep it there."""
    file = None if args.models is None else args.models / f"{args.data}_{name}.safetensors"
    if file is not None and file.exists():
        return Denoiser.load(file, device=args.device)
    made = make()
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        made.save(file, overwrite=True)
    return made


def teacher(data: DataSet, args: argparse.Namespace) -> Denoiser:
    if args.teacher is not None:
        return Denoiser.load(args.teacher, device=args.device)
    fresh = Denoiser(method=args.method, budget=args.budget, steps=args.steps, seed=args.seed, device=args.device)
    return obtain(
        args.method, lambda: fresh.fit(data.train, axes="QYX", watch=told_every_minute(args.method), notify=print), args
    )


def student(loss: Literal["mean", "median"], taught_by: Denoiser, data: DataSet, args: argparse.Namespace) -> Denoiser:
    settings = {"budget": args.distill_budget, "steps": args.distill_steps, "preset": args.preset, "seed": args.seed}
    name = f"{args.method}_direct_{loss}"
    return obtain(
        name,
        lambda: distill(taught_by, data.train, loss=loss, axes="QYX", watch=told_every_minute(name), **settings),
        args,
    )


def rows_of(taught_by: Denoiser, students: dict[str, Denoiser]) -> dict[str, Row]:
    def samples(num: int) -> Callable[[np.ndarray], np.ndarray]:
        return lambda x: taught_by.denoise(x, num_samples=num, axes="YX").mean

    def direct(denoiser: Denoiser) -> Callable[[np.ndarray], np.ndarray]:
        return lambda x: denoiser.denoise(x, axes="YX").mean

    rows = {"mean of 10 samples": Row(samples(10)), YARDSTICK: Row(samples(100))}
    return rows | {f"direct, {loss}": Row(direct(each), REPEATS) for loss, each in students.items()}


def run(rows: dict[str, Row], data: DataSet) -> None:
    for row in rows.values():
        if row.repeats > 1:
            row.make(data.noisy[0])  # the first call builds what the others use
    for number, x in enumerate(data.noisy):
        for name, row in rows.items():
            for repeat in range(row.repeats):
                begin = time.perf_counter()
                image = row.make(x)
                row.seconds.append(time.perf_counter() - begin)
                if repeat == 0:
                    row.images.append(image)
            print(f"field {number}, {name}: {row.seconds[-1]:.3f} s", flush=True)


def results(rows: dict[str, Row], data: DataSet) -> dict[str, dict[str, float]]:
    found = {"noisy": score(data.noisy, data.clean, data.data_range)}
    yardstick = rows[YARDSTICK]
    for name, row in rows.items():
        seconds = statistics.median(row.seconds)
        found[name] = score(row.images, data.clean, data.data_range) | {
            "seconds_per_image": seconds,
            "speed_up": statistics.median(yardstick.seconds) / seconds,
        }
        found[name]["psnr_minus_yardstick"] = (
            found[name]["psnr"] - score(yardstick.images, data.clean, data.data_range)["psnr"]
        )
        if row is not yardstick:
            against = zip(row.images, yardstick.images, strict=True)
            found[name]["psnr_to_yardstick"] = float(np.mean([psnr(a, b) for a, b in against]))
    return found


def show(found: dict[str, dict[str, float]], args: argparse.Namespace) -> None:
    columns = ("PSNR / dB", "to the yardstick", "after affine fit / dB", "SSIM", "s per image", "times faster")
    table = Table("", *columns, title=f"{args.data}, {args.method}, yardstick: {YARDSTICK}")
    for name, row in found.items():
        difference, seconds = row.get("psnr_minus_yardstick"), row.get("seconds_per_image")
        table.add_row(
            name,
            f"{row['psnr']:.2f}",
            "" if difference is None else f"{difference:+.3f}",
            f"{row['psnr_affine']:.2f}",
            f"{row['ssim']:.4f}",
            "" if seconds is None else f"{seconds:.3f}",
            "" if seconds is None else f"{row['speed_up']:.1f}",
        )
    Console(width=130).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="w2s_ch0", help="as for quality.py")
    parser.add_argument("--method", default="hdn", help="the teacher")
    parser.add_argument("--teacher", type=Path, default=None, help="a trained teacher, instead of training one")
    parser.add_argument("--models", type=Path, default=None, help="keep models in this folder, and use those there")
    parser.add_argument("--budget", default=None, help="of the teacher; default: the preset's")
    parser.add_argument("--steps", type=int, default=None)
    parser.add_argument("--preset", default="fast", help="of the direct denoisers")
    parser.add_argument("--distill-budget", default=None, help="of each direct denoiser; default: the preset's")
    parser.add_argument("--distill-steps", type=int, default=None)
    parser.add_argument("--losses", default="mean,median")
    parser.add_argument("--fields", type=int, default=8, help="evaluation fields")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default=None)
    parser.add_argument("--name", default=None, help="name of the result file")
    args = parser.parse_args()
    data = load(args.data, args.fields)
    taught_by = teacher(data, args)
    students = {loss: student(loss, taught_by, data, args) for loss in args.losses.split(",")}
    rows = rows_of(taught_by, students)
    run(rows, data)
    found = results(rows, data)
    show(found, args)
    trainings = {"teacher": taught_by, **students}
    payload = {
        "settings": {name: value for name, value in vars(args).items() if not isinstance(value, Path)},
        "training": {name: dict(each.card.training) for name, each in trainings.items()},
        "network": {loss: each.method.settings.model_dump(mode="json") for loss, each in students.items()},
        "scores": found,
    }
    print(write_result(args.name or f"direct_{args.data}_{args.method}", payload))


if __name__ == "__main__":
    main()
