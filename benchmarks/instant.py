"""The denoiser that comes trained, on five sets that its weights never saw: quality, seconds, and what it is beside.

For each set: the noisy images; BM3D, told the noise from clean and noisy pairs; `instant` with several seeds, and
with the first of them looking at every image in all orientations; N2V2 trained for `--steps` steps; and, as a limit,
the network of N2V2 trained on pairs for as many (on FMD sets, on the very fields it is judged by). Seconds are of
processor time and hold the estimate of the noise.
"""

import argparse
import time
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from environment import write_result
from quality import DataSet, load
from quietscope import Denoiser
from supervised import measure_supervised
from yardstick import Row, bm3d_anscombe, score

SETS = "Confocal_FISH,w2s_ch0,w2s_ch1,Confocal_MICE,Confocal_BPAE_G"
N2V2 = "noise2void:n2v2"


def several(data: DataSet, seeds: int) -> dict[str, Row]:
    """Return the lines of `instant`, means over seeds, with the scores of each."""
    plain, turned, seconds = [], [], []
    for seed in range(seeds):
        begin = time.process_time()
        denoiser = Denoiser(method="instant", seed=seed, training={"precision": "float32"})
        denoiser.fit(data.noisy, axes="YX", progress=False)
        results = [denoiser.denoise(x, axes="YX").mean for x in data.noisy]
        seconds.append(time.process_time() - begin)
        plain.append(score(results, data.clean))
        if seed == 0:  # eight times the time of a plain prediction
            turned.append(score(_turned(denoiser, data), data.clean))
    lines = {"instant": plain, "instant, all orientations": turned}
    rows = {name: Row(_mean(each), {"by_seed": each}) for name, each in lines.items()}
    rows["instant"].details["cpu_seconds"] = seconds
    return rows


def _turned(denoiser: Denoiser, data: DataSet) -> list[Any]:
    return [denoiser.denoise(x, axes="YX", augment=True).mean for x in data.noisy]


def _mean(scores: list[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([each[name] for each in scores])) for name in scores[0]}


def blind_spot(data: DataSet, args: argparse.Namespace) -> dict[str, Row]:
    """Return the lines of N2V2 and of its network trained on pairs."""
    method, preset = N2V2.split(":")
    begin = time.process_time()
    training = {"precision": "float32"}
    denoiser = Denoiser(method=method, preset=preset, steps=args.steps, seed=args.seed, training=training)
    denoiser.fit(data.train, axes="QYX", progress=False)
    seconds = time.process_time() - begin
    results = [denoiser.denoise(x, axes="YX").mean for x in data.noisy]
    pairs = np.asarray(data.train[0]), data.train_clean
    limit = measure_supervised(N2V2, pairs, data.noisy, data.clean, args)
    return {f"{N2V2}, {args.steps} steps": Row(score(results, data.clean), {"cpu_seconds": seconds}), **limit}


def measure(name: str, args: argparse.Namespace) -> dict[str, Row]:
    data = load(name, args.fields)
    rows = {"noisy": Row(score(data.noisy, data.clean))}
    begin = time.process_time()
    denoised = [bm3d_anscombe(x, data.noise) for x in data.noisy]
    seconds = time.process_time() - begin
    rows["BM3D, told the noise"] = Row(score(denoised, data.clean), {"cpu_seconds": seconds})
    rows |= several(data, args.seeds)
    return rows | (blind_spot(data, args) if args.steps else {})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default=SETS, help="sets, comma-separated")
    parser.add_argument("--fields", type=int, default=8, help="evaluation fields of W2S; FMD has four")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0, help="of the methods that are trained")
    parser.add_argument("--steps", type=int, default=0, help="of N2V2 and of training on pairs; 0 leaves them out")
    parser.add_argument("--name", default="instant")
    args = parser.parse_args()
    args.noise = "auto"
    found: dict[str, dict[str, Row]] = {}
    for name in args.data.split(","):
        found[name] = measure(name, args)
        table = Table("", "PSNR / dB", "after affine fit / dB", "SSIM", "CPU s", title=name)
        for line, row in found[name].items():
            used = np.mean(row.details.get("cpu_seconds", [np.nan]))
            s = row.scores
            table.add_row(line, f"{s['psnr']:.2f}", f"{s['psnr_affine']:.2f}", f"{s['ssim']:.4f}", f"{used:.1f}")
        Console().print(table)
        scores = {d: {n: {**row.scores, **row.details} for n, row in rows.items()} for d, rows in found.items()}
        print(write_result(args.name, {"settings": vars(args), "scores": scores}))


if __name__ == "__main__":
    main()
