"""Train the denoiser of Gaussian noise that comes with the package, from nothing or from given weights, and measure it.

It learns from natural images with Gaussian noise of many levels, and from scenes that a procedure made (`scenes`), with
Gaussian noise and with photon noise on its stabilised scale; noise of some is correlated along rows, which the network
is told. No microscope's recording is among them: the sets that the method `instant` is judged on were never seen. The
same arguments give the same data; a run that was stopped goes on from its last state. Weights are averaged
exponentially, written in half precision.

The weights that come with the package are those of three runs, each from the weights before: 5,000 steps of 8 patches
of 72 pixels with white noise alone, from nothing (rate 1e-3); 15,000 in bfloat16, 40 % natural images (6e-4); 4,000
with the shares below (2e-4). `results/unit_noise.json` has what each took and gave.
"""

import argparse
import math
import time
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from scipy.signal import fftconvolve
from skimage.metrics import peak_signal_noise_ratio
from tifffile import imread
from torch import Tensor, nn

from environment import data_folder, write_result
from quietscope.nn.unit_noise import LAGS, UnitNoiseNet, UnitNoiseShape
from scenes import Image, scene

PATCH, BATCH, POOL, SIZE = 96, 6, 256, 192
NATURAL, PHOTONS, CORRELATED = 0.3, 0.4, 0.45
WHITE = (0.0,) * len(LAGS)
KNOTS, DRAWS = 40, 3000
LAST = 0.1

Told: TypeAlias = tuple[float, ...]


class Patches:
    """Pairs of noisy and clean patches on a scale where the noise has standard deviation 1.

    Args:
        natural: Natural images (N, Y, X), 0 to 255.
        seed: Seed of everything drawn.
    """

    def __init__(self, natural: Image, seed: int) -> None:
        self.natural = natural
        self.rng = np.random.default_rng(seed)
        self.pool = [scene(self.rng, SIZE) for _ in range(POOL)]

    def batch(self) -> tuple[Tensor, Tensor, Tensor]:
        """Draw noisy and clean patches, (B, 1, P, P) each, the mean of every noisy patch subtracted; correlation."""
        self.pool[self.rng.integers(POOL)] = scene(self.rng, SIZE)
        pairs = [self._pair() for _ in range(BATCH)]
        noisy, clean, correlation = (
            torch.from_numpy(np.stack(part).astype(np.float32)) for part in zip(*pairs, strict=True)
        )
        # The method subtracts the mean of the whole image, which is not that of the patch.
        mean = noisy.mean(dim=(1, 2), keepdim=True) + torch.randn(BATCH, 1, 1)
        return (noisy - mean)[:, None], (clean - mean)[:, None], correlation

    def _pair(self) -> tuple[Image, Image, Told]:
        rng, kind = self.rng, self.rng.random()
        if kind < NATURAL:
            image = self.natural[rng.integers(len(self.natural))]
            image = image if rng.random() < 0.7 else _reduced(image)
            clean = self._crop(image) / 255 * _log_uniform(rng, 255 / 90, 255 / 3)
        else:
            patch = self._crop(self.pool[rng.integers(POOL)])
            if kind < NATURAL + PHOTONS:
                return _photons(rng, patch)
            clean = patch ** rng.uniform(0.5, 1.0) * _log_uniform(rng, 1.5, 80)
        noise, told = _rows(rng, PATCH) if rng.random() < CORRELATED else (rng.normal(size=clean.shape), WHITE)
        return clean + noise, clean, told

    def _crop(self, image: Image) -> Image:
        rng = self.rng
        side = min(PATCH, *image.shape)
        y, x = (int(rng.integers(0, length - side + 1)) for length in image.shape)
        patch = np.rot90(image[y : y + side, x : x + side], int(rng.integers(4)))
        patch = patch if rng.random() < 0.5 else patch[:, ::-1]
        return np.asarray(np.pad(patch, (0, PATCH - side), mode="reflect"), np.float32)


def _reduced(image: Image) -> Image:
    """Average blocks of 2 x 2 pixels."""
    even: Image = image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2]
    return np.asarray(even.reshape(even.shape[0] // 2, 2, -1, 2).mean(axis=(1, 3)))


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _rows(rng: np.random.Generator, side: int) -> tuple[Image, Told]:
    """Draw noise of variance 1 of which a share is correlated along rows; noise, and its correlation as it is told."""
    share, far = (rng.uniform(0, 0.95) if rng.random() < 0.7 else _log_uniform(rng, 0.01, 0.2)), np.arange(4 * side)
    kind, reach = rng.integers(4), _log_uniform(rng, 0.4, 20)
    kernel = (
        np.exp(-far / reach),
        np.exp(-np.square((far - 2 * side) / (0.5 * reach)) / 2),
        (far < 1 + reach).astype(float),
        np.ones(4 * side),  # whole rows are shifted
    )[kind]
    kernel = kernel / np.sqrt(np.square(kernel).sum())
    long = rng.normal(size=(side, 5 * side))
    if kind == 3:
        share *= 0.6
        smear = np.repeat(long[:, :1], side, axis=1)
    else:
        smear = fftconvolve(long, kernel[None], mode="valid", axes=1)[:, :side]
    white = rng.normal(size=(side, side))
    told = [share * float((kernel[lag:] * kernel[:-lag]).sum()) for lag in LAGS]
    told = list(np.array(told) + rng.normal(0, 0.01, len(LAGS)))
    return np.sqrt(share) * smear + np.sqrt(1 - share) * white, tuple(told)


def _photons(rng: np.random.Generator, patch: Image) -> tuple[Image, Image, Told]:
    """Expose a scene to few or many photons, and stabilise what a camera made of them.

    The signal of every pixel is the mean of the stabilised values that it causes, which is what a network learns. A
    detector that is slow hands on a share of the noise to the next pixel of the row.
    """
    signal = _log_uniform(rng, 0.03, 15) + patch * _log_uniform(rng, 2, 600)
    multiplied = rng.random() < 0.5
    excess, read = (2.0 if multiplied else 1.0), _log_uniform(rng, 0.01, 5)

    def observed(s: NDArray[np.floating]) -> NDArray[np.float64]:
        counts = rng.poisson(s).astype(float)
        counts = rng.gamma(np.maximum(counts, 1e-12)) * (counts > 0) if multiplied else counts
        x = counts + np.sqrt(read) * rng.normal(size=s.shape)
        return np.asarray(2 / excess * np.sqrt(np.maximum(excess * x + 0.375 * excess**2 + read, 0)))

    knots = np.linspace(np.sqrt(signal.min()), np.sqrt(signal.max()), KNOTS) ** 2
    mean = observed(np.repeat(knots[:, None], DRAWS, axis=1)).mean(axis=1)
    clean = np.interp(signal, knots, mean)
    handed_on = _log_uniform(rng, 0.01, 0.3) if rng.random() < CORRELATED else 0.0
    noise = observed(signal) - clean
    noise = (noise + handed_on * np.roll(noise, 1, axis=1)) / np.sqrt(1 + handed_on**2)
    told = (handed_on / (1 + handed_on**2), *WHITE[1:])
    return (clean + noise).astype(np.float32), clean.astype(np.float32), told


def _loss(out: Tensor, log_variance: Tensor, clean: Tensor) -> Tensor:
    """Mean of the patches' root mean squared errors: dim and bright images weigh about alike; and of the variance.

    The variance's share is the negative log-likelihood of the errors as a normal density, whose expectation is least
    at the mean squared error. It has layers of its own, which pass no gradients on.
    """
    square = (out - clean).square()
    surprise = 0.5 * (square.detach() * (-log_variance).exp() + log_variance).mean()
    return torch.sqrt(square.mean(dim=(1, 2, 3)) + 1e-4).mean() + surprise


def _rate(step: int, steps: int, peak: float) -> float:
    warm = min(1.0, (step + 1) / 100)
    return warm * peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * step / steps)))


def train(arguments: argparse.Namespace, state_file: Path) -> UnitNoiseNet:
    """Train, or go on with training, and return the averaged network."""
    torch.manual_seed(arguments.seed)
    net, average = (UnitNoiseNet(UnitNoiseShape()) for _ in range(2))
    if arguments.start is not None:
        net.load_state_dict({name: value.float() for name, value in load_file(arguments.start).items()}, strict=False)
    average.load_state_dict(net.state_dict())
    optimiser = torch.optim.AdamW(net.parameters(), lr=arguments.rate, weight_decay=1e-4)
    first = 0
    if state_file.exists():
        state = torch.load(state_file, weights_only=True)
        net.load_state_dict(state["net"])
        average.load_state_dict(state["average"])
        optimiser.load_state_dict(state["optimiser"])
        first = state["step"]
    natural = np.asarray(imread(data_folder() / "natural" / "train400.tif"), np.float32)
    patches = Patches(natural, arguments.seed + first)
    start, seen = time.process_time(), []
    for step in range(first, arguments.steps):
        noisy, clean, correlation = patches.batch()
        for group in optimiser.param_groups:
            group["lr"] = _rate(step, arguments.steps, arguments.rate)
        coarse = arguments.bfloat16 and step < (1 - LAST) * arguments.steps
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=coarse):
            out, log_variance = net.moments(noisy.to(memory_format=torch.channels_last), correlation)
        loss = _loss(out, log_variance, clean)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        decay = min(0.999, (step + 1) / (step + 10))
        with torch.no_grad():
            for kept, new in zip(average.parameters(), net.parameters(), strict=True):
                kept.lerp_(new, 1 - decay)
        seen.append(float(loss.detach()))
        if (step + 1) % 100 == 0 or step + 1 == arguments.steps:
            print(
                f"step {step + 1:>6}  loss {np.mean(seen[-100:]):.4f}  {time.process_time() - start:.0f} s", flush=True
            )
            parts = {"net": net.state_dict(), "average": average.state_dict(), "optimiser": optimiser.state_dict()}
            torch.save({**parts, "step": step + 1}, state_file.with_suffix(".partial"))
            state_file.with_suffix(".partial").replace(state_file)
    return average


def gaussian_psnr(net: nn.Module, images: dict[str, NDArray[np.uint8]], deviation: float) -> float:
    """Return the mean PSNR in dB, range 255, of images with noise of the given standard deviation, not rounded."""
    rng, scores = np.random.default_rng(0), []
    for image in images.values():
        noisy = image + rng.normal(0, deviation, image.shape)
        mean, pad = noisy.mean(), [(0, -length % 8) for length in image.shape]
        x = np.pad((noisy - mean) / deviation, pad, mode="symmetric").astype(np.float32)
        with torch.no_grad():
            out = net(torch.from_numpy(x)[None, None], torch.zeros(1, len(LAGS)))[0, 0].numpy()[
                : image.shape[0], : image.shape[1]
            ]
        scores.append(peak_signal_noise_ratio(image.astype(float), out * deviation + mean, data_range=255))
    return float(np.mean(scores))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--start", type=Path, help="weights to start from")
    parser.add_argument("--bfloat16", action="store_true", help="but for the last tenth of the steps")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--state", type=Path, default=Path("unit_noise.pt"), help="where training stands")
    parser.add_argument(
        "--out", type=Path, default=Path("unit_noise.safetensors"), help="the weights, in half precision"
    )
    arguments = parser.parse_args()
    start = time.process_time()
    net = train(arguments, arguments.state).eval()
    save_file({name: value.half().contiguous() for name, value in net.state_dict().items()}, arguments.out)
    net.load_state_dict({name: value.half().float() for name, value in net.state_dict().items()})
    table = {}
    for name in ("set12", "bsd68"):
        with np.load(data_folder() / "natural" / f"{name}.npz") as images:
            loaded = {key: images[key] for key in images.files}
        table[name] = {str(level): gaussian_psnr(net, loaded, level) for level in (15, 25, 50)}
        print(name, " ".join(f"{level}: {score:.2f}" for level, score in table[name].items()))
    settings = {
        "steps": arguments.steps,
        "seed": arguments.seed,
        "batch": BATCH,
        "patch": PATCH,
        "bfloat16": arguments.bfloat16,
    }
    write_result("unit_noise", {"training": settings, "cpu_seconds": time.process_time() - start, "psnr_db": table})


if __name__ == "__main__":
    main()
