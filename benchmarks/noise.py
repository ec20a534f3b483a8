"""How far blind noise estimates are from the fit to pairs of clean and noisy images.

For every data set: the largest and the mean relative error of sigma(s) against the Poisson-Gaussian fit to pairs, over
the central 98 % of the clean signal; for QuietScope's blind estimate, and beside it, in the same run, for a flat sigma
(median of the finest wavelet coefficients: what ``skimage.restoration.estimate_sigma`` computes, written out here as
that needs PyWavelets) and for a plain fit of local variance against local mean (7x7 windows).

Run: ``python benchmarks/noise.py``
"""

import time
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import torch
from scipy.ndimage import correlate1d, uniform_filter

from environment import data_folder, write_result
from quietscope.noise import NoiseModel, PoissonGaussian, measure_noise

PAIRS = {
    "w2s ch0 train": ("w2s/ch0_train_noisy.tif", "w2s/ch0_train_clean.tif", 0),
    "w2s ch1 train": ("w2s/ch1_train_noisy.tif", "w2s/ch1_train_clean.tif", 0),
    "w2s ch0 eval": ("w2s/ch0_eval_noisy.tif", "w2s/ch0_eval_clean.tif", 0),
    "w2s ch1 eval": ("w2s/ch1_eval_noisy.tif", "w2s/ch1_eval_clean.tif", 0),
    "Confocal_FISH": ("fmd/Confocal_FISH_noisy.tif", "fmd/Confocal_FISH_clean.tif", 0),
    "Confocal_MICE": ("fmd/Confocal_MICE_noisy.tif", "fmd/Confocal_MICE_clean.tif", 0),
    "Confocal_BPAE_G": ("fmd/Confocal_BPAE_G_noisy.tif", "fmd/Confocal_BPAE_G_clean.tif", 0),
    "WideField_BPAE_G (correlated)": ("fmd/WideField_BPAE_G_noisy.tif", "fmd/WideField_BPAE_G_clean.tif", 0),
    "w2s row-correlated train": ("structured/w2s_rowcorr_train_noisy.tif", "w2s/ch0_train_clean.tif", 300),
}
WINDOW = 7
DB2_HIGH_PASS = (-0.12940952255092145, -0.22414386804185735, 0.836516303737469, -0.48296291314469025)


def main() -> None:
    folder = data_folder()
    cases = [(name, *_read_pair(folder, *files)) for name, files in PAIRS.items()]
    cases.append(("BSD68 + N(0, 25^2)", *_natural(folder / "natural" / "bsd68.npz")))
    rows = [_compare(name, noisy, clean) for name, noisy, clean in cases]
    for title in ("max", "mean"):
        print(f"\n{title} relative error of sigma(s), central 98 % of the signal")
        print(f"{'data set':32s}{'blind':>8s}{'flat':>8s}{'naive':>8s}{'seconds':>9s}  model")
        for row in rows:
            errors = "".join(f"{row[method][title]:8.3f}" for method in ("blind", "flat_sigma", "naive_line"))
            print(f"{row['data']:32s}{errors}{row['seconds']:9.2f}  {row['model']}")
    print(f"\nwritten to {write_result('noise', {'unit': 'relative error of sigma(s)', 'rows': rows})}")


def _read_pair(folder: Path, noisy: str, clean: str, offset: int) -> tuple[list[Any], list[Any]]:
    x, s = tifffile.imread(folder / noisy), tifffile.imread(folder / clean)
    return list(x), [frame.astype(np.float32) + offset for frame in s]


def _natural(path: Path) -> tuple[list[Any], list[Any]]:
    rng = np.random.default_rng(0)
    with np.load(path, allow_pickle=False) as images:
        clean = [images[name].astype(np.float32) for name in images.files]
    return [image + rng.normal(0.0, 25.0, image.shape) for image in clean], clean


def _compare(name: str, noisy: list[Any], clean: list[Any]) -> dict[str, Any]:
    x = np.concatenate([frame.ravel() for frame in noisy])
    s = np.concatenate([frame.ravel() for frame in clean])
    at = torch.tensor(np.quantile(s, np.linspace(0.01, 0.99, 99)))
    pairs = PoissonGaussian.fit(s, x)
    start = time.perf_counter()
    estimate = measure_noise(noisy)
    seconds = time.perf_counter() - start
    few = noisy[:: max(1, len(noisy) // 12)]
    truth = _sigma(pairs, at)
    flat = np.full_like(truth, np.mean([_flat_sigma(frame) for frame in few]))
    return {
        "data": name,
        "blind": _errors(_sigma(estimate.model, at), truth),
        "flat_sigma": _errors(flat, truth),
        "naive_line": _errors(_naive_sigma(few, at.numpy()), truth),
        "seconds": seconds,
        "model": estimate.model.describe(),
        "pairs": pairs.describe(),
        "correlation_y": estimate.correlation_y,
        "correlation_x": estimate.correlation_x,
        "flat_share": estimate.flat_share,
        "clipped_low": estimate.clipped_low,
        "clipped_high": estimate.clipped_high,
    }


def _sigma(model: NoiseModel, at: torch.Tensor) -> np.ndarray:
    sigma: np.ndarray = model.variance(at).sqrt().double().numpy()
    return sigma


def _flat_sigma(frame: Any) -> float:
    """Median absolute diagonal db2 wavelet coefficient over 0.6745 (Donoho and Johnstone, 1994)."""
    detail = correlate1d(correlate1d(frame.astype(np.float64), DB2_HIGH_PASS, axis=0), DB2_HIGH_PASS, axis=1)[::2, ::2]
    return float(np.median(np.abs(detail[detail != 0.0])) / 0.6745)


def _naive_sigma(frames: list[Any], at: np.ndarray) -> np.ndarray:
    """Least-squares line of the local variance on the local mean."""
    means, variances = [], []
    for frame in frames:
        image = frame.astype(np.float64)
        mean = uniform_filter(image, WINDOW)
        means.append(mean.ravel())
        variances.append((uniform_filter(image**2, WINDOW) - mean**2).ravel() * WINDOW**2 / (WINDOW**2 - 1))
    slope, intercept = np.polyfit(np.concatenate(means), np.concatenate(variances), 1)
    return np.asarray(np.sqrt(np.maximum(slope * at + intercept, 1e-6)))


def _errors(sigma: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    relative = np.abs(sigma / truth - 1.0)
    return {"max": float(relative.max()), "mean": float(relative.mean())}


if __name__ == "__main__":
    main()
