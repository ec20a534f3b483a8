"""Megapixels per second of a direct denoiser in int8, from OME-Zarr to OME-Zarr with a pyramid, beside what others do.

``python benchmarks/throughput.py --model quick_int8/ --frames 256`` makes a time series of 1024 x 1024 pixels out of
the noisy W2S images and denoises it, with as many processes or threads as ``--cores``, each of one thread:

* "quietscope": `predict --workers`, all included: start of the processes, pyramid, verdict;
* "map_overlap": the same exported model in a plain `dask.array.map_overlap` with a halo of 32 pixels, Zarr to Zarr,
  without a pyramid or a verdict, on threads; the model is opened before the clock starts;
* "careamics": tiled prediction of CAREamics with a Noise2Void U-Net of about as many weights, on `--few` frames that
  are in memory, into memory (`--careamics PYTHON`, an interpreter that has it; left out without one).

Seconds are by the clock and of processor time, of all processes. Shares of reading, computing, judging and writing are
those of one process that does chunks one after another, in processor time of each stage.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from environment import write_result
from scale import SIDE, make_image

HALO = 32
CAREAMICS = Path(__file__).with_name("careamics_tiles.py")


@contextmanager
def clocked(row: dict[str, Any]) -> Iterator[None]:
    """Write down the seconds of a block, of all processes that it starts and waits for."""

    def used() -> float:
        both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return sum(each.ru_utime + each.ru_stime for each in both)

    begin, processor = time.perf_counter(), used()
    yield
    row.update(seconds=time.perf_counter() - begin, cpu_seconds=used() - processor)


def ours(model: Path, image: Path, output: Path, cores: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "quietscope", "predict", str(model), str(image), "-o", str(output)]
    row: dict[str, Any] = {"way": "quietscope"}
    with clocked(row):
        done = subprocess.run(
            [*command, "--workers", str(cores), "--overwrite"],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            check=False,
            capture_output=True,
        )
    assert done.returncode in (0, 3), done.stderr.decode()
    return row


def overlapped(model: Path, image: Path, output: Path, cores: int) -> dict[str, Any]:
    """A plain map over blocks with a halo."""
    import dask.array
    import zarr

    from quietscope.deploy import model_in, open_session

    os.environ["OMP_NUM_THREADS"] = "1"
    session = open_session(model_in(model), None)

    def denoise(block: np.ndarray) -> np.ndarray:
        if not block.size:
            return block.astype(np.float32)
        made: np.ndarray = session.run(block[None].astype(np.float32))["denoised"][0]
        return made

    noisy = dask.array.from_array(zarr.open_group(str(image), mode="r")["0"], chunks=(1, SIDE, SIDE))
    made = noisy.map_overlap(
        denoise, depth=(0, HALO, HALO), boundary="none", dtype=np.float32, meta=np.empty((0, 0, 0))
    )
    sink = zarr.create_array(str(output), shape=noisy.shape, dtype="float32", chunks=(1, 512, 512), overwrite=True)
    row: dict[str, Any] = {"way": "map_overlap"}
    with clocked(row):
        dask.array.store(made, sink, scheduler="threads", num_workers=cores, lock=False)
    return row


def careamics(python: str, image: Path, few: int, cores: int) -> dict[str, Any]:
    done = subprocess.run(
        [python, str(CAREAMICS), str(image / "0"), str(few)],
        env={**os.environ, "OMP_NUM_THREADS": str(cores), "PYTHONPATH": ""},
        check=True,
        capture_output=True,
    )
    return {"way": "careamics", **json.loads(done.stdout.splitlines()[-1])}


def stages(model: Path, image: Path, folder: Path) -> dict[str, float]:
    """Return the share of each stage in the processor time of one process."""
    from quietscope import run
    from quietscope.deploy.openvino import OpenVINOSession
    from quietscope.io.held import HeldArray
    from quietscope.io.shared_result import SharedResult
    from quietscope.pipeline.chunks.chunk_judge import ChunkJudge
    from quietscope.pipeline.chunks.chunk_planning import plan_chunks
    from quietscope.pipeline.chunks.sharing import Sharing

    spent: defaultdict[str, float] = defaultdict(float)

    def timed(kind: type, name: str, stage: str) -> None:
        original: Callable[..., Any] = getattr(kind, name)

        def wrapped(*args: Any, **options: Any) -> Any:
            begin = time.thread_time()
            try:
                return original(*args, **options)
            finally:
                spent[stage] += time.thread_time() - begin

        setattr(kind, name, wrapped)

    plan = plan_chunks(model, image, folder / "stages.ome.zarr", Sharing(part=(1, 1)))
    timed(HeldArray, "fetch", "reading")
    timed(OpenVINOSession, "_compute", "computing")
    timed(ChunkJudge, "judged", "judging")
    timed(SharedResult, "__setitem__", "writing")
    begin = time.process_time()
    run(plan)
    total = time.process_time() - begin
    shares = {name: each / total for name, each in spent.items()}
    return {**shares, "codecs, start and the rest": 1.0 - sum(shares.values())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=256)
    parser.add_argument("--few", type=int, default=8)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--careamics", default="")
    parser.add_argument("--folder", type=Path)
    args = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        folder = Path(name)
        image = folder / "noisy.ome.zarr"
        pixels = make_image(image, args.frames)
        for number in range(args.rounds):
            found = [ours(args.model, image, folder / "ours.ome.zarr", args.cores)]
            found += [overlapped(args.model, image, folder / "overlap.zarr", args.cores)]
            if args.careamics:
                found += [careamics(args.careamics, image, args.few, args.cores)]
            for row in found:
                mine = args.few * SIDE * SIDE if row["way"] == "careamics" else pixels
                rows.append({**row, "round": number, "mpx_per_s": mine / 1e6 / row["seconds"], "pixels": mine})
            shutil.rmtree(folder / "ours.ome.zarr")
            show(rows)
        shares = stages(args.model, image, folder)
    print(json.dumps(shares))
    settings = {"frames": args.frames, "side": SIDE, "cores": args.cores}
    print(write_result("throughput", {"settings": settings, "rows": rows, "stages": shares}))


def show(rows: list[dict[str, Any]]) -> None:
    table = Table("round", "way", "seconds", "Mpx/s", "processor time, s per Mpx", "weights")
    for row in rows:
        figures = f"{row['seconds']:.1f}", f"{row['mpx_per_s']:.2f}", f"{row['cpu_seconds'] / row['pixels'] * 1e6:.3f}"
        table.add_row(str(row["round"]), row["way"], *figures, str(row.get("weights", "")))
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
