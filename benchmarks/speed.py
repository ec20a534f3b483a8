"""Speed of training and of posterior sampling, each variant beside the float32 eager yardstick of the same run.

Absolute times depend on the machine and its neighbours; variants are timed in turns and compared by medians. The
yardstick already has the allocator setting that QuietScope applies, so no speed-up here comes from a crippled baseline.
"""

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from environment import write_result
from quietscope.data.normalize import Statistics
from quietscope.main_memory import tune_allocator
from quietscope.methods import METHODS
from quietscope.methods.hdn import HDN
from quietscope.nn.hardware import best_device, place
from quietscope.noise import PoissonGaussian
from quietscope.prediction import predict_frame
from quietscope.presets import Configuration, find_preset
from quietscope.tiling.request import Request

SIZE = 512


@dataclass(frozen=True)
class Variant:
    """How to run: precision, memory format, compiled or not."""

    name: str
    bf16: bool
    channels_last: bool
    compiled: bool = False


YARDSTICK = Variant("float32 eager", bf16=False, channels_last=False)
VARIANTS = (
    YARDSTICK,
    Variant("float32 channels_last", bf16=False, channels_last=True),
    Variant("bfloat16 channels_last", bf16=True, channels_last=True),
)
COMPILED = Variant("bfloat16 channels_last compiled", bf16=True, channels_last=True, compiled=True)


def build(preset: str, variant: Variant, device: torch.device) -> HDN:
    torch.manual_seed(0)
    configuration = Configuration.of({"preset": preset})
    statistics = Statistics(torch.tensor([1000.0]), torch.tensor([300.0]))
    noise = PoissonGaussian(gain=10.0, offset=100.0, read_noise=5.0)
    method = METHODS["hdn"].build(configuration.method_settings(), statistics, [noise])
    assert isinstance(method, HDN)
    if variant.channels_last:
        place(method, device, 2)
    return method.to(device)


def images(count: int, size: int, device: torch.device) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return (1000 + 300 * torch.randn(count, 1, size, size, generator=generator)).to(device)


def training_step(preset: str, variant: Variant, batch: int, device: torch.device) -> Callable[[], None]:
    method = build(preset, variant, device).train()
    optimizer = torch.optim.AdamW(method.parameters(), lr=1e-5)
    patches = images(batch, find_preset("hdn", preset).training.patch, device)
    loss = torch.compile(method.loss) if variant.compiled else method.loss

    def step() -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=variant.bf16):
            total = loss(patches).total
        torch.autograd.backward(total)
        torch.nn.utils.clip_grad_norm_(method.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        _settle(device)

    return step


def decoding(preset: str, variant: Variant, device: torch.device) -> tuple[Callable[[], None], Callable[[], None]]:
    method = build(preset, variant, device).eval()
    x = images(1, SIZE, device)
    noise = [
        torch.randn(1, spec.channels, *(SIZE // r for r in spec.reduction), device=device) for spec in method.latents()
    ]
    decode = torch.compile(method.decode) if variant.compiled else method.decode

    def passing(encode_first: bool) -> Callable[[], None]:
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=variant.bf16):
            encoding = method.encode(x)

        def one() -> None:
            with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=variant.bf16):
                decode(method.encode(x) if encode_first else encoding, noise)
            _settle(device)

        return one

    return passing(False), passing(True)


def interleaved(runs: dict[str, Callable[[], None]], seconds: float) -> dict[str, float]:
    """Return the median seconds of each run, timed in turns until the time is up, at least three times each."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or min(len(t) for t in times.values()) < 3:
        for name, run in runs.items():
            begin = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - begin)
    return {name: median(values) for name, values in times.items()}


def mmse(preset: str, num_samples: int, device: torch.device) -> float:
    """Return the seconds of `predict_frame`, noise and statistics included."""
    method = build(preset, VARIANTS[-1], device)
    frame = images(1, SIZE, device)[0].cpu().numpy()
    predict_frame(method, frame, request=Request(num_samples=1, precision="auto"), device=device)
    begin = time.perf_counter()
    predict_frame(method, frame, request=Request(num_samples=num_samples, precision="auto"), device=device)
    return time.perf_counter() - begin


def peak_memory(preset: str, num_samples: int) -> float:
    """Return the peak resident MiB of a process of its own that draws so many samples."""
    command = [sys.executable, __file__, "--peak-memory-of", preset, str(num_samples)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def measure(preset: str, args: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    variants = (*VARIANTS, COMPILED) if args.compile else VARIANTS
    batch = args.batch or min(find_preset("hdn", preset).training.batch_size, 64 if device.type == "cuda" else 16)
    steps = {v.name: training_step(preset, v, batch, device) for v in variants}
    training = {name: batch / seconds for name, seconds in interleaved(steps, args.seconds).items()}
    pairs = {v.name: decoding(preset, v, device) for v in variants}
    sampling = interleaved({name: decode for name, (decode, _) in pairs.items()}, args.seconds)
    full = interleaved({name: whole for name, (_, whole) in pairs.items()}, args.seconds)
    best = VARIANTS[-1].name
    result: dict[str, Any] = {
        "batch": batch,
        "patches_per_second": training,
        "ms_per_sample": {name: 1000 * seconds for name, seconds in sampling.items()},
        "ms_per_full_pass": {name: 1000 * seconds for name, seconds in full.items()},
        "mmse_50_seconds": mmse(preset, 50, device),
        "50_full_passes_seconds": 50 * full[best],
        "50_full_passes_float32_seconds": 50 * full[YARDSTICK.name],
    }
    if device.type == "cpu":
        result["peak_mib"] = {str(n): peak_memory(preset, n) for n in (2, 20)}
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--presets", nargs="+", default=["fast", "paper"])
    parser.add_argument("--seconds", type=float, default=20, help="time budget of each comparison")
    parser.add_argument("--batch", type=int, default=None)
    parser.add_argument("--compile", action="store_true", help="also time torch.compile")
    parser.add_argument("--name", default="speed")
    parser.add_argument("--peak-memory-of", nargs=2, default=None, help=argparse.SUPPRESS)
    args = parser.parse_args()
    tune_allocator()
    device = best_device()
    if args.peak_memory_of:
        preset, num_samples = args.peak_memory_of
        mmse(preset, int(num_samples), device)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    results = {preset: measure(preset, args, device) for preset in args.presets}
    table = Table("preset", "variant", "training patches / s", "", "ms per 512x512 sample", "", title=str(device))
    for preset, result in results.items():
        rate, ms = result["patches_per_second"], result["ms_per_sample"]
        for name in rate:
            gain, faster = rate[name] / rate[YARDSTICK.name], ms[YARDSTICK.name] / ms[name]
            table.add_row(preset, name, f"{rate[name]:.1f}", f"x {gain:.2f}", f"{ms[name]:.0f}", f"x {faster:.2f}")
    console = Console()
    console.print(table)
    for preset, result in results.items():
        console.print(
            f"{preset}: mean of 50 samples {result['mmse_50_seconds']:.1f} s; 50 full passes "
            f"{result['50_full_passes_seconds']:.1f} s "
            f"(float32 eager {result['50_full_passes_float32_seconds']:.1f} s); "
            f"peak memory in MiB by number of samples: {result.get('peak_mib')}"
        )
    print(write_result(args.name, {"seconds": args.seconds, "results": results}))


def _settle(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
