"""Natural images with Gaussian noise of standard deviation 25: what learns from noisy images alone, on BSD68 and Set12.

Every method is trained for the same time on Train400 with noise, neither rounded nor clipped, from random weights, and
told the width of the noise where it takes a noise model. Rows ``supervised=METHOD:PRESET`` train the network of a
method on clean images for as many steps as that method took, or for ``--steps``. PSNR is over a range of 255. Rows of
an earlier run on the same images stay in the result file unless they are measured anew.

``python benchmarks/natural.py --methods gr2r:bsd68 --budget 55m --models natural_models --no-bm3d`` trains one for an
hour and says once a minute how it stands; the same command goes on to evaluate a model that is there already.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from environment import RESULTS, write_result
from quality import SUPERVISED, DataSet, load, train
from quietscope import Denoiser
from quietscope.methods.base import PosteriorMethod
from supervised import train_on_pairs
from yardstick import bm3d_anscombe, score

SETS = {"bsd68": 68, "set12": 12}
RANGE = 255.0
PAIRS, SAMPLES = 5, 12


def model(choice: str, data: DataSet, args: argparse.Namespace) -> Denoiser:
    """Train a method, or load it where it was trained before."""
    name = choice.replace("=", "_").replace(":", "_")
    file = None if args.models is None else args.models / f"natural_{name}.safetensors"
    if file is not None and file.exists():
        return Denoiser.load(file, device=args.device)
    if choice.startswith(SUPERVISED):
        pair = choice.removeprefix(SUPERVISED)
        steps = args.steps or int(model(pair, data, args).card.training["steps"])
        own = argparse.Namespace(**{**vars(args), "steps": steps})
        begin = time.perf_counter()
        denoiser = train_on_pairs(pair, np.asarray(data.train[0]), data.train_clean, own)
        learnt = {"steps": float(steps), "training_seconds": time.perf_counter() - begin}
        denoiser.card = replace(denoiser.card, training=learnt)
    else:
        denoiser = train(choice, data, args)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        denoiser.save(file)
    return denoiser


def evaluate(choice: str, sets: dict[str, DataSet], args: argparse.Namespace) -> dict[str, Any]:
    """Return the scores of a method on every set, and how it was trained."""
    denoiser = model(choice, sets["bsd68"], args)
    samples = isinstance(denoiser.method, PosteriorMethod)
    options: dict[str, Any] = {"num_samples": SAMPLES, "pairs": PAIRS} if samples else {}
    row: dict[str, Any] = {"training": dict(denoiser.card.training), "seed": args.seed}
    for name, data in sets.items():
        begin = time.perf_counter()
        results = [denoiser.denoise(x, axes="YX", **options).mean for x in data.noisy]
        seconds = (time.perf_counter() - begin) / len(results)
        row[name] = {**score(results, data.clean, RANGE), "prediction_seconds_per_image": seconds}
    return row


def told_the_noise(sets: dict[str, DataSet]) -> dict[str, Any]:
    """Return the scores of BM3D."""
    denoised = {name: [bm3d_anscombe(x, data.noise) for x in data.noisy] for name, data in sets.items()}
    return {name: score(denoised[name], data.clean, RANGE) for name, data in sets.items()}


def earlier(name: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Return the rows of the result file if it is of the same images."""
    path = RESULTS / f"{name}.json"
    if not path.exists():
        return {}
    found = json.loads(path.read_text(encoding="utf-8"))
    return dict(found["scores"]) if found["settings"] == settings else {}


def show(rows: dict[str, Any]) -> None:
    table = Table("", *(f"{name}: {what}" for name in SETS for what in ("PSNR / dB", "SSIM")), "steps", "training s")
    table.columns[0].no_wrap = True
    for name, row in rows.items():
        numbers = [word for each in SETS for word in (f"{row[each]['psnr']:.2f}", f"{row[each]['ssim']:.4f}")]
        training = row.get("training", {})
        table.add_row(name, *numbers, *(f"{training.get(key, 0):.0f}" for key in ("steps", "training_seconds")))
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--methods", default="gr2r:bsd68", help=f"METHOD:PRESET or {SUPERVISED}METHOD:PRESET, by commas"
    )
    parser.add_argument("--budget", default=None, help="training time of each, such as 55m")
    parser.add_argument("--steps", type=int, default=None, help="training steps of each, instead of a budget")
    parser.add_argument("--noise", default="sigma=25", help="for methods that take a noise model")
    parser.add_argument("--fields", type=int, default=None, help="images of each set, the first ones; all if not given")
    parser.add_argument("--models", type=Path, default=None, help="keep models in this folder, and use those there")
    parser.add_argument("--no-bm3d", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--precision", default="auto", help="auto, bfloat16 or float32")
    parser.add_argument("--batch-size", type=int, default=None, help="that of the preset if not given")
    parser.add_argument("--device", default=None)
    parser.add_argument("--name", default="natural_sigma25", help="name of the result file")
    args = parser.parse_args()
    args.blind_share = None
    sets = {name: load(name, min(number, args.fields or number)) for name, number in SETS.items()}
    settings = {"sigma": 25, "images": {name: len(data.noisy) for name, data in sets.items()}}
    rows = earlier(args.name, settings)
    rows["noisy"] = {name: score(data.noisy, data.clean, RANGE) for name, data in sets.items()}
    if not args.no_bm3d:
        rows["BM3D, told the noise"] = told_the_noise(sets)
    for choice in args.methods.split(","):
        rows[choice] = evaluate(choice, sets, args)
        show(rows)
        print(write_result(args.name, {"settings": settings, "scores": rows}), flush=True)


if __name__ == "__main__":
    main()
