# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # HDN: hierarchical DivNoising
#
# A ladder of latent variables, coarse to fine, learns what the sample looks like through the noise model; its samples
# are plausible clean images. Prakash et al., ICLR 2022.
#
# The images are those that QuietScope carries: zebrafish tissue, confocal, one noisy frame per field (FMD data set).

# %%
import os
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from quietscope import Denoiser, read_image, sample_path
from quietscope.metrics import calibration_of_moments, psnr

# As it stands this takes minutes. The site is built with less ("site"), and tests see whether it runs ("1").
WAY = ("", "site", "1").index(os.environ.get("QUIETSCOPE_REDUCED", ""))
LITTLE: dict[str, Any] = {"steps": 110, "training": {"batch_size": 4}}
LENGTH = ({"budget": "4m"}, LITTLE, {"steps": 3})[WAY]
NUM_SAMPLES = (100, 10, 4)[WAY]
FOLDER = Path(mkdtemp())

noisy, clean = (np.asarray(read_image(sample_path(f"confocal_fish_{kind}"))) for kind in ("noisy", "clean"))
SIDE = (512, 256, 64)[WAY]
noisy, clean = noisy[:, :SIDE, :SIDE], clean[:, :SIDE, :SIDE]

# %% [markdown]
# ## Train
#
# No clean data: the noise is estimated from the images, and the network learns from the very images it denoises.

# %%
denoiser = Denoiser(method="hdn", **LENGTH)
denoiser.fit(noisy, axes="TYX")
denoiser.save(FOLDER / "hdn.safetensors")
print(denoiser.noise_models[0].describe())

# %% [markdown]
# ## Predict
#
# The mean of many samples is the estimate of least squared error; their standard deviation says where not to trust it.
# The most probable image (`estimate="map"`) is sharper, and a little farther from the truth.

# %%
field = noisy[0]
result = denoiser.denoise(field, axes="YX", estimate="map", num_samples=NUM_SAMPLES)
for name, image in (("noisy", field), ("mean", result.mean), ("most probable", result.map)):
    sharpness = np.mean(np.square(np.diff(np.asarray(image, np.float64), axis=1)))
    print(f"{name:14s} PSNR {psnr(image, clean[0]):6.2f} dB   mean squared gradient {sharpness:8.2f}")

# %% [markdown]
# Is the uncertainty honest? The reference is a mean of 50 frames and has some noise left, which makes the spread look
# narrower than it is.

# %%
print(calibration_of_moments([(result.mean, result.std, clean[0])]).describe())

# %% [markdown]
# ## Samples
#
# Every sample is a clean image that could have given the noisy one. Where samples agree, the image is sure.

# %%
samples = denoiser.sample(field, num_samples=3, axes="YX")
figure, panels = plt.subplots(1, 5, figsize=(20, 4))
titles = ("noisy", "sample 1", "sample 2", "sample 3", "mean")
for panel, title, image in zip(panels, titles, (field, *samples, result.mean), strict=True):
    panel.imshow(image, cmap="gray", vmin=clean.min(), vmax=np.quantile(clean, 0.998))
    panel.set_title(title)
    panel.axis("off")
figure.savefig(FOLDER / "samples.png")

# %% [markdown]
# ## Generate
#
# Images from the prior show what the model believes that such tissue looks like, with nothing observed. With
# `with_noise=True` they are noisy like the camera's: pairs of clean and noisy images, to test other software with.

# %%
size = min(SIDE, 256)
generated = denoiser.generate(num=4, size=size, seed=0)
noisy_ones = denoiser.generate(num=4, size=size, seed=0, with_noise=True)
between = denoiser.interpolate(noisy[0][:size, :size], noisy[1][:size, :size], num=5, axes="YX")

figure, rows = plt.subplots(3, 4, figsize=(16, 12))
for row, images in zip(rows, (generated, noisy_ones, between[1:]), strict=True):
    for panel, image in zip(row, images, strict=True):
        panel.imshow(image, cmap="gray", vmin=clean.min(), vmax=np.quantile(clean, 0.998))
        panel.axis("off")
figure.savefig(FOLDER / "generated.png")
print("pictures are in", FOLDER)
