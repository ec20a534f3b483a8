# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # DVLAE: no noise model, and noise along rows
#
# DVLAE (later called COSDD) learns signal and noise together. Its ladder of latents holds the signal; its decoder of
# the noise reads the pixels of a row from left to right, so that it can say what their noise has in common, and cannot
# say what the sample looks like. Salmon, Krull, "Unsupervised Denoising for Signal-Dependent and Row-Correlated
# Imaging Noise", WACV 2025.
#
# Train, predict, evaluate. To have a truth, the noise is planted on the clean images that QuietScope carries.

# %%
import os
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from quietscope import Denoiser, read_image, sample_path
from quietscope.metrics import autocorrelation, psnr, ssim, stripes_left

# As it stands this takes minutes. The site is built with less ("site"), and tests see whether it runs ("1").
WAY = ("", "site", "1").index(os.environ.get("QUIETSCOPE_REDUCED", ""))
LITTLE: dict[str, Any] = {"steps": 220, "training": {"batch_size": 4}}
LENGTH = ({"budget": "4m"}, LITTLE, {"steps": 3})[WAY]
NUM_SAMPLES = (50, 10, 4)[WAY]
SIDE = (512, 192, 64)[WAY]
MIDDLE = slice((512 - SIDE) // 2, (512 + SIDE) // 2)
FOLDER = Path(mkdtemp())

truth = np.asarray(read_image(sample_path("confocal_fish_clean")))[:, MIDDLE, MIDDLE].astype(np.float32) + 100

# %% [markdown]
# ## The noise
#
# Its variance grows with the signal; 60 % of it is correlated along rows (x), and falls by 0.73 from pixel to pixel.

# %%
rng = np.random.default_rng(0)
rows = rng.normal(size=truth.shape)
for x in range(1, SIDE):
    rows[..., x] = 0.73 * rows[..., x - 1] + np.sqrt(1 - 0.73**2) * rows[..., x]
width = np.sqrt(20 * (truth - 100) + 50)
noise = width * (np.sqrt(0.6) * rows + np.sqrt(0.4) * rng.normal(size=truth.shape))
noisy = (truth + noise).astype(np.float32)
around = autocorrelation(noise[0], 1)
print(f"lag-1 autocorrelation of the noise: along x {around[1, 2]:.2f}, along y {around[2, 1]:.2f}")

# %% [markdown]
# ## Train
#
# `direction` is the axis along which noise is correlated; `quietscope diagnose` tells it of your own images, and
# `direction="auto"` asks it. No noise model is asked for.

# %%
denoiser = Denoiser(method="dvlae", network={"direction": "x"}, **LENGTH)
denoiser.fit(noisy, axes="TYX")
denoiser.save(FOLDER / "dvlae.safetensors")
print(denoiser)

# %% [markdown]
# ## Predict
#
# The mean of samples, and their deviation, as of any method that samples.

# %%
result = denoiser.denoise(noisy[0], axes="YX", num_samples=NUM_SAMPLES)
samples = denoiser.sample(noisy[0], num_samples=2, axes="YX")
shown = {"noisy": noisy[0], "mean": result.mean, "a sample": samples[0], "another": samples[1], "truth": truth[0]}
figure, panels = plt.subplots(1, len(shown), figsize=(20, 4.4))
for panel, (name, image) in zip(panels, shown.items(), strict=True):
    panel.imshow(image, cmap="gray", vmin=truth.min(), vmax=np.quantile(truth, 0.998))
    panel.set_title(name)
    panel.axis("off")
figure.savefig(FOLDER / "dvlae.png", bbox_inches="tight")

# %% [markdown]
# ## Evaluate
#
# Against the truth: PSNR, SSIM, and how often the 90 % intervals hold it. Without one: `stripes_left`, the share of the
# stripes' power that is still in the result.

# %%
print(result.compare(truth[0]))
for name, image in (("noisy", noisy[0]), ("mean", result.mean)):
    left = stripes_left(image, noisy[0])
    print(f"{name:6s} PSNR {psnr(image, truth[0]):5.2f} dB  SSIM {ssim(image, truth[0]):.3f}  stripes left {left:6.1%}")

# %% [markdown]
# ## What has it learnt of the noise?
#
# It draws the same scene again, with new noise, whose width and autocorrelation should be those of the noise that was
# planted.

# %%
again = denoiser.renoise(noisy[0], num=2, axes="YX")
drawn = (again[0] - again[1]) / np.sqrt(2)  # two scenes, so that what is left of the signal is in it as well
for name, values in (("planted", noise[0]), ("drawn", drawn)):
    along = autocorrelation(values, 1)
    print(f"{name:8s} deviation {values.std():6.1f}, lag 1 along x {along[1, 2]:.2f}, along y {along[2, 1]:.2f}")
print("pictures are in", FOLDER)
