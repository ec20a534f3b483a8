"""Training on files that do not fit into memory: steps per second and PSNR beside training from memory.

``python benchmarks/streaming.py --steps 60`` makes series of 2048 x 2048 pixels out of the noisy W2S images, as TIFF
(compressed, page by page), as Zarr in chunks of a plane and as Zarr in chunks of many planes, and trains the same
network on each, from memory and from the file, turn by turn so that both meet the same machine. Shares are those of the
steps per second from memory; beside them the processor time of all threads, which other programs change less.
``--quality 300`` also trains on the W2S fields themselves, from memory and by blocks, for as many steps, and measures
the PSNR on the fields held back.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import torch
import zarr
from rich.console import Console
from rich.table import Table

from environment import data_folder, write_result
from quietscope import Denoiser, read_image
from quietscope.data.frames import Frames
from quietscope.data.measured import as_measured
from quietscope.model.file import ModelCard
from quietscope.setup.settle import settle
from quietscope.training.budget import Budget
from quietscope.training.fit import fit
from yardstick import score

SIDE = 2048


def make(folder: Path, frames: int) -> dict[str, Path]:
    """Write a series in every kind of file."""
    noisy = np.asarray(read_image(data_folder() / "w2s" / "ch0_train_noisy.tif"))
    times = -(-SIDE // noisy.shape[-1])
    series = np.stack([np.tile(noisy[n % len(noisy)], (times, times))[:SIDE, :SIDE] for n in range(frames)])
    files = {"tif": folder / "a.tif", "zarr": folder / "a.zarr", "deep.zarr": folder / "deep.zarr"}
    tifffile.imwrite(files["tif"], series, compression="zlib", metadata={"axes": "TYX"})
    for kind, chunks in (("zarr", (1, SIDE, SIDE)), ("deep.zarr", (16, 256, 256))):
        zarr.create_array(str(files[kind]), data=series, chunks=chunks)
    return files


def timed(path: Path, args: argparse.Namespace, *, resident: bool) -> dict[str, float]:
    """Train for some steps, and return the steps per second after the first ones, and processor time of a step."""
    denoiser = Denoiser(method=args.method, steps=args.steps, noise="sigma=50" if args.method == "hdn" else "auto")
    images = [as_measured(read_image(path, axes="TYX"))]
    frames = Frames.of(images, 2)
    settled = settle(denoiser.configuration, images, frames, notify=lambda _: None)
    method, moments = settled.build(torch.device("cpu")), []

    def watch(_: object) -> None:
        moments.append((time.perf_counter(), time.process_time()))

    limit = 1 << 40 if resident else 0
    training = settled.configuration.training_settings()
    budget, cpu = Budget(steps=args.steps), torch.device("cpu")
    fit(method, frames, training, budget, device=cpu, watch=watch, notify=lambda _: None, resident_bytes=limit)
    (begin, cpu_begin), (end, cpu_end) = moments[args.steps // 6], moments[-1]
    steps = len(moments) - 1 - args.steps // 6
    return {"steps_per_second": steps / (end - begin), "cpu_per_step": (cpu_end - cpu_begin) / steps}


def quality(args: argparse.Namespace, *, resident: bool) -> dict[str, float]:
    """Train on the fields of W2S, and return the scores on those held back."""
    folder = data_folder() / "w2s"
    denoiser = Denoiser(method=args.method, steps=args.quality, seed=args.seed)
    images = [as_measured(read_image(folder / "ch0_train_noisy.tif"))]
    frames = Frames.of(images, 2)
    settled = settle(denoiser.configuration, images, frames, notify=lambda _: None)
    method, limit = settled.build(torch.device("cpu")), 1 << 40 if resident else 0
    training, cpu = settled.configuration.training_settings(), torch.device("cpu")
    budget = Budget(steps=args.quality)
    report = fit(method, frames, training, budget, device=cpu, notify=lambda _: None, resident_bytes=limit)
    trained = Denoiser.of(method, ModelCard.of(settled.configuration, images[0], report, ()), "cpu")
    noisy, clean = (np.asarray(read_image(folder / f"ch0_eval_{what}.tif")) for what in ("noisy", "clean"))
    results = [trained.denoise(x, axes="YX").mean for x in noisy]
    return dict(score(results, list(clean), None))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", default="noise2void")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--frames", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--quality", type=int, default=None, help="steps of a training whose PSNR is measured")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        files = make(Path(name), args.frames)
        for turn in range(args.rounds):
            for kind, file in files.items():
                found = {way: timed(file, args, resident=way == "memory") for way in ("memory", "file")}
                share = found["file"]["steps_per_second"] / found["memory"]["steps_per_second"]
                rows.append({"round": turn, "kind": kind, "share": share, **found})
                show(rows)
    scores = {}
    if args.quality:
        scores = {way: quality(args, resident=way == "memory") for way in ("memory", "blocks")}
        print({way: round(each["psnr"], 3) for way, each in scores.items()})
    print(write_result("streaming", {"settings": vars(args), "rows": rows, "quality": scores}))


def show(rows: list[dict[str, Any]]) -> None:
    names = ("round", "file", "steps/s from memory", "from the file", "share", "processor s per step: memory", "file")
    table = Table(*names)
    for row in rows:
        speeds = [f"{row[way]['steps_per_second']:.2f}" for way in ("memory", "file")]
        costs = [f"{row[way]['cpu_per_step']:.3f}" for way in ("memory", "file")]
        table.add_row(str(row["round"]), row["kind"], *speeds, f"{row['share']:.2f}", *costs)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
