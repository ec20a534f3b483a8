"""Kills of every long verb at random moments: results stay whole, the next run succeeds, and nothing is left over."""

import argparse
import random
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from environment import write_result
from quietscope.io import read_image, write_image
from quietscope.testing.kills import killed_verb, leftovers, run_verb

SETTINGS = """network: {filters: [8, 8], latent_channels: [4, 4], blocks: 1, stem_filters: 8}
training: {patch: 16, batch_size: 2, validate_every: 2, validation_patches: 2, warmup_steps: 0}
"""
TRAINED = ("--config", "s.yaml", "--noise", "sigma=15", "--steps", 6)
VERBS: dict[str, tuple[object, ...]] = {
    "train": ("train", "a.tif", "-o", "run", *TRAINED, "--overwrite"),
    "denoise": ("denoise", "a.tif", "-o", "out", *TRAINED, "--samples", 3, "--overwrite"),
    "predict": ("predict", "base/model.safetensors", "a.tif", "-o", "o.ome.zarr", "--samples", 20, "--overwrite"),
    "export": ("export", "base/model.safetensors", "-o", "m.onnx", "--overwrite"),
    "noise fit": ("noise", "fit", "a.tif", "--clean", "c.tif", "-o", "n.safetensors", "--overwrite"),
}
USELESS = 3  # exit status of a result that is written and said to be of no use, as after six steps


def prepare(folder: Path) -> dict[str, float]:
    """Write the inputs, run every verb once, and return how many seconds each took."""
    y, x = np.mgrid[:64, :64]
    clean = 200 + 100 * np.sin(x / 6) * np.cos(y / 7)
    write_image(folder / "c.tif", clean.astype(np.float32), "YX")
    write_image(folder / "a.tif", np.random.default_rng(0).poisson(clean).astype(np.uint16), "YX")
    (folder / "s.yaml").write_text(SETTINGS, encoding="utf-8")
    took = {}
    status, said = run_verb(("train", "a.tif", "-o", "base", *TRAINED), folder)
    assert status == 0, said
    for name, words in VERBS.items():
        start = time.monotonic()
        status, said = run_verb(words, folder)
        assert status in (0, USELESS), said
        took[name] = time.monotonic() - start
    return took


def fault_of(name: str, folder: Path, seconds: float) -> str:
    """Kill a verb, run it again, and return what was wrong; nothing if all was right."""
    killed_verb(VERBS[name], folder, seconds)
    for image in ("a.tif", "o.ome.zarr"):
        read_image(folder / image).data[...]
    status, said = run_verb(VERBS[name], folder)
    if status not in (0, USELESS):
        return f"status {status}: {said.strip().splitlines()[-1][:200]}"
    left = leftovers(folder)
    return f"left over: {left}" if left else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100, help="kills, all verbs together")
    parser.add_argument("--minutes", type=float, default=60.0, help="time for all of them")
    parser.add_argument("--seed", default="0")
    parser.add_argument("--name", default="fault_kills")
    args = parser.parse_args()
    chance, end = random.Random(args.seed), time.monotonic() + 60 * args.minutes
    runs: dict[str, dict[str, Any]] = {name: {"tried": 0, "right": 0, "faults": []} for name in VERBS}
    with tempfile.TemporaryDirectory() as name_of_folder:
        folder = Path(name_of_folder)
        took = prepare(folder)
        for number in range(args.count):
            if time.monotonic() > end:
                break
            name = list(VERBS)[number % len(VERBS)]
            moment = chance.uniform(0.2, 1.0) * took[name]
            fault = fault_of(name, folder, moment)
            runs[name]["tried"] += 1
            runs[name]["right"] += not fault
            if fault:
                runs[name]["faults"].append(f"kill {number} after {moment:.2f} s: {fault}")
                print(name, fault)
    tried, right = (sum(run[key] for run in runs.values()) for key in ("tried", "right"))
    distinct = len({fault.partition(": ")[2] for run in runs.values() for fault in run["faults"]})
    print(f"tried {tried}, right {right}, distinct faults {distinct}")
    payload = {"seed": args.seed, "tried": tried, "right": right, "distinct": distinct, "verbs": runs}
    print(write_result(args.name, payload))


if __name__ == "__main__":
    main()
