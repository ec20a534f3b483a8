# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # All methods on one image
#
# One field of the confocal stack that QuietScope carries, denoised by every method after as much training each. Noise
# here is independent from pixel to pixel, so `dvlae` is told so. The table and the pictures are those of this very run:
# of minutes where you run it yourself, of a few steps where the site was built (60, and 150 to 240 for those that show
# nothing before), after which what comes trained (`instant`, `gap`) has the advantage. `dvlae` learns the noise too,
# and needs far longer. What was measured with care stands on the page "Measured".

# %%
import os
import time
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from quietscope import Denoiser, distill, read_image, sample_path
from quietscope.methods import METHODS
from quietscope.metrics import psnr, ssim

# As it stands this takes minutes. The site is built with less ("site"), and tests see whether it runs ("1").
WAY = ("", "site", "1").index(os.environ.get("QUIETSCOPE_REDUCED", ""))
LITTLE: dict[str, Any] = {"steps": 60, "training": {"batch_size": 4}}
LENGTH = ({"budget": "4m"}, LITTLE, {"steps": 2})[WAY]
MORE = {"divnoising": 150, "dvlae": 240, "gr2r": 240} if WAY == 1 else {}
NUM_SAMPLES = (50, 10, 2)[WAY]
SIDE = (512, 192, 64)[WAY]
FOLDER = Path(mkdtemp())

noisy, clean = (np.asarray(read_image(sample_path(f"confocal_fish_{kind}"))) for kind in ("noisy", "clean"))
noisy, clean = noisy[:, :SIDE, :SIDE], clean[:, :SIDE, :SIDE]

# %% [markdown]
# ## Settings
#
# As they come, but where a method has to be told something: the direction of the noise, the PSF. The direct denoiser
# learns from another model, here from HDN.

# %%
TOLD: dict[str, dict[str, Any]] = {
    "dvlae": {"network": {"direction": "none"}},
    "deconoising": {"psf": "sigma=1.2"},
}
results, seconds = {}, {}
teacher = Denoiser(method="hdn", **LENGTH)
for method in METHODS:
    start, length = time.perf_counter(), {**LENGTH, **({"steps": MORE[method]} if method in MORE else {})}
    if method == "direct":
        denoiser = distill(teacher, noisy, axes="TYX", **LENGTH)
    else:
        denoiser = teacher if method == "hdn" else Denoiser(method=method, **TOLD.get(method, {}), **length)
        denoiser.fit(noisy, axes="TYX")
    seconds[method] = time.perf_counter() - start
    results[method] = denoiser.denoise(noisy[0], axes="YX", num_samples=NUM_SAMPLES)

# %% [markdown]
# ## In figures
#
# Beside the clean reference, which none of them has seen. A deviation comes from methods that know how sure they are.

# %%
print(f"{'':12s} {'PSNR':>9s} {'SSIM':>6s}  deviation, mean   seconds of training")
print(f"{'noisy':12s} {psnr(noisy[0], clean[0]):6.2f} dB {ssim(noisy[0], clean[0]):6.3f}")
for method, result in results.items():
    deviation = "none" if result.std is None else f"{np.mean(result.std):.1f}"
    told = f"{psnr(result.mean, clean[0]):6.2f} dB {ssim(result.mean, clean[0]):6.3f}"
    print(f"{method:12s} {told}  {deviation:>15s}   {seconds[method]:8.1f}")

# %% [markdown]
# ## In pictures
#
# All in the same range of intensities. Look for structure that one of them has alone: it was not in the data.

# %%
images = {"noisy": noisy[0], **{method: result.mean for method, result in results.items()}, "clean": clean[0]}
figure, panels = plt.subplots(3, 4, figsize=(16, 12.6))
for panel, (name, image) in zip(panels.flat, images.items(), strict=False):
    panel.imshow(image, cmap="gray", vmin=clean.min(), vmax=np.quantile(clean, 0.998))
    panel.set_title(name)
for panel in panels.flat:
    panel.axis("off")
figure.savefig(FOLDER / "all_methods.png", bbox_inches="tight")
print("pictures are in", FOLDER)
