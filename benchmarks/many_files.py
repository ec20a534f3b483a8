"""Many small files: how long planning takes, and what memory; with --predict, the time and memory of each image too.

The files are hard links to a few real ones, in folders of a plate or all in one, and as many results of earlier stand
in the folders of the results. The model is untrained: what it has learnt does not change what it needs. Every number of
files runs in a process of its own.
"""

import argparse
import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from environment import write_result
from quietscope import Denoiser, ImageDone, Request, Stop, plan_predict, run, write_image
from quietscope.data.normalize import Statistics
from quietscope.main_memory import tune_allocator
from quietscope.methods import METHODS
from quietscope.model.file import ModelCard
from quietscope.pipeline.events import Event
from quietscope.presets import Configuration

SIDE, ORIGINALS = 64, 8
LOOKS = 10
"""How often memory is looked at while images are denoised."""


def make_files(folder: Path, number: int, folders: int) -> None:
    """Write a model, so many images into the folders of a plate, and as many older results among those to come."""
    configuration = Configuration.of({"method": "noise2void", "network": {"depth": 1, "filters": 8}})
    statistics = Statistics(torch.tensor([150.0]), torch.tensor([15.0]))
    method = METHODS["noise2void"].build(configuration.method_settings(), statistics, [])
    card = ModelCard(configuration=configuration, axes="YX")
    Denoiser.of(method.eval(), card, "cpu").save(folder / "model.safetensors")
    rng, originals = np.random.default_rng(0), [folder / f"original{n}.tif" for n in range(ORIGINALS)]
    for path in originals:
        write_image(path, rng.poisson(150, (SIDE, SIDE)).astype(np.uint16), "YX")
    links = 0
    for n in range(number):
        name = f"well{n % folders}"
        well, results = folder / "plate" / name, folder / "out" / name
        well.mkdir(parents=True, exist_ok=True)
        results.mkdir(parents=True, exist_ok=True)
        (results / f"older{n}_denoised.ome.tif").touch()
        if links == 30_000:  # a file has at most so many names on some disks
            originals, links = [_copied(path) for path in originals], 0
        os.link(originals[n % ORIGINALS], well / f"field{n}.tif")
        links += n % ORIGINALS == 0


def _copied(path: Path) -> Path:
    copy = path.with_name(f"{path.stem}+.tif")
    copy.write_bytes(path.read_bytes())
    return copy


def resident_mib() -> float:
    """Return the memory that this process holds just now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def peak_mib() -> float:
    """Return the most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(folder: Path, most: int) -> dict[str, Any]:
    """Plan to denoise all files of a folder, denoise the first ones, and return what it took."""
    tune_allocator()
    before, begin, worked = resident_mib(), time.perf_counter(), time.process_time()
    request = Request(num_samples=2, tile=SIDE)
    plan = plan_predict(folder / "model.safetensors", folder / "plate", folder / "out", request=request, device="cpu")
    planned = time.perf_counter() - begin
    planned_alone = time.process_time() - worked
    plan.check()
    checked = time.perf_counter() - begin - planned
    found: dict[str, Any] = {
        "number": len(plan.targets),
        "planning_seconds": planned,
        "planning_cpu_seconds": planned_alone,  # the same on a machine with nothing else to do
        "checking_seconds": checked,
        "planning_mib": resident_mib() - before,
        "program_mib": before,
        "peak_mib": peak_mib(),
    }
    return {**found, **predicted(plan, most)} if most else found


def predicted(plan: Any, most: int) -> dict[str, Any]:
    """Denoise the first images of a plan, and return seconds per image and the memory held along the way."""
    held: list[float] = []
    begin = time.perf_counter()

    def listen(event: Event) -> None:
        if isinstance(event, ImageDone):
            if event.done % max(most // LOOKS, 1) == 0:
                held.append(resident_mib())
            if event.done == most:
                raise Stop

    with suppress(Stop):
        run(plan, listen)
    return {"predicted": most, "seconds_per_image": (time.perf_counter() - begin) / most, "resident_mib": held}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", nargs="+", type=int, default=[10_000, 100_000], help="how many files")
    parser.add_argument("--folders", nargs="+", type=int, default=[96, 1], help="in how many folders they lie")
    parser.add_argument("--predict", type=int, default=0, metavar="N", help="denoise the first N")
    parser.add_argument("--name", default="many_files")
    parser.add_argument("--of", type=Path, default=None, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.of is not None:
        print(json.dumps(measure(args.of, args.predict)))
        return
    runs = []
    for number, folders in itertools.product(args.number, args.folders):
        with tempfile.TemporaryDirectory() as folder:
            make_files(Path(folder), number, folders)
            command = [sys.executable, __file__, "--of", folder, "--predict", str(min(args.predict, number))]
            found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            runs.append({"folders": folders, **found})
    Console().print(table_of(runs))
    print(write_result(args.name, {"side": SIDE, "runs": runs}))


def table_of(runs: list[dict[str, Any]]) -> Table:
    names = ("planning / s", "of CPU", "check / s", "planning / MiB", "s per image", "held / MiB")
    keys = ("planning_seconds", "planning_cpu_seconds", "checking_seconds", "planning_mib")
    table = Table("files", "folders", *names)
    for row in runs:
        figures = [*(f"{row[key]:.1f}" for key in keys), f"{row.get('seconds_per_image', 0.0):.3f}"]
        held = " ".join(f"{each:.0f}" for each in row.get("resident_mib", []))
        table.add_row(f"{row['number']:,}", f"{row['folders']}", *figures, held)
    return table


if __name__ == "__main__":
    main()
