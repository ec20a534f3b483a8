"""Denoising through the PSF: what DecoNoising gains over Noise2Void, and how good its deconvolved image is.

``python benchmarks/deconvolution.py --data w2s --psf psf.tif --budget 15m`` trains Noise2Void and DecoNoising on the
noisy images alone for the same time (or ``--steps``), and prints two tables.

* Denoised: PSNR, affine PSNR, SSIM and gradient energy against the clean mean of 400 frames; BM3D in the same table.
* Deconvolved: against a sharp reference, which for ``w2s`` is the clean mean deconvolved by Richardson-Lucy with the
  same PSF (40 iterations), and for ``synthetic`` the truth that the images were made of. Yardsticks: Richardson-Lucy
  on the noisy image and on what Noise2Void makes of it, each at the iteration that comes closest to the reference,
  which nobody without a reference could pick. "finest detail" is the frequency up to which the images of two exposures
  agree (Fourier ring correlation, 1/7), in cycles per pixel; "below" the share of pixels darker than the background by
  more than 1 % of the reference's range, which is what a negative halo is.

``--data synthetic`` makes filaments and points, blurs them with a PSF of the optics NA 1.4, 520 nm, 65 nm pixels, and
draws photons and read noise.
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from scipy.ndimage import gaussian_filter
from skimage.restoration import richardson_lucy

from environment import data_folder, write_result
from quietscope import Denoiser, read_image
from quietscope.metrics import psnr, psnr_affine, ring_correlation
from quietscope.nn.convolve import convolve
from quietscope.noise import PoissonGaussian
from quietscope.psf.optics import Optics
from quietscope.psf.psf import Psf, read_psf
from quietscope.psf.theory import theory_psf
from yardstick import bm3d_anscombe, score, sharpness, told_every_minute

REFERENCE_ITERATIONS = 40
MOST_ITERATIONS = 60
BELOW = 0.01


@dataclass(frozen=True)
class Scene:
    """Images, what they were blurred with, and what is known of the truth.

    Attributes:
        train: Noisy images to learn from, (Q, Y, X).
        noisy: Evaluation images, (Q, Y, X).
        second: Other exposures of the same scenes, for the ring correlation.
        clean: Their blurred truth.
        sharp: Their truth without blur, or the nearest thing to it.
        background: Intensity where nothing shines.
        psf: The PSF.
        noise: What BM3D is told.
    """

    train: np.ndarray
    noisy: np.ndarray
    second: np.ndarray
    clean: np.ndarray
    sharp: np.ndarray
    background: float
    psf: Psf
    noise: PoissonGaussian


def w2s(psf: Psf, fields: int) -> Scene:
    stem = str(data_folder() / "w2s" / "ch0")
    train, train_clean, noisy, clean, second = (
        np.asarray(read_image(f"{stem}_{part}.tif")).astype(np.float32)
        for part in ("train_noisy", "train_clean", "eval_noisy", "eval_clean", "eval_second")
    )
    background = float(np.quantile(gaussian_filter(train, (0, 4, 4)), 0.01))
    clean = clean[:fields]
    sharp = np.stack([lucy(image, psf, background, REFERENCE_ITERATIONS) for image in clean])
    noise = PoissonGaussian.fit(train_clean, train)
    return Scene(train, noisy[:fields], second[:fields], clean, sharp, background, psf, noise)


def synthetic(fields: int, gain: float, size: int = 192, frames: int = 60) -> Scene:
    optics = Optics(numerical_aperture=1.4, wavelength_nm=520)
    psf = theory_psf(optics, pixel_nm=65, size=(15, 15))
    rng = np.random.default_rng(0)
    sharp = np.stack([structure(rng, size) for _ in range(frames + fields)])
    background, read = 100.0, 4.0
    kernel = torch.tensor(psf.values)[None]
    blurred = convolve(torch.from_numpy(sharp)[:, None], kernel)[:, 0].numpy()

    def expose() -> np.ndarray:
        photons = rng.poisson(np.maximum(blurred, 0) / gain) * gain
        return np.asarray(background + photons + rng.normal(0, read, blurred.shape), np.float32)

    first, second = expose(), expose()
    train, noisy = first[:frames], first[frames:]
    clean, truth = background + blurred[frames:], background + sharp[frames:]
    noise = PoissonGaussian(gain=gain, offset=background, read_noise=read)
    return Scene(train, noisy, second[frames:], clean, truth, background, psf, noise)


def structure(rng: np.random.Generator, size: int) -> np.ndarray:
    """Draw bent filaments and points, a fraction of a PSF wide."""
    image = np.zeros((size, size), np.float32)
    for _ in range(14):
        angle, place = rng.uniform(0, 2 * np.pi), rng.uniform(0, size, 2)
        strength = rng.uniform(60, 240)
        for _ in range(4 * size):
            angle += rng.normal(0, 0.03)
            place = place + 0.5 * np.array([np.sin(angle), np.cos(angle)])
            at = tuple(np.rint(place).astype(int))
            if not all(0 <= n < size for n in at):
                break
            image[at] = max(image[at], strength)
    for _ in range(40):
        image[tuple(rng.integers(2, size - 2, 2))] = rng.uniform(300, 1200)
    return np.asarray(gaussian_filter(image, 0.5), np.float32)


def lucy(image: np.ndarray, psf: Psf, background: float, iterations: int) -> np.ndarray:
    """Deconvolve what lies above a background by scikit-image's Richardson-Lucy; with background 0, all of it."""
    above = np.maximum(image.astype(np.float64) - background, 1e-3)
    scale = above.max()
    reach = psf.values.shape[0]
    padded = np.pad(above / scale, reach, mode="edge")  # it takes what lies outside for darkness
    found = richardson_lucy(padded, psf.values.astype(np.float64), num_iter=iterations, clip=False)
    return np.asarray(found[reach:-reach, reach:-reach] * scale + background, np.float32)


@dataclass(frozen=True)
class Lucy:
    """The best that Richardson-Lucy can do."""

    quality: float
    iterations: int
    background: float
    images: np.ndarray


def best_lucy(images: np.ndarray, scene: Scene) -> Lucy:
    """Return the iteration of the highest mean PSNR against the sharp reference, with the background left in or not."""
    best = Lucy(-np.inf, 0, 0.0, images)
    for background in (scene.background, 0.0):
        own = Lucy(-np.inf, 0, 0.0, images)
        for iterations in (1, 2, 3, 4, 6, 8, 10, 13, 16, 20, 25, 30, 40, MOST_ITERATIONS):
            found = np.stack([lucy(image, scene.psf, background, iterations) for image in images])
            quality = float(np.mean([psnr(a, b) for a, b in zip(found, scene.sharp, strict=True)]))
            if quality < own.quality - 0.2:
                break
            own = max(own, Lucy(quality, iterations, background, found), key=lambda entry: entry.quality)
        best = max(best, own, key=lambda entry: entry.quality)
    return best


def sharp_scores(first: np.ndarray, second: np.ndarray, scene: Scene) -> dict[str, float]:
    """Judge deconvolved images of two exposures."""
    pairs = list(zip(first.astype(np.float64), scene.sharp.astype(np.float64), strict=True))
    rings = [ring_correlation(a, b).cutoff() for a, b in zip(first, second, strict=True)]
    dark = scene.background - BELOW * np.ptp(scene.sharp)
    return {
        "psnr": float(np.mean([psnr(a, b) for a, b in pairs])),
        "psnr_affine": float(np.mean([psnr_affine(a, b) for a, b in pairs])),
        "sharpness": float(np.mean([sharpness(a) for a, _ in pairs]) / np.mean([sharpness(b) for _, b in pairs])),
        "finest_detail": float(np.mean(rings)),
        "below_percent": 100.0 * float(np.mean(first < dark)),
    }


def trained(name: str, scene: Scene, args: argparse.Namespace, **settings: Any) -> Denoiser:
    file = None if args.models is None else args.models / f"deconvolution_{args.data}_{name}.safetensors"
    if file is not None and file.exists():
        return Denoiser.load(file)
    method, preset = name.split("_")[:2]
    denoiser = Denoiser(method=method, preset=preset, budget=args.budget, steps=args.steps, seed=args.seed, **settings)
    denoiser.fit(scene.train, axes="QYX", watch=told_every_minute(name), notify=print)
    if file is not None:
        denoiser.save(file)
    return denoiser


def show(title: str, rows: dict[str, dict[str, float]], steps: dict[str, float]) -> None:
    table = Table("", *next(iter(rows.values())), "steps", title=title)
    for name, row in rows.items():
        figures = (f"{value:.3f}" for value in row.values())
        table.add_row(name, *figures, f"{steps[name]:.0f}" if name in steps else "")
    Console(width=140).print(table)


def run(args: argparse.Namespace) -> dict[str, Any]:
    is_made = args.data == "synthetic"
    scene = synthetic(args.fields, args.gain) if is_made else w2s(read_psf(args.psf).trimmed(), args.fields)
    folder = args.models or Path(mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"psf_{args.data}.npy"
    np.save(file, scene.psf.values)
    others = dict(part.split("=", 1) for part in args.other)
    plain = trained(f"noise2void_{args.preset}", scene, args)
    network = {name: float(value) for name, value in others.items()}
    through = trained(f"deconoising_{args.preset}", scene, args, psf=str(file), network=network)
    names = {"Noise2Void": plain, "DecoNoising": through}
    steps = {name: denoiser.card.training["steps"] for name, denoiser in names.items()}

    def images(denoiser: Denoiser, noisy: np.ndarray, kind: str = "mean") -> np.ndarray:
        return np.stack([getattr(denoiser.denoise(x, axes="YX"), kind) for x in noisy])

    clean = list(scene.clean)
    denoised = {name: images(each, scene.noisy) for name, each in names.items()}
    rows = {"noisy": score(list(scene.noisy), clean)}
    rows["BM3D"] = score([bm3d_anscombe(x, scene.noise) for x in scene.noisy], clean)
    rows |= {name: score(list(each), clean) for name, each in denoised.items()}
    show(f"{args.data}: denoised, against the clean images", rows, steps)
    other = images(plain, scene.second)
    sharp: dict[str, dict[str, float]] = {"noisy, not deconvolved": sharp_scores(scene.noisy, scene.second, scene)}
    sharp["clean, not deconvolved"] = sharp_scores(scene.clean, scene.clean, scene)
    sharp["Noise2Void, not deconvolved"] = sharp_scores(denoised["Noise2Void"], other, scene)
    for title, one, two in (
        ("Richardson-Lucy of noisy", scene.noisy, scene.second),
        ("Richardson-Lucy of Noise2Void", denoised["Noise2Void"], other),
    ):
        found = best_lucy(one, scene)
        again = np.stack([lucy(x, scene.psf, found.background, found.iterations) for x in two])
        sharp[f"{title}, {found.iterations} iterations"] = sharp_scores(found.images, again, scene)
    one, two = (images(through, x, "deconvolved") for x in (scene.noisy, scene.second))
    sharp["DecoNoising, deconvolved"] = sharp_scores(one, two, scene)
    show(f"{args.data}: deconvolved, against the sharp reference", sharp, {})
    if args.picture is not None:
        picture(args.picture, scene, denoised["DecoNoising"][0], one[0])
    settings = through.card.configuration.model_dump(exclude={"psf"})
    return {"denoised": rows, "deconvolved": sharp, "steps": steps, "settings": settings}


def picture(path: Path, scene: Scene, denoised: np.ndarray, deconvolved: np.ndarray) -> None:
    from matplotlib.figure import Figure

    middle = tuple(slice(n // 2 - 64, n // 2 + 64) for n in denoised.shape)
    panels = {"noisy": scene.noisy[0], "denoised": denoised, "deconvolved": deconvolved}
    panels |= {"clean": scene.clean[0], "sharp reference": scene.sharp[0]}
    figure = Figure(figsize=(20, 4.4))
    for axes, (name, image) in zip(figure.subplots(1, len(panels)), panels.items(), strict=True):
        low, high = np.percentile(scene.sharp[0][middle], (0.5, 99.5))
        axes.imshow(image[middle], cmap="gray", vmin=low, vmax=high)
        axes.set_title(name)
        axes.set_axis_off()
    figure.tight_layout()
    figure.savefig(path, dpi=70)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=["w2s", "synthetic"], default="synthetic")
    parser.add_argument("--psf", type=Path, help="PSF file, for w2s")
    parser.add_argument("--gain", type=float, default=8.0, help="of synthetic images: intensity per photon")
    parser.add_argument("--preset", default="fast")
    parser.add_argument("--fields", type=int, default=8)
    parser.add_argument("--budget", default=None)
    parser.add_argument("--steps", type=int, default=None)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--models",
        type=Path,
        help="keep models there; one that is there is not trained again, whatever else is asked for",
    )
    parser.add_argument("--other", nargs="*", default=[], help="network settings, e.g. positivity=0.1")
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--name", help="name of the result file")
    args = parser.parse_args()
    began = time.perf_counter()
    results = run(args)
    asked = {
        name: getattr(args, name) for name in ("data", "preset", "fields", "gain", "budget", "steps", "seed", "other")
    }
    path = write_result(
        args.name or f"deconvolution_{args.data}", {"asked": asked, **results, "seconds": time.perf_counter() - began}
    )
    print(path)


if __name__ == "__main__":
    main()
