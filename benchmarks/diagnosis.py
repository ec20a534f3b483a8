"""Does the diagnosis tell kinds of noise apart: planted on clean images, and in every real stack of the data folder.

Planted: white Gaussian, Poisson-Gaussian, correlated along rows, along columns, both ways, hot pixels, saturation and
nothing, at three strengths (deviation of the noise over the range of the clean image), with other seeds and places than
the thresholds were chosen by. Beside each verdict stands the yardstick: the lag-1 correlation along x and y of a plain
second difference across the axis, over the whole image.

Run: ``python benchmarks/diagnosis.py``
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from scipy.ndimage import convolve1d, gaussian_filter

from environment import data_folder, write_result
from quietscope.diagnosis import Diagnosis, diagnose
from quietscope.diagnosis.correlation import CORRELATED
from quietscope.diagnosis.words import reason
from quietscope.io import read_image

STRENGTHS = (0.04, 0.08, 0.15)
SEED = 11
UNCORRELATED = ("white gaussian", "poisson-gaussian")
EXPECTED: dict[str, tuple[str, ...]] = {
    "white gaussian": ("white gaussian",),
    "poisson-gaussian": ("poisson-gaussian",),
    "row": ("row-correlated",),
    "column": ("column-correlated",),
    "both": ("correlated both ways",),
    "hot pixels": UNCORRELATED,
    "saturated": UNCORRELATED,
    "none": ("none",),
}
REAL: dict[str, tuple[str, ...]] = {
    "w2s/ch0_train_noisy": UNCORRELATED,
    "w2s/ch0_eval_noisy": UNCORRELATED,
    "w2s/ch0_eval_second": UNCORRELATED,
    "w2s/ch1_train_noisy": UNCORRELATED,
    "w2s/ch1_eval_noisy": UNCORRELATED,
    "fmd/Confocal_FISH_noisy": UNCORRELATED,
    "fmd/Confocal_MICE_noisy": UNCORRELATED,
    "fmd/Confocal_BPAE_G_noisy": UNCORRELATED,
    "fmd/WideField_BPAE_G_noisy": ("correlated both ways",),
    "structured/w2s_rowcorr_train_noisy": ("row-correlated",),
    "structured/w2s_rowcorr_eval_noisy": ("row-correlated",),
    "structured/actin-confocal_low": ("row-correlated",),
    "structured/actin-confocal_high": ("row-correlated",),
    "structured/frap_timelapse": ("column-correlated",),
    "convallaria/noisy_frame0": UNCORRELATED,
    "convallaria/calibration_frame0": UNCORRELATED,
}


def main() -> None:
    folder = data_folder()
    rows = [row for name, clean in _clean(folder).items() for row in _planted(name, clean)]
    rows += [_real(folder, name, expected) for name, expected in (REAL | _segmentation(folder)).items()]
    print(f"{'data':34s}{'expected':28s}{'found':22s}{'x':>6s}{'y':>6s}  {'yardstick':22s}{'s':>5s}")
    for row in rows:
        mark = " " if row["right"] else "!"
        print(
            f"{row['data']:34s}{row['expected']:28s}{row['found']:22s}{row['x']:6.2f}{row['y']:6.2f}"
            f"{mark} {row['yardstick']:22s}{row['seconds']:5.1f}"
        )
    print(f"\nsure but wrong: {sum(not row['right'] and row['found'] != 'not sure' for row in rows)}")
    right, yardstick = (sum(row[name] for row in rows) for name in ("right", "yardstick_right"))
    print(f"\nright: {right} of {len(rows)}; the yardstick: {yardstick}")
    print(f"written to {write_result('diagnosis', {'right': right, 'of': len(rows), 'rows': rows})}")


def _clean(folder: Path) -> dict[str, np.ndarray]:
    images = {
        "w2s ch0": tifffile.imread(folder / "w2s" / "ch0_eval_clean.tif")[0],
        "w2s ch1": tifffile.imread(folder / "w2s" / "ch1_eval_clean.tif")[3],
    }
    with np.load(folder / "natural" / "bsd68.npz", allow_pickle=False) as natural:
        images["natural"] = natural[natural.files[3]]
    return {name: image.astype(np.float64) for name, image in images.items()}


def _planted(name: str, clean: np.ndarray) -> list[dict[str, Any]]:
    low, high = np.percentile(clean, (0.1, 99.9))
    rows = []
    for kind, expected in EXPECTED.items():
        for number, strength in enumerate(STRENGTHS if kind != "none" else (0.0,)):
            rng = np.random.default_rng((SEED, number))
            noisy = _plant(clean, kind, strength * (high - low), rng)
            row = _judge(f"{name}, {strength:.0%}", [noisy], diagnose([noisy]), expected, kind)
            rows.append(row)
    return rows


def _plant(clean: np.ndarray, kind: str, sigma: float, rng: np.random.Generator) -> np.ndarray:
    white = rng.standard_normal(clean.shape)
    if kind in ("row", "column"):
        taps = np.array([1.0, 2.0, 3.0, 2.0, 1.0]) / np.sqrt(19.0)
        along = convolve1d(rng.standard_normal(clean.shape), taps, axis=1 if kind == "row" else 0, mode="wrap")
        white = np.sqrt(0.4) * white + np.sqrt(0.6) * along
    elif kind == "both":
        white = gaussian_filter(white, 0.8, mode="wrap")
        white /= white.std()
    elif kind == "poisson-gaussian":
        low, high = np.percentile(clean, (0.1, 99.9))
        gain = 2.0 * sigma**2 / (high - low)
        white *= np.sqrt(gain * np.maximum(clean - low, 0.0) / sigma**2 + 0.04)
    noisy = clean + sigma * white
    if kind == "hot pixels":
        noisy = noisy + (rng.random(clean.shape) < 0.001) * rng.uniform(20.0, 60.0, clean.shape) * sigma
    elif kind == "saturated":
        noisy = np.minimum(noisy, np.quantile(noisy, 0.98))
    return noisy


def _real(folder: Path, name: str, expected: tuple[str, ...]) -> dict[str, Any]:
    image = read_image(folder / f"{name}.tif")
    planes: list[np.ndarray] = list(np.asarray(image).reshape(-1, *image.shape[-2:]))
    return _judge(name, planes, diagnose(planes), expected, " or ".join(expected))


def _segmentation(folder: Path) -> dict[str, tuple[str, ...]]:
    files = sorted((folder / "segmentation").glob("*_noisy.tif"))
    return {f"segmentation/{path.stem}": UNCORRELATED for path in files}


def _judge(
    name: str, planes: Sequence[np.ndarray], found: Diagnosis, expected: tuple[str, ...], kind: str
) -> dict[str, Any]:
    started = time.perf_counter()
    diagnose(planes)
    seconds = time.perf_counter() - started
    right = found.kind in expected
    if kind == "hot pixels":
        right = right and found.defects.has_hot
    if kind == "saturated":
        right = right and found.defects.has_saturated
    yardstick = _yardstick(planes)
    flags = [word for word, is_set in _flags(found) if is_set]
    return {
        "data": name,
        "expected": kind,
        "found": found.kind,
        "flags": flags,
        "advice": reason(found.advice),
        "x": round(found.x.neighbours, 4),
        "y": round(found.y.neighbours, 4),
        "length": found.correlation_length,
        "noise_to_signal": round(found.noise_to_signal, 4),
        "right": bool(right),
        "yardstick": yardstick,
        "yardstick_right": yardstick == _without_strength(expected),
        "seconds": round(seconds, 2),
    }


def _flags(found: Diagnosis) -> list[tuple[str, bool]]:
    return [("hot pixels", found.defects.has_hot), ("saturated", found.defects.has_saturated)]


def _without_strength(expected: tuple[str, ...]) -> str:
    """Reduce a kind to what correlations alone can say."""
    return "uncorrelated" if expected[0] in (*UNCORRELATED, "none") else expected[0]


def _yardstick(planes: Sequence[np.ndarray]) -> str:
    """Judge by the lag-1 correlation of a high-pass across each axis, of whole planes."""
    x, y = (
        np.mean(
            [
                _lag_one(np.asarray(plane, np.float64) if axis else np.asarray(plane, np.float64).T)
                for plane in planes[:4]
            ]
        )
        for axis in (1, 0)
    )
    is_x, is_y = x > CORRELATED, y > CORRELATED
    if is_x and is_y:
        return "correlated both ways"
    return "row-correlated" if is_x else "column-correlated" if is_y else "uncorrelated"


def _lag_one(plane: np.ndarray) -> float:
    rough = np.diff(plane, 2, axis=0)
    return float((rough[:, 1:] * rough[:, :-1]).mean() / (rough**2).mean())


if __name__ == "__main__":
    main()
