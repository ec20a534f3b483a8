"""How far a bootstrapped noise model is from the one fitted to pairs of clean and noisy images.

For every data set: mean and largest relative error of sigma(s) over the central 98 % of the clean signal, of the model
that the bootstrap chose, and beside it of the blind Poisson-Gaussian estimate, both against the same kind of model
fitted to pairs. Held-out log-likelihoods are those of pixels that no fit has seen. The last data set is drawn: clean
W2S fields under a known mixture (the one fitted to W2S pairs), so the Kullback-Leibler divergence of each model from
the truth can be given, in nats per pixel, as its mean over the central 98 % of the signal.

Run: ``python benchmarks/bootstrap.py``
"""

import argparse
import time
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from environment import data_folder, write_result
from quietscope import read_image
from quietscope.axes import Layout
from quietscope.data.frames import Frames
from quietscope.main_memory import tune_allocator
from quietscope.noise import NoiseModel, fit_noise, measure_noise
from quietscope.noise.censored import Censored
from quietscope.setup.bootstrap import STEPS, bootstrap_noise

PAIRS = {
    "w2s ch0": ("w2s/ch0_train_noisy.tif", "w2s/ch0_train_clean.tif"),
    "Confocal_FISH": ("fmd/Confocal_FISH_noisy.tif", "fmd/Confocal_FISH_clean.tif"),
    "Confocal_MICE": ("fmd/Confocal_MICE_noisy.tif", "fmd/Confocal_MICE_clean.tif"),
}
DRAWN = "w2s ch0, drawn from a mixture"
MOST_PAIRS = 2_000_000
DRAWS_PER_SIGNAL = 20_000


def load(name: str, seed: int) -> tuple[np.ndarray, np.ndarray, NoiseModel | None]:
    """Return noisy and clean frames, and the noise model where it is known."""
    noisy, clean = (np.asarray(read_image(data_folder() / file)) for file in PAIRS.get(name, PAIRS["w2s ch0"]))
    if name != DRAWN:
        return noisy, clean, None
    truth = unwrapped(fit_noise("gaussian-mixture", clean[::4].ravel()[::7], noisy[::4].ravel()[::7]))
    drawn = truth.sample(torch.from_numpy(clean.astype(np.float32)), torch.Generator().manual_seed(seed))
    return drawn.numpy(), clean, truth


def unwrapped(model: NoiseModel) -> NoiseModel:
    return model.base if isinstance(model, Censored) else model


def divergence(truth: NoiseModel, model: NoiseModel, at: torch.Tensor) -> float:
    """Return KL(truth || model), the mean of log p(x|s) - log q(x|s) over draws x ~ p, and over signals."""
    s = at.float().expand(DRAWS_PER_SIGNAL, -1)
    x = truth.sample(s, torch.Generator().manual_seed(1))
    return float((truth.log_prob(x, s) - model.log_prob(x, s)).double().mean())


def compare(name: str, steps: int, seed: int) -> dict[str, Any]:
    noisy, clean, known = load(name, seed)
    begin = time.perf_counter()
    [choice] = bootstrap_noise(Frames(((noisy, Layout.of("QYX", noisy.shape)),)), steps=steps, seed=seed)
    seconds = time.perf_counter() - begin
    order = np.random.default_rng(seed).permutation(noisy.size)[:MOST_PAIRS]
    s, x = clean.ravel()[order].astype(np.float64), noisy.ravel()[order].astype(np.float64)
    half = len(s) // 2
    pairs = fit_noise(unwrapped(choice.model).kind, s[:half], x[:half])
    models = {"bootstrap": choice.model, "blind": measure_noise(list(noisy)).training_model, "pairs": pairs}
    at = torch.tensor(np.quantile(s, np.linspace(0.01, 0.99, 99)))
    truth = _sigma(pairs, at)
    return {
        "data": name,
        "reason": choice.reason,
        "chosen": choice.model.describe(),
        "pairs": pairs.describe(),
        "seconds": seconds,
        "models": {
            kind: {
                "mean_error": float(np.mean(np.abs(_sigma(model, at) / truth - 1))),
                "max_error": float(np.max(np.abs(_sigma(model, at) / truth - 1))),
                "held_out_log_likelihood": _score(model, s[half:], x[half:]),
                "divergence_from_truth": None if known is None else divergence(known, model, at),
            }
            for kind, model in models.items()
        },
        "residual_of_pairs": _against_bins(models, s[half:], x[half:]),
    }


def _against_bins(models: dict[str, NoiseModel], s: np.ndarray, x: np.ndarray) -> dict[str, float]:
    """Return each model's mean error of sigma against the plain deviation of pairs in 50 bins of equal count."""
    edges = np.quantile(s, np.linspace(0.01, 0.99, 51))
    where = np.digitize(s, edges)
    bins = [
        (s[where == k].mean(), (x - s)[where == k].std()) for k in range(1, 51) if np.count_nonzero(where == k) > 99
    ]
    at, measured = torch.tensor([m for m, _ in bins]), np.array([d for _, d in bins])
    return {kind: float(np.mean(np.abs(_sigma(model, at) / measured - 1))) for kind, model in models.items()}


def _sigma(model: NoiseModel, at: torch.Tensor) -> np.ndarray:
    sigma: np.ndarray = model.variance(at).sqrt().double().numpy()
    return sigma


def _score(model: NoiseModel, s: np.ndarray, x: np.ndarray) -> float:
    return float(model.log_prob(torch.from_numpy(x), torch.from_numpy(s)).double().mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default=";".join([*PAIRS, DRAWN]), help="separated by semicolons")
    parser.add_argument("--steps", type=int, default=STEPS, help="training steps of the first denoiser")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    tune_allocator()
    rows = [compare(name, args.steps, args.seed) for name in args.data.split(";")]
    table = Table(
        "",
        "model",
        "mean error of sigma",
        "largest",
        "against bins of pairs",
        "held-out nats per pixel",
        "KL from truth",
        "seconds",
    )
    for row in rows:
        for kind, found in row["models"].items():
            numbers = (
                f"{found['mean_error']:.1%}",
                f"{found['max_error']:.1%}",
                f"{row['residual_of_pairs'][kind]:.1%}",
            )
            seconds = f"{row['seconds']:.0f}" if kind == "bootstrap" else ""
            kl = found["divergence_from_truth"]
            more = (f"{found['held_out_log_likelihood']:.4f}", "" if kl is None else f"{kl:.4f}", seconds)
            table.add_row(row["data"], kind, *numbers, *more)
    console = Console(width=140)
    console.print(table)
    for row in rows:
        console.print(f"{row['data']}: {row['reason']}")
    print(write_result("bootstrap", {"settings": vars(args), "rows": rows}))


if __name__ == "__main__":
    main()
