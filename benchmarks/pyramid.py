"""Writing of large results: time and memory with and without a pyramid, at two sizes, in the formats that have one.

A volume of cubic voxels passes by as a prediction gives it: plane by plane, in tiles that are no multiple of the
chunks. Nothing is computed, so that all of the time is writing. Every run has a process of its own; "disk" is the same
bytes written into one file and flushed, which is what there is to be had.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from environment import write_result
from quietscope.io import Storage, open_writer
from quietscope.main_memory import tune_allocator

SIDE, TILE = 2048, 1000
VOXEL_UM = {"Z": 0.2, "Y": 0.2, "X": 0.2}
KINDS: dict[str, tuple[str, Storage] | None] = {
    "disk": None,
    "zarr, one level": ("ome.zarr", Storage(pyramid=False)),
    "zarr, pyramid": ("ome.zarr", Storage()),
    "zarr, pyramid in shards": ("ome.zarr", Storage(shard=True)),
    "ome-tiff, pyramid, zstd": ("ome.tif", Storage(pyramid=True, compression="zstd")),
}


def planes(number: int) -> Iterator[npt.NDArray[np.float32]]:
    """Yield planes like those of a denoised volume: smooth, and different from each other in every pixel."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32) / 40
    base = 200 + 80 * np.sin(x) * np.cos(y) + np.random.default_rng(0).normal(0, 0.5, (SIDE, SIDE)).astype(np.float32)
    for z in range(number):
        yield np.roll(base, 7 * z, axis=1)


def tiles() -> Iterator[tuple[slice, slice]]:
    """Yield the places of the tiles of a plane, row by row."""
    for top in range(0, SIDE, TILE):
        for left in range(0, SIDE, TILE):
            yield slice(top, min(top + TILE, SIDE)), slice(left, min(left + TILE, SIDE))


def peak_mib() -> float:
    """Return the most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(name: str, gigabytes: float, folder: Path) -> dict[str, Any]:
    """Write one volume, and return what it took."""
    tune_allocator()
    number = round(gigabytes * 2**30 / (4 * SIDE * SIDE))
    for _ in planes(1):  # so that what it takes to make planes is there already
        before = peak_mib()
    kind, worked = KINDS[name], time.process_time()
    begin = time.perf_counter()
    if kind is None:
        with (folder / "raw").open("wb") as file:
            for plane in planes(number):
                file.write(plane.tobytes())
            file.flush()
            os.fsync(file.fileno())
    else:
        ending, storage = kind
        path = folder / f"a.{ending}"
        shape = (number, SIDE, SIDE)
        with open_writer(path, shape, np.float32, "ZYX", pixel_size_um=VOXEL_UM, storage=storage) as writer:
            for z, plane in enumerate(planes(number)):
                for rows, columns in tiles():
                    writer[z, rows, columns] = plane[rows, columns]
    seconds, most = time.perf_counter() - begin, peak_mib()  # before a list of thousands of files is made
    files = [each for each in folder.rglob("*") if each.is_file()]
    return {
        "kind": name,
        "gigabytes": gigabytes,
        "voxels": number * SIDE * SIDE,
        "seconds": seconds,
        "cpu_seconds": time.process_time() - worked,  # the same on a machine with nothing else to do
        "peak_mib": most - before,
        "program_mib": before,
        "files": len(files),
        "bytes_on_disk": sum(each.stat().st_size for each in files),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", nargs="+", type=float, default=[0.5, 2.0], help="sizes of the volumes")
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--name", default="pyramid")
    parser.add_argument("--one", nargs=3, default=None, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one is not None:
        name, size, folder = args.one
        print(json.dumps(measure(name, float(size), Path(folder))))
        return
    runs = []
    for size in args.gigabytes:
        for kind in args.kinds:
            with tempfile.TemporaryDirectory() as folder:
                command = [sys.executable, __file__, "--one", kind, str(size), folder]
                runs.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    table = Table("what", "GB", "s", "of CPU", "Mpx/s", "peak / MiB above the program", "files", "MB on disk")
    for row in runs:
        figures = [f"{row['seconds']:.1f}", f"{row['cpu_seconds']:.1f}", f"{row['voxels'] / 1e6 / row['seconds']:.1f}"]
        sizes = [f"{row['peak_mib']:.0f}", f"{row['files']:,}", f"{row['bytes_on_disk'] / 1e6:,.0f}"]
        table.add_row(row["kind"], f"{row['gigabytes']:g}", *figures, *sizes)
    Console().print(table)
    print(write_result(args.name, {"side": SIDE, "tile": TILE, "dtype": "float32", "runs": runs}))


if __name__ == "__main__":
    main()
