"""The limit that self-supervised training is measured by: the same network, trained on noisy and clean pairs."""

import argparse
import time
from typing import Any

import numpy as np
import torch
from torch import nn

from quietscope import Denoiser
from quietscope.methods import METHODS
from quietscope.methods.base import PointMethod
from yardstick import Row, score


def train_on_pairs(choice: str, noisy: np.ndarray, clean: np.ndarray, args: argparse.Namespace) -> Denoiser:
    """Train the network of a point method with the squared error to clean images.

    Batch size, patches, rate and schedule are those of the preset, steps those of the other rows; augmented by turns.

    Args:
        choice: METHOD:PRESET of a point method.
        noisy: Noisy planes (N, Y, X).
        clean: Clean planes of the same shape.
        args: Settings of the benchmark: steps, seed, noise.

    Returns:
        The denoiser.
    """
    assert args.steps, "supervised training is compared by equal steps: give --steps"
    method, preset = choice.split(":")
    noise = args.noise if METHODS[method].needs_noise else "auto"
    training = {"precision": "float32", "keep": "last"}
    denoiser = Denoiser(method=method, preset=preset, noise=noise, steps=1, seed=args.seed, training=training)
    denoiser.fit(noisy, axes="QYX", notify=print, progress=False)
    settings, network = denoiser.configuration.training_settings(), denoiser.method
    assert isinstance(network, PointMethod)
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimiser = torch.optim.Adam(learning, lr=settings.learning_rate, betas=settings.betas)
    rate = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.learning_rate, args.steps, pct_start=min(0.3, settings.warmup_steps / args.steps)
    )
    rng = np.random.default_rng(args.seed)
    network.train()
    for _ in range(args.steps):
        x, s = _batch(rng, noisy, clean, settings.patch, settings.batch_size)
        loss = network.statistics.normalize(network.predict(x)) - network.statistics.normalize(s)
        optimiser.zero_grad()
        torch.autograd.backward(loss.square().mean())
        nn.utils.clip_grad_norm_(learning, 1.0)
        optimiser.step()
        rate.step()
    network.eval()
    return denoiser


def measure_supervised(
    choice: str, train: tuple[np.ndarray, np.ndarray], noisy: list[np.ndarray], clean: list[np.ndarray], args: Any
) -> dict[str, Row]:
    """Train on pairs and return the line of the table."""
    begin = time.process_time()
    denoiser = train_on_pairs(choice, *train, args)
    seconds = time.process_time() - begin
    results = [denoiser.denoise(x, axes="YX").mean for x in noisy]
    return {f"supervised {choice}": Row(score(results, clean), {"training": {"cpu_seconds": seconds}})}


def _batch(
    rng: np.random.Generator, noisy: np.ndarray, clean: np.ndarray, patch: int, size: int
) -> tuple[torch.Tensor, torch.Tensor]:
    pairs = []
    for _ in range(size):
        frame = int(rng.integers(len(noisy)))
        y, x = (int(rng.integers(0, length - patch + 1)) for length in noisy.shape[1:])
        turn, flip = int(rng.integers(4)), bool(rng.integers(2))
        cut = [np.rot90(each[frame, y : y + patch, x : x + patch], turn) for each in (noisy, clean)]
        pairs.append([np.ascontiguousarray(each[:, ::-1] if flip else each, dtype=np.float32) for each in cut])
    both = torch.from_numpy(np.asarray(pairs))
    return both[:, :1], both[:, 1:]
