"""A network that is truly blind at every pixel, and the noise model's posterior: does it beat hidden pixels?

Laine, Karras, Lehtinen, Aila, "High-Quality Self-Supervised Deep Image Denoising", NeurIPS 2019: four turns of one
U-Net whose convolutions look up only, shifted by a pixel, see everything but the pixel itself. They predict mean m and
variance p of the signal there, on the stabilised scale on which noise has a variance of 1, from all pixels at once:

    loss     = ((x - m)^2 / (1 + p) + log(1 + p)) / 2
    estimate = (p x + m) / (1 + p)

``python benchmarks/half_planes.py --data Confocal_FISH,w2s_ch0,Confocal_MICE --steps 300`` trains it for as many steps
as `noise2void n2v2`, of as many patches of the same size, and prints both beside `instant` and the noisy images. A step
of it costs four times as much or more: processor seconds are in the table.
"""

import argparse
import itertools
import time
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.nn import functional

from environment import write_result
from quality import DataSet, load
from quietscope import Denoiser
from quietscope.methods.instant import Instant
from yardstick import Row, score

N2V2 = "noise2void:n2v2"
PATCH, BATCH = 96, 4
MULTIPLE = 16
"""Sides of images are padded to this, for three halvings and the shift."""


class Upward(nn.Module):
    """A convolution that sees its own row and those above."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (B, C, Y, X)."""
        return functional.leaky_relu(self.convolution(functional.pad(x, (1, 1, 2, 0))), 0.1)


def lowered(x: Tensor) -> Tensor:
    """Shift an image down by one row, zeros above."""
    return functional.pad(x, (0, 0, 1, 0))[..., :-1, :]


class HalfPlane(nn.Module):
    """A U-Net of three halvings that sees the rows above alone."""

    def __init__(self, filters: int) -> None:
        super().__init__()
        sizes = [1, filters, 2 * filters, 4 * filters]
        pairs = itertools.pairwise(sizes)
        self.down = nn.ModuleList(nn.Sequential(Upward(a, b), Upward(b, b)) for a, b in pairs)
        self.bottom = nn.Sequential(Upward(4 * filters, 8 * filters), Upward(8 * filters, 4 * filters))
        self.up = nn.ModuleList(nn.Sequential(Upward(2 * n, n), Upward(n, max(n // 2, filters))) for n in sizes[:0:-1])

    def forward(self, x: Tensor) -> Tensor:
        """Return features (B, filters, Y, X) that have not seen their own row."""
        kept = []
        for block in self.down:
            x = block(x)
            kept.append(x)
            x = functional.max_pool2d(lowered(x), 2)  # without the shift a row would see the one below
        x = self.bottom(x)
        for block, skip in zip(self.up, kept[::-1], strict=True):
            x = block(torch.cat((functional.interpolate(x, scale_factor=2.0), skip), dim=1))
        return lowered(x)


class BlindSpotNet(nn.Module):
    """Mean and log variance at every pixel, from all pixels but itself."""

    def __init__(self, filters: int) -> None:
        super().__init__()
        self.half_plane = HalfPlane(filters)
        self.head = nn.Sequential(
            nn.Conv2d(4 * filters, 2 * filters, 1), nn.LeakyReLU(0.1), nn.Conv2d(2 * filters, 2, 1)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Predict at every pixel of squares (B, 1, N, N)."""
        turns = [torch.rot90(self.half_plane(torch.rot90(x, k, (-2, -1))), -k, (-2, -1)) for k in range(4)]
        mean, log_variance = self.head(torch.cat(turns, dim=1)).chunk(2, dim=1)
        return mean, log_variance.clamp(-8.0, 8.0)


def check_blind(network: BlindSpotNet) -> None:
    """Assert that no prediction depends on its own pixel."""
    x = torch.randn(1, 1, 32, 32, requires_grad=True)
    mean, log_variance = network(x)
    for y, at in ((16, 16), (5, 20), (31, 0)):
        (slope,) = torch.autograd.grad((mean + log_variance)[0, 0, y, at], x, retain_graph=True)
        assert slope[0, 0, y, at] == 0.0, (y, at)
        assert slope.abs().sum() > 0.0


def scale_of(data: DataSet, args: argparse.Namespace) -> Instant:
    """Return the way to the stabilised scale and back, as `instant` has it before its curve has learnt."""
    denoiser = Denoiser(method="instant", steps=1, seed=args.seed, training={"learning_rate": 1e-9})
    denoiser.fit(np.asarray(data.train[0]), axes="QYX", progress=False)
    assert isinstance(denoiser.method, Instant)
    return denoiser.method.eval()


def fit(data: DataSet, scale: Instant, args: argparse.Namespace) -> BlindSpotNet:
    """Train on random patches, turned and flipped, with Adam and one cycle of the rate."""
    torch.manual_seed(args.seed)
    network, rng = BlindSpotNet(args.filters), np.random.default_rng(args.seed)
    check_blind(network)
    with torch.no_grad():
        frames = scale.to_network(torch.from_numpy(np.asarray(data.train[0], np.float32))[:, None])
    optimiser = torch.optim.Adam(network.parameters(), lr=args.rate, betas=(0.9, 0.99))
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, args.rate, args.steps, pct_start=0.3)
    for step in range(args.steps):
        x = torch.stack([_patch(rng, frames) for _ in range(BATCH)])
        mean, log_variance = network(x)
        total = 1.0 + log_variance.exp()
        loss = 0.5 * ((x - mean).square() / total + total.log()).mean()
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        rate.step()
        if step % 50 == 0:
            print(f"half planes: step {step}, loss {float(loss):.3f}", flush=True)
    return network.eval()


def _patch(rng: np.random.Generator, frames: Tensor) -> Tensor:
    n, y, x = (int(rng.integers(0, size)) for size in (len(frames), *(s - PATCH + 1 for s in frames.shape[-2:])))
    patch = torch.rot90(frames[n, :, y : y + PATCH, x : x + PATCH], int(rng.integers(4)), (-2, -1))
    return patch.flip(-1) if rng.integers(2) else patch


@torch.no_grad()
def predict(network: BlindSpotNet, scale: Instant, noisy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the prediction of the blind network, and the posterior's mean."""
    x = scale.to_network(torch.from_numpy(noisy.astype(np.float32))[None, None])
    rows, columns = x.shape[-2:]
    side = -(-max(rows, columns) // MULTIPLE) * MULTIPLE
    padded = functional.pad(
        x, (0, side - columns, 0, side - rows), mode="reflect" if side < 2 * min(rows, columns) else "replicate"
    )
    mean, log_variance = (each[..., :rows, :columns] for each in network(padded))
    p = log_variance.exp()
    both = (mean, (p * x + mean) / (1.0 + p))
    blind, posterior = (scale.to_intensity(each)[0, 0].numpy() for each in both)
    return blind, posterior


def measure(name: str, args: argparse.Namespace) -> dict[str, Row]:
    data = load(name, args.fields)
    rows = {"noisy": Row(score(data.noisy, data.clean))}
    for choice in ("instant:fast", N2V2):
        method, preset = choice.split(":")
        begin = time.process_time()
        steps = args.steps if choice == N2V2 else None
        denoiser = Denoiser(
            method=method, preset=preset, steps=steps, seed=args.seed, training={"precision": "float32"}
        )
        denoiser.fit(
            data.noisy if choice != N2V2 else data.train, axes="YX" if choice != N2V2 else "QYX", progress=False
        )
        seconds = time.process_time() - begin
        rows[choice] = Row(
            score([denoiser.denoise(x, axes="YX").mean for x in data.noisy], data.clean), {"cpu_seconds": seconds}
        )
    scale = scale_of(data, args)
    begin = time.process_time()
    network = fit(data, scale, args)
    seconds = time.process_time() - begin
    results = [predict(network, scale, x) for x in data.noisy]
    for line, images in zip(("half planes, blind", "half planes, posterior"), zip(*results, strict=True), strict=True):
        rows[line] = Row(score(list(images), data.clean), {"cpu_seconds": seconds})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="Confocal_FISH,w2s_ch0,Confocal_MICE", help="sets, comma-separated")
    parser.add_argument("--fields", type=int, default=4, help="evaluation fields")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--rate", type=float, default=1e-3, help="highest learning rate; 3e-3 diverges")
    parser.add_argument("--filters", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--name", default="half_planes")
    args = parser.parse_args()
    found: dict[str, Any] = {}
    for name in args.data.split(","):
        rows = measure(name, args)
        found[name] = {line: {**row.scores, **row.details} for line, row in rows.items()}
        table = Table("", "PSNR / dB", "after affine fit / dB", "SSIM", "CPU s", title=f"{name}, {args.steps} steps")
        for line, row in rows.items():
            s = row.scores
            used = f"{row.details.get('cpu_seconds', float('nan')):.0f}"
            table.add_row(line, f"{s['psnr']:.2f}", f"{s['psnr_affine']:.2f}", f"{s['ssim']:.4f}", used)
        Console().print(table)
        print(write_result(args.name, {"settings": vars(args), "scores": found}))


if __name__ == "__main__":
    main()
