"""How the verdict of a run goes with what it is worth: small nets of every method after few and many steps.

``python -m benchmarks.verdicts [DATA:METHOD:STEPS ...]``; without words, a short table. Each row has the figures that
the verdict rests on beside PSNR after an affine fit, before and after. Data: see `QUIETSCOPE_DATA`.
"""

import math
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from environment import write_result
from quietscope import Denoiser, read_image
from quietscope.metrics import psnr_affine

DATA = Path(os.environ.get("QUIETSCOPE_DATA", "../shared/data"))
PART = slice(100, 356)
FILES: dict[str, tuple[str, str | None]] = {
    "w2s": ("w2s/ch0_eval_noisy.tif", "w2s/ch0_eval_clean.tif"),
    "fish": ("fmd/Confocal_FISH_noisy.tif", "fmd/Confocal_FISH_clean.tif"),
    "mice": ("fmd/Confocal_MICE_noisy.tif", "fmd/Confocal_MICE_clean.tif"),
    "wide": ("fmd/WideField_BPAE_G_noisy.tif", "fmd/WideField_BPAE_G_clean.tif"),
    "row": ("structured/w2s_rowcorr_eval_noisy.tif", "w2s/ch0_eval_clean.tif"),
}
LADDER = {"filters": (24,) * 4, "latent_channels": (8,) * 4, "blocks": 1, "final_blocks": 0, "stem_filters": 16}
NETWORKS: dict[str, dict[str, Any]] = {
    "hdn": LADDER,
    "divnoising": {"depth": 2, "filters": 16, "latent_channels": 16},
    "noise2void": {"depth": 2, "filters": 24},
    "deconoising": {"depth": 2, "filters": 24},
}
TRAINING = {"patch": 64, "batch_size": 8, "precision": "float32", "validation_patches": 8}
VALIDATIONS = 20  # of a run, so that what its loss did at the end can be told
SHORT = ("w2s:hdn:9", "w2s:hdn:300", "fish:noise2void:9", "fish:noise2void:300", "wide:noise2void:300", "row:hdn:300")


def measure(data: str, method: str, steps: int) -> dict[str, Any]:
    """Train and denoise two frames; return the verdict, what it rests on, and PSNR."""
    noisy, clean = (np.asarray(read_image(DATA / name))[:2, PART, PART] if name else None for name in FILES[data])
    assert noisy is not None
    started, training = time.perf_counter(), {**TRAINING, "validate_every": max(1, steps // VALIDATIONS)}
    denoiser = Denoiser(method=method, steps=steps, network=NETWORKS[method], training=training, device="cpu")
    result = denoiser.fit(noisy, axes="QYX", notify=lambda _: None).denoise(noisy, axes="QYX", num_samples=8)
    values = result.verdict.values()
    row = {"data": data, "method": method, "steps": steps, "seconds": round(time.perf_counter() - started, 1)}
    if clean is not None:
        for name, images in (("psnr_noisy", noisy), ("psnr", result.mean)):
            each = [psnr_affine(one, other) for one, other in zip(images, clean, strict=True)]
            row[name] = round(float(np.mean(each)), 2)
    report = denoiser.fit_report
    assert report is not None
    # None where there were too few validations to tell.
    row["falling"] = round(report.fall_at_the_end, 3) if math.isfinite(report.fall_at_the_end) else None
    return {**row, "level": values["level"], "reasons": values["reasons"], "figures": values["figures"]}


def main() -> None:
    """Measure, print a line for each row, and write ``results/verdicts.json``."""
    rows = []
    for words in sys.argv[1:] or SHORT:
        data, method, steps = words.split(":")
        rows.append(measure(data, method, int(steps)))
        print({name: value for name, value in rows[-1].items() if name != "figures"}, flush=True)
    write_result("verdicts", {"rows": rows})


if __name__ == "__main__":
    main()
