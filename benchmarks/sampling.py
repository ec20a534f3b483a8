"""Speed of drawing a noise image from DVLAE's noise decoder: cached, beside running the network again for every column.

``python benchmarks/sampling.py`` draws one 512 x 512 image both ways with the same random numbers, checks that they
agree, and prints seconds and the ratio. Weights are random: speed does not depend on them. ``--columns`` stops the
uncached loop early and scales its time up, for the larger presets.
"""

import argparse
import statistics
import time

import torch
from rich.console import Console
from rich.table import Table

from environment import write_result
from quietscope.main_memory import tune_allocator
from quietscope.methods.dvlae import DVLAESettings
from quietscope.nn.autoregressive import CausalNetwork
from quietscope.nn.hardware import place
from quietscope.nn.pixel_mixture import PixelMixture
from quietscope.nn.sampler import sample_causally
from quietscope.presets import find_preset

REPEATS = 3


def measure(preset: str, size: int, columns: int) -> dict[str, float]:
    settings = find_preset("dvlae", preset).network
    assert isinstance(settings, DVLAESettings)
    torch.manual_seed(0)
    network, width = CausalNetwork(settings.causal(1)).eval(), torch.ones(1)
    place(network, "cpu", 2)
    code = torch.randn(1, settings.code_channels, size, size)
    choice, noise = torch.rand(1, 1, size, size), torch.randn(1, 1, size, size)

    def mixture(out: torch.Tensor) -> PixelMixture:
        return PixelMixture.of(out, width)

    cached_seconds = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        cached = sample_causally(network, mixture, code, choice, noise)
        cached_seconds.append(time.perf_counter() - begin)
    x = torch.zeros_like(noise)
    begin = time.perf_counter()
    with torch.inference_mode():
        for t in range(columns):
            # All that a causal network can spare without a cache: what lies right of the pixel.
            seen = slice(0, t + 1)
            drawn = mixture(network(x[..., seen], code[..., seen])).sample(choice[..., seen], noise[..., seen])
            x[..., t] = drawn[..., t]
    uncached = time.perf_counter() - begin
    # Column t costs t + 1 columns, so the whole image costs this much more than the first columns.
    scale = size * (size + 1) / (columns * (columns + 1))
    cached_median = statistics.median(cached_seconds)
    return {
        "receptive_field": settings.causal(1).receptive_field,
        "cached_seconds": cached_median,
        "uncached_seconds": uncached * scale,
        "uncached_columns_run": columns,
        "ratio": uncached * scale / cached_median,
        "largest_difference": float((cached[..., :columns] - x[..., :columns]).abs().max()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--columns", type=int, help="columns of the uncached loop; default: all for fast, 128 else")
    parser.add_argument("--presets", default="fast,tutorial")
    args = parser.parse_args()
    tune_allocator()
    table = Table(title=f"Drawing one {args.size} x {args.size} noise image")
    for name in ("preset", "receptive field", "cached, s", "uncached, s", "ratio", "largest difference"):
        table.add_column(name, justify="right")
    rows = {}
    for preset in args.presets.split(","):
        columns = min(args.size, args.columns or (args.size if preset == "fast" else 128))
        row = rows[preset] = measure(preset, args.size, columns)
        table.add_row(
            preset,
            f"{row['receptive_field']}",
            f"{row['cached_seconds']:.2f}",
            f"{row['uncached_seconds']:.1f}",
            f"{row['ratio']:.0f}",
            f"{row['largest_difference']:.1e}",
        )
    Console().print(table)
    write_result("sampling", {"size": args.size, "presets": rows})


if __name__ == "__main__":
    main()
