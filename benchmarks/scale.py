"""One large image by chunks: time, memory and pixels, by one process and by two.

``python benchmarks/scale.py --model quick_int8/ --frames 256,2048`` makes time series of 1024 x 1024 pixels out of the
noisy W2S images, as OME-Zarr (0.5 and 4.3 GB), and denoises each in the ways of ``--ways``: "whole" (`predict`), "part"
(`--part 1/1`: one process without Dask), "core" (the same, tied to one core: reading, writing and the verdict have
threads of their own), "1" and "2" (so many `--workers`), from the command line, all included; images but the first only
in the ways of ``--large``. One thread computes in each process. Peak memory is that of the largest process of a run
(resident, read every 0.1 s); Mpx/s are pixels of the image over the whole time, start of the processes included. From
the smallest to the largest image, ``slope`` is time against pixels in double logarithmic scale, and ``marginal`` Mpx/s
without what every run takes to start. Pixels of all ways are compared, of up to `COMPARED` frames.
"""

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import zarr
from rich.console import Console
from rich.table import Table

from environment import data_folder, write_result
from quietscope import read_image
from quietscope.io import open_writer

SIDE = 1024
COMPARED = 32


def make_image(path: Path, frames: int) -> int:
    """Write a time series, and return its size in pixels."""
    noisy = np.asarray(read_image(data_folder() / "w2s" / "ch0_train_noisy.tif"))
    times = -(-SIDE // noisy.shape[-1])
    with open_writer(path, (frames, SIDE, SIDE), noisy.dtype, "TYX") as sink:
        for frame in range(frames):
            sink[frame] = np.tile(noisy[frame % len(noisy)], (times, times))[:SIDE, :SIDE]
    return frames * SIDE * SIDE


def largest(process: psutil.Process) -> int:
    """Return the resident memory of the largest process of a run, in bytes."""
    found = 0
    try:
        for each in (process, *process.children(recursive=True)):
            found = max(found, each.memory_info().rss)
    except psutil.NoSuchProcess:
        pass
    return found


def run(model: Path, image: Path, output: Path, way: str) -> dict[str, float]:
    command = [sys.executable, "-m", "quietscope", "predict", str(model), str(image), "-o", str(output), "--overwrite"]
    command += {"whole": [], "part": ["--part", "1/1"], "core": ["--part", "1/1"]}.get(way, ["--workers", way])
    command = [*(["taskset", "-c", "0"] if way == "core" else []), *command]
    begin, peak = time.perf_counter(), 0
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as started:
        watched = psutil.Process(started.pid)
        while started.poll() is None:
            peak = max(peak, largest(watched))
            time.sleep(0.1)
    assert started.returncode in (0, 3), command
    return {"seconds": time.perf_counter() - begin, "peak_mb": peak / 1e6}


def is_same(one: Path, other: Path) -> bool:
    """Tell whether all levels of two results have the same pixels."""
    first, second = (zarr.open_group(str(path), mode="r") for path in (one, other))
    frames = first["0"].shape[0]
    return all(
        np.array_equal(first[name][frame], second[name][frame])
        for name in first.array_keys()
        for frame in range(0, frames, -(-frames // COMPARED))
    )


def show(rows: list[dict[str, Any]]) -> None:
    table = Table("frames", "way", "seconds", "Mpx/s", "largest process, MB", "same pixels")
    for row in rows:
        figures = f"{row['seconds']:.1f}", f"{row['pixels'] / 1e6 / row['seconds']:.2f}", f"{row['peak_mb']:.0f}"
        table.add_row(str(row["frames"]), row["way"], *figures, str(row["same"]))
    Console(width=100).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--frames", default="256,2048")
    parser.add_argument("--ways", default="core,part,1,2")
    parser.add_argument("--large", default="1,2")
    parser.add_argument("--folder", type=Path)
    args = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        folder = Path(name)
        for frames in map(int, args.frames.split(",")):
            image = folder / f"{frames}.ome.zarr"
            pixels, ways = make_image(image, frames), args.large if rows else args.ways
            first: Path | None = None
            for way in ways.split(","):
                output = folder / f"{frames}_{way}.ome.zarr"
                found = run(args.model, image, output, way)
                same = first is None or is_same(first, output)
                rows.append({"frames": frames, "pixels": pixels, "way": way, "same": same, **found})
                show(rows)
                if first is None:
                    first = output
                else:
                    shutil.rmtree(output)
            shutil.rmtree(image)
            if first is not None:
                shutil.rmtree(first)
    slopes, marginal = {}, {}
    for way in args.ways.split(","):
        mine = [row for row in rows if row["way"] == way]
        if len(mine) > 1:
            few, many = mine[0], mine[-1]
            slopes[way] = math.log(many["seconds"] / few["seconds"]) / math.log(many["pixels"] / few["pixels"])
            marginal[way] = (many["pixels"] - few["pixels"]) / 1e6 / (many["seconds"] - few["seconds"])
    results: dict[str, Any] = {"rows": rows, "slope": slopes, "marginal_mpx_per_s": marginal}
    print(json.dumps({"slope": slopes, "marginal": marginal}))
    settings = {"frames": args.frames, "side": SIDE, "model": args.model.name}
    print(write_result("scale", {"settings": settings, **results}))


if __name__ == "__main__":
    main()
