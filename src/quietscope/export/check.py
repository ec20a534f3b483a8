"""Comparison of an exported file with the method that it was made from."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from quietscope.deploy.formats import open_session
from quietscope.errors import ExportError
from quietscope.export.graph import Graph
from quietscope.methods.abilities import respond
from quietscope.methods.base import Method

Run: TypeAlias = Callable[[Tensor, Sequence[Tensor]], list[np.ndarray]]
"""What answers an image and latent noise."""

TOLERANCE = 1e-3
"""Largest difference allowed, as a share of the intensity range of the output image."""

NUM_SIZES = 3
NUM_SAMPLES = (1, 3)
_MOST_MULTIPLES = 4
_MOST_SIDE = 192


def difference_from(method: Method, path: Path, seed: int = 0) -> float:
    """Measure how much the output of an exported file differs from the output of its method, both in float32.

    ``max |exported - PyTorch| / max(range, std)`` over the smallest image size and two random sizes; methods that
    sample are run with 1 and with 3 samples. range is the intensity range of the output image, std the standard
    deviation of the training images.

    Args:
        method: The method, in evaluation mode, on the CPU.
        path: The file.
        seed: Seed of sizes, pixels and noise.

    Returns:
        The largest difference; infinite if an output is not finite.
    """
    session = open_session(path, "cpu", precision="float32")
    names = Graph.of(method).output_names

    def run(x: Tensor, noise: Sequence[Tensor]) -> list[np.ndarray]:
        found = session.run(x.numpy(), [each.numpy() for each in noise])
        return [found[name] for name in names]

    return _largest_gap(method, run, seed)


def lower_difference(method: Method, seed: int = 0) -> float:
    """Measure, in the same way, how much bfloat16 differs from float32 in PyTorch on the CPU.

    Args:
        method: The method, in evaluation mode, on the CPU.
        seed: Seed of sizes, pixels and noise.

    Returns:
        The largest difference; infinite if an output is not finite.
    """

    def run(x: Tensor, noise: Sequence[Tensor]) -> list[np.ndarray]:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            return [answer.float().numpy() for answer in respond(method, x, noise).values()]

    return _largest_gap(method, run, seed)


def _largest_gap(method: Method, run: Run, seed: int) -> float:
    graph = Graph.of(method)
    rng = np.random.default_rng(seed)
    least = float(method.statistics.std.max())
    worst = 0.0
    for size in _sizes(graph, rng):
        for num_samples in NUM_SAMPLES if graph.latents else (1,):
            x, *noise = graph.example_inputs(size, num_samples, seed=int(rng.integers(2**31)))
            for wanted, found in zip(_answers(method, x, noise), run(x, noise), strict=True):
                gap = float(np.abs(found - wanted).max())
                worst = max(worst, gap / max(float(np.ptp(wanted)), least))
                if not np.isfinite(gap):
                    return float("inf")
    return worst


def check_difference(found: float, name: str) -> None:
    """Refuse a file whose output differs too much from its method's.

    Raises:
        ExportError: If the difference exceeds `TOLERANCE`.
    """
    if not found < TOLERANCE:
        raise ExportError(
            f"{name} to give what PyTorch gives, within {TOLERANCE:g} of the image's range",
            f"a difference of {found:.2g}; nothing was written",
            "export to another target, and please report it",
        )


def _sizes(graph: Graph, rng: np.random.Generator) -> list[tuple[int, ...]]:
    most = [max(1, min(_MOST_MULTIPLES, _MOST_SIDE // m)) for m in graph.size_multiple]
    drawn = [
        tuple(int(rng.integers(1, n + 1)) * m for n, m in zip(most, graph.size_multiple, strict=True))
        for _ in range(NUM_SIZES - 1)
    ]
    return [graph.size_multiple, *drawn]


@torch.inference_mode()
def _answers(method: Method, x: Tensor, noise: Sequence[Tensor]) -> list[np.ndarray]:
    return [answer.numpy() for answer in respond(method, x, noise).values()]
