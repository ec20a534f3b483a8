"""What compressed models lose, by each way of telling it: the clean reference, a second opinion, a rehearsal.

``python benchmarks/gates.py --models FOLDER`` trains a network on the noisy training images of a set for ``--steps``
steps, or takes SET_METHOD.safetensors, which `unaided` leaves too; compresses it to int8 and by pruning with
``--tune-steps`` steps of fine-tuning; and judges full and compressed model on the same boxes of the evaluation images
in every way. The clean reference is taken as it is, and with scale and offset fitted for each box ("matched").
"""

import argparse
import copy
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from environment import write_result
from quality import match
from quietscope.compression.backend import BACKENDS, TorchRunner
from quietscope.compression.calibration import calibration_inputs
from quietscope.compression.fine_tune import fine_tune
from quietscope.compression.gate import Array, Runner, Trial, cut, held_out_boxes, judge, rehearsal
from quietscope.compression.opinion_trial import opinion_trial
from quietscope.compression.prune import prune
from quietscope.data.frames import Frames
from quietscope.denoiser import Denoiser
from quietscope.export.graph import Graph
from quietscope.io import Image
from quietscope.main_memory import tune_allocator
from quietscope.methods.abilities import DENOISED, require
from quietscope.methods.base import LearningMethod
from quietscope.pipeline.opinion import second_opinion
from quietscope.training.budget import Budget
from unaided import SETS, pixels, trained

FULL = "full"


def compressed(denoiser: Denoiser, train: Frames, args: argparse.Namespace) -> dict[str, Runner]:
    """Return the full model, and what each way of compressing makes of it."""
    method, library = require(denoiser.method, LearningMethod), BACKENDS["openvino"]
    runs: dict[str, Runner] = {FULL: TorchRunner.eager(method)}
    graph = Graph.of(method)
    inputs = list(calibration_inputs(graph, train, range(len(train)), args.seed))
    eight = library.quantize(library.convert(graph), inputs, graph.num_channels)
    runs["int8"] = library.load(eight, graph.output_names, "float32")
    for share in map(float, args.shares.split(",")):
        small = copy.deepcopy(method)
        prune(small, share)
        settings = denoiser.configuration.training_settings()
        fine_tune(small, copy.deepcopy(method), train, settings, Budget(steps=args.tune_steps))
        runs[f"pruned {share:.0%}"] = TorchRunner.eager(small)
    return runs


def again(estimates: Sequence[Array]) -> Runner:
    """Return what gives estimates that were made before, one after another."""
    made = iter(estimates)
    return lambda x, noise: {DENOISED: next(made)[None]}


def judged(name: str, method: str, args: argparse.Namespace) -> dict[str, Any]:
    denoiser = trained(name, method, args)
    assert denoiser is not None
    learnt = Image(pixels(SETS[name][0]), "QYX")
    train, noisy, clean = (
        Frames.of([each], 2) for each in (learnt, *(Image(pixels(f"{SETS[name][1]}_{k}"), "QYX") for k in KINDS))
    )
    runs, latents = compressed(denoiser, train, args), Graph.of(denoiser.method).latents
    boxes = held_out_boxes(noisy, range(len(noisy)), denoiser.method.size_multiple, args.seed)
    seen, truth = cut(noisy, boxes), cut(clean, boxes)
    started = time.monotonic()
    second = second_opinion(denoiser.configuration, [learnt], "cpu")
    assert second is not None
    trials = {
        "clean": Trial(noisy=seen, truth=truth, kind="clean"),
        "matched": Trial(
            noisy=seen,
            truth=tuple(match(s, x).astype(np.float32) for s, x in zip(truth, seen, strict=True)),
            kind="clean",
        ),
        "opinion": opinion_trial(second, seen),
    }
    seconds = time.monotonic() - started
    rehearsed = rehearsal(runs[FULL], seen, latents, args.seed)
    psnr: dict[str, dict[str, float]] = {}
    for way, run in runs.items():
        made = judge(run, trials["clean"], latents, args.seed).estimates
        psnr[way] = {kind: judge(again(made), trial, (), args.seed).psnr for kind, trial in trials.items()}
        psnr[way]["rehearsal"] = judge(run, rehearsed, latents, args.seed).psnr
    losses = {
        way: {kind: psnr[FULL][kind] - found[kind] for kind in found} for way, found in psnr.items() if way != FULL
    }
    return {"training": dict(denoiser.card.training), "opinion_seconds": seconds, "psnr": psnr, "loss_db": losses}


KINDS = ("noisy", "clean")


def show(rows: dict[str, Any]) -> None:
    table = Table("", "step", "true", "true, matched", "opinion", "rehearsal", title="loss in dB")
    for name, row in rows.items():
        for way, lost in row["loss_db"].items():
            table.add_row(name, way, *(f"{lost[k]:+.3f}" for k in ("clean", "matched", "opinion", "rehearsal")))
    Console(width=120).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, required=True, help="folder of trained models")
    parser.add_argument("--sets", default="w2s_ch0,Confocal_FISH", help="separated by commas")
    parser.add_argument("--methods", default="noise2void,hdn", help="separated by commas")
    parser.add_argument("--steps", type=int, default=150, help="training of what is missing")
    parser.add_argument("--tune-steps", type=int, default=40)
    parser.add_argument("--shares", default="0.25,0.5", help="of the channels that are pruned, separated by commas")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--name", default="gates", help="name of the result file")
    args = parser.parse_args()
    args.no_training = False
    tune_allocator()
    logging.getLogger("nncf").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    rows: dict[str, Any] = {}
    for name in args.sets.split(","):
        for method in args.methods.split(","):
            rows[f"{name}, {method}"] = judged(name, method, args)
            show(rows)
    print(write_result(args.name, {"settings": {**vars(args), "models": ""}, "rows": rows}))


if __name__ == "__main__":
    main()
