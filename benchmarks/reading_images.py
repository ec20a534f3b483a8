"""What the pages of `reading.py` are read from: noisy, by BM3D, and a model's mean, most probable image and samples.

Each is made once for a noise level and may be kept in a folder: BM3D and sampling take longer than reading.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pages import Page, noisy, pages
from quietscope import Denoiser

Arrays = dict[str, npt.NDArray[np.float32]]
TRAINING_SEED, TEST_SEED = 1, 0


def test_pages(count: int) -> list[Page]:
    return pages(count, TEST_SEED)


def noisy_pages(shown: list[Page], sigma: float, first_seed: int = 0) -> npt.NDArray[np.float32]:
    """Return noisy pages, (N, Y, X), each with noise of its own."""
    return np.stack([noisy(page.clean, sigma, first_seed + number) for number, page in enumerate(shown)])


def kept(folder: Path | None, name: str, make: Callable[[], Arrays]) -> Arrays:
    """Return arrays from their file in a folder, or make them and keep them there; None keeps nothing."""
    file = None if folder is None else folder / f"{name}.npz"
    if file is not None and file.exists():
        with np.load(file, allow_pickle=False) as saved:
            return {key: saved[key] for key in saved.files}
    made = make()
    if file is not None:
        save: Callable[..., None] = np.savez  # whose types take the second keyword for its own
        save(file, **made)
    return made


def by_bm3d(stack: npt.NDArray[np.float32], sigma: float) -> Arrays:
    """Denoise pages by BM3D, which is told the noise."""
    import bm3d

    return {"bm3d": np.stack([bm3d.bm3d(page, sigma) for page in stack]).astype(np.float32)}


def trained(args: argparse.Namespace, sigma: float, stack: npt.NDArray[np.float32]) -> Denoiser:
    """Return a model: `instant` as it comes, its curve learnt from the noisy pages; others learn from other pages."""
    file = None if args.keep is None else args.keep / f"{args.method}_{sigma:g}.safetensors"
    if file is not None and file.exists():
        return Denoiser.load(file)
    if args.method == "instant":
        denoiser = Denoiser(method="instant", noise=f"sigma={sigma:g}").fit(stack, axes="TYX", progress=False)
    else:
        others = noisy_pages(pages(args.training_pages, TRAINING_SEED), sigma, 1000)
        denoiser = Denoiser(method=args.method, noise=f"sigma={sigma:g}", budget=args.budget)
        denoiser.fit(others, axes="TYX", progress=False)
    if file is not None:
        denoiser.save(file)
    return denoiser


def by_model(denoiser: Denoiser, stack: npt.NDArray[np.float32], num_samples: int) -> Arrays:
    """Return mean, most probable image and samples of pages, the samples after the axis of pages."""
    results = [
        denoiser.denoise(page, axes="YX", num_samples=num_samples, pairs=0, also=("samples", "map")) for page in stack
    ]
    return {kind: np.stack([each.estimates[kind] for each in results]) for kind in ("mean", "map", "samples")}
