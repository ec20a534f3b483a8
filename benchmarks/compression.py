"""What compression costs and what it gains: pruning, int8 and both, on networks trained on W2S channel 0.

Networks are trained, fine-tuned and calibrated on the training fields, and judged on the evaluation fields against
their clean references, whole frames of 512 x 512. All variants of a network are timed in turns in one process, with the
allocator that QuietScope sets, the yardstick included.
"""

import argparse
import copy
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from environment import data_folder, write_result
from quietscope import Denoiser
from quietscope.compression.backend import BACKENDS, TorchRunner
from quietscope.compression.calibration import calibration_inputs, latent_noise
from quietscope.compression.fine_tune import fine_tune
from quietscope.compression.gate import Runner, Trial, judge, rehearsal
from quietscope.compression.prune import prune
from quietscope.compression.stopwatch import interleaved
from quietscope.data.frames import Frames
from quietscope.export.graph import Graph
from quietscope.io import read_image
from quietscope.main_memory import tune_allocator
from quietscope.methods.abilities import require
from quietscope.methods.base import LearningMethod, Method
from quietscope.training.budget import Budget

NETWORKS: dict[str, dict[str, Any]] = {
    "noise2void, 64 filters": {"method": "noise2void", "network": {"depth": 3, "filters": 64}},
    "noise2void fast": {"method": "noise2void"},
    "deconoising paper": {"method": "deconoising", "preset": "paper"},
    "hdn fast": {"method": "hdn"},
}
SHARE = 0.5
YARDSTICK = "PyTorch float32"


@dataclass(frozen=True)
class Variant:
    """One way to run a network."""

    name: str
    run: Runner
    parameters: int


def variants(method: Method, prefix: str, frames: Frames) -> Iterator[Variant]:
    weights = sum(parameter.numel() for parameter in method.parameters())
    graph, library = Graph.of(method), BACKENDS["openvino"]
    model = library.convert(graph)
    eight = library.quantize(model, list(calibration_inputs(graph, frames, range(len(frames)), 0)), graph.num_channels)
    yield Variant(f"{prefix}{YARDSTICK}", TorchRunner.eager(method), weights)
    yield Variant(f"{prefix}PyTorch bfloat16", TorchRunner.as_predicted(method, lower=True), weights)
    for name, each, precision in (
        ("OpenVINO float32", model, "float32"),
        ("OpenVINO bfloat16", model, "bfloat16"),
        ("OpenVINO int8", eight, "float32"),
    ):
        yield Variant(f"{prefix}{name}", library.load(each, graph.output_names, precision), weights)


def images(name: str) -> Frames:
    return Frames.of([read_image(data_folder() / "w2s" / f"ch0_{name}.tif", "QYX")], 2)


def measure(denoiser: Denoiser, args: argparse.Namespace) -> dict[str, Any]:
    train, noisy, clean = (images(name) for name in ("train_noisy", "eval_noisy", "eval_clean"))
    method = require(denoiser.method, LearningMethod)
    pruned = copy.deepcopy(method)
    done = prune(pruned, SHARE)
    settings = denoiser.configuration.training_settings()
    budget = Budget(seconds=60 * args.tune_minutes) if args.tune_steps is None else Budget(steps=args.tune_steps)
    report = fine_tune(pruned, copy.deepcopy(method), train, settings, budget)
    listed = [*variants(method, "", train), *variants(pruned, "pruned, ", train)]
    latents, chosen = Graph.of(method).latents, range(args.fields)
    noisy_frames, clean_frames = (tuple(np.asarray(f[n], np.float32) for n in chosen) for f in (noisy, clean))
    trials = {
        "clean": Trial(noisy=noisy_frames, truth=clean_frames, kind="clean"),
        "rehearsal": rehearsal(listed[0].run, noisy_frames, latents, 0),
    }
    verdicts = {
        kind: {each.name: judge(each.run, trial, latents, 0) for each in listed} for kind, trial in trials.items()
    }
    noise = latent_noise(latents, (512, 512), 1, np.random.default_rng(0))
    seconds = interleaved({each.name: each.run for each in listed}, {"x": noisy_frames[0][None], **noise})
    rows = {}
    for each in listed:
        found = {kind: of[each.name] for kind, of in verdicts.items()}
        full = {kind: of[YARDSTICK] for kind, of in verdicts.items()}
        rows[each.name] = {
            "parameters": each.parameters,
            "milliseconds": 1000 * seconds[each.name],
            "psnr": found["clean"].psnr,
            "loss_db": found["clean"].loss(full["clean"]),
            "loss_db_rehearsed": found["rehearsal"].loss(full["rehearsal"]),
            "deviation": found["clean"].deviation,
        }
    return {
        "trained": {name: float(value) for name, value in denoiser.card.training.items()},
        "fine_tuning": {"steps": report.steps, "seconds": report.seconds},
        "parameters": {"before": done.parameters_before, "after": done.parameters},
        "rows": rows,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--models", nargs="*", default=[], help="NAME=FILE: a trained model in place of training one")
    parser.add_argument("--minutes", type=float, default=15, help="training of each network")
    parser.add_argument("--tune-minutes", type=float, default=4, help="fine-tuning of each")
    parser.add_argument("--tune-steps", type=int, default=None, help="in place of a time, on a busy machine")
    parser.add_argument("--fields", type=int, default=8)
    parser.add_argument("--name", default="compression")
    args = parser.parse_args()
    tune_allocator()
    logging.getLogger("nncf").setLevel(logging.ERROR)
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1)))
    given = dict(each.split("=", 1) for each in args.models)
    results: dict[str, Any] = {}
    console = Console()
    for name in args.networks:
        if name in given:
            denoiser = Denoiser.load(Path(given[name]), device="cpu")
        else:
            denoiser = Denoiser(**NETWORKS[name], budget=f"{60 * args.minutes:.0f}s", device="cpu")
            denoiser.fit(data_folder() / "w2s" / "ch0_train_noisy.tif", axes="QYX")
        results[name] = measure(denoiser, args)
        table = Table("variant", "parameters", "ms", "faster", "PSNR", "loss", "rehearsed", title=name)
        first = results[name]["rows"][YARDSTICK]["milliseconds"]
        for variant, row in results[name]["rows"].items():
            table.add_row(
                variant,
                f"{row['parameters']:,}",
                f"{row['milliseconds']:.0f}",
                f"x {first / row['milliseconds']:.2f}",
                f"{row['psnr']:.2f}",
                f"{row['loss_db']:+.3f}",
                f"{row['loss_db_rehearsed']:+.3f}",
            )
        console.print(table)
        console.print(json.dumps(results[name]["fine_tuning"]))
    versions = {name: version(name) for name in ("openvino", "nncf", "torch-pruning")}
    print(write_result(args.name, {"share": SHARE, "fields": args.fields, "versions": versions, "results": results}))


if __name__ == "__main__":
    main()
