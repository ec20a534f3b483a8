"""Peak memory of a mean of few and of many samples: streaming must make no difference.

Each runs in a process of its own, on the same image and in the same tiles, with an untrained network of preset `fast`:
what it has learnt does not change what it needs.
"""

import argparse
import resource
import subprocess
import sys
import time
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from environment import write_result
from quietscope.data.normalize import Statistics
from quietscope.main_memory import tune_allocator
from quietscope.methods import METHODS
from quietscope.nn.hardware import place
from quietscope.noise import PoissonGaussian
from quietscope.prediction import predict_frame
from quietscope.presets import Configuration
from quietscope.tiling.request import Request
from quietscope.tiling.spec import TileSpec

SIZE, TILE = 1024, 1024


def predict(num_samples: int, kinds: tuple[str, ...]) -> None:
    torch.manual_seed(0)
    configuration = Configuration.of({"preset": "fast"})
    statistics = Statistics(torch.tensor([1000.0]), torch.tensor([300.0]))
    noise = PoissonGaussian(gain=10.0, offset=100.0, read_noise=5.0)
    method = METHODS["hdn"].build(configuration.method_settings(), statistics, [noise])
    place(method, "cpu", 2)
    frame = np.random.default_rng(0).normal(1000, 300, (1, SIZE, SIZE)).astype(np.float32)
    request = Request(num_samples=num_samples, precision="auto", tile=TileSpec.of(method, TILE))
    predict_frame(method, frame, kinds=kinds, request=request, device="cpu")


def measure(num_samples: int, kinds: str) -> dict[str, float]:
    """Return peak resident MiB and seconds of a process of its own."""
    begin = time.perf_counter()
    command = [sys.executable, __file__, "--of", str(num_samples), "--kinds", kinds]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {"peak_mib": float(output.split()[-1]), "seconds": time.perf_counter() - begin}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", nargs=2, type=int, default=[10, 1000], metavar=("FEW", "MANY"))
    parser.add_argument("--kinds", default="mean", help="what to estimate, separated by commas")
    parser.add_argument("--name", default="memory")
    parser.add_argument("--of", type=int, default=None, help=argparse.SUPPRESS)
    args = parser.parse_args()
    tune_allocator()
    if args.of is not None:
        predict(args.of, tuple(args.kinds.split(",")))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    found: dict[str, dict[str, float]] = {str(n): measure(n, args.kinds) for n in args.samples}
    few, many = (found[str(n)]["peak_mib"] for n in args.samples)
    table = Table("samples", "peak / MiB", "seconds", title=f"{args.kinds} of a {SIZE} x {SIZE} image")
    for number, row in found.items():
        table.add_row(number, f"{row['peak_mib']:.0f}", f"{row['seconds']:.0f}")
    Console().print(table)
    print(f"ratio {many / few:.3f}")
    payload: dict[str, Any] = {"size": SIZE, "tile": TILE, "kinds": args.kinds, "runs": found, "ratio": many / few}
    print(write_result(args.name, payload))


if __name__ == "__main__":
    main()
