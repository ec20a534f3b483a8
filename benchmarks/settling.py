"""What `stop_when_settled` saves and costs, in steps and PSNR against the clean reference, beside the budget in full.

``python benchmarks/settling.py --runs Confocal_FISH:noise2void:n2v2:1200,w2s_ch0:hdn:fast:600`` trains each method
twice on the noisy images of a set, with its cosine schedule over the budget and with the rule, and denoises the
evaluation images. The rule is judged by `instant`, and in the way "loss" by the validation loss. PSNR is
the mean over fields, against the clean reference with scale and offset fitted. ``scatter`` is the deviation of a
reading from the line through its two neighbours, ``judging`` the share of the time that readings took. The committed
table was put together from several calls, some with ``--batch 4``; "settled, gain alone" is the rule before it counted
the standard error of a gain, "settled" that before readings had scale and offset fitted.
"""

import argparse
import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from environment import write_result
from quality import match
from quietscope import Denoiser
from quietscope.io import Image
from quietscope.main_memory import tune_allocator
from quietscope.methods.base import LearningMethod
from quietscope.metrics import psnr
from quietscope.pipeline.opinion import judge_of
from quietscope.training.settling import Judge
from unaided import SETS, pixels

SAMPLES = 8


class Heard:
    """A judge whose words are kept, with the time that they took."""

    def __init__(self, judge: Judge) -> None:
        self.judge = replace(judge, psnr=self._psnr)
        self.readings: list[float] = []
        self.seconds = 0.0
        self._told = judge.psnr

    def _psnr(self, method: LearningMethod) -> float:
        begin = time.perf_counter()
        self.readings.append(self._told(method))
        self.seconds += time.perf_counter() - begin
        return self.readings[-1]


def scatter(readings: list[float]) -> float | None:
    """Return the deviation of a reading about a line through its neighbours, of the later half of them."""
    later = np.array(readings[len(readings) // 2 :])
    if len(later) < 4:
        return None
    bends = later[1:-1] - (later[:-2] + later[2:]) / 2
    return float(np.sqrt(np.mean(bends**2) / 1.5))


def trained(run: tuple[str, str, str, int], way: str, args: argparse.Namespace) -> dict[str, Any]:
    name, method, preset, steps = run
    image = Image(pixels(SETS[name][0]), "QYX")
    rule = {"stop_when_settled": way != "full"} | ({} if args.batch is None else {"batch_size": args.batch})
    denoiser = Denoiser(method=method, preset=preset, steps=steps, seed=args.seed, training=rule, device="cpu")
    settled, lines = denoiser.settle(image), list[str]()
    found = judge_of(settled, [image], "cpu") if way == "settled" else None
    heard = None if found is None else Heard(found)
    denoiser.fit(image, judge=None if heard is None else heard.judge, notify=lines.append, progress=False)
    report = denoiser.fit_report
    assert report is not None
    noisy, clean = (pixels(f"{SETS[name][1]}_{kind}")[: args.fields] for kind in ("noisy", "clean"))
    mean = denoiser.denoise(noisy, axes="QYX", num_samples=SAMPLES, pairs=SAMPLES // 2, progress=None).mean
    scores = [psnr(each, match(s, x)) for each, s, x in zip(mean, clean, noisy, strict=True)]
    return {
        "steps": report.steps,
        "seconds": report.seconds,
        "psnr": float(np.mean(scores)),
        "told": [line for line in lines if "settled" in line],
        "readings": [] if heard is None else heard.readings,
        "scatter": None if heard is None else scatter(heard.readings),
        "judging": None if heard is None else heard.seconds / report.seconds,
    }


def show(rows: dict[str, Any]) -> None:
    table = Table("", "way", "steps", "PSNR", "scatter", "judging")
    for name, row in rows.items():
        for way, found in row.items():
            spread, share = (found[each] for each in ("scatter", "judging"))
            more = ("" if spread is None else f"{spread:.3f}", "" if share is None else f"{share:.1%}")
            table.add_row(name, way, f"{found['steps']:,}", f"{found['psnr']:.2f}", *more)
    Console(width=120).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", required=True, help="SET:METHOD:PRESET:STEPS, separated by commas")
    parser.add_argument("--ways", default="full,settled", help="of full, settled, loss; separated by commas")
    parser.add_argument("--fields", type=int, default=4)
    parser.add_argument("--batch", type=int, default=None, help="patches per step; that of the preset if not given")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--name", default="settling", help="name of the result file")
    args = parser.parse_args()
    tune_allocator()
    torch.set_num_threads(1)
    rows: dict[str, Any] = {}
    for words in args.runs.split(","):
        name, method, preset, steps = words.split(":")
        row = rows[words] = dict[str, Any]()
        for way in args.ways.split(","):
            row[way] = trained((name, method, preset, int(steps)), way, args)
            show(rows)
            write_result(args.name, {"settings": vars(args), "rows": rows})


if __name__ == "__main__":
    main()
