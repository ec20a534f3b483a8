# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # DivNoising
#
# One map of latent variables at a quarter of the resolution, and the noise model for a likelihood. Simpler than HDN, of
# which it is the forerunner, and weaker where structure is large. Prakash, Krull, Jug, ICLR 2021.
#
# The images are those that QuietScope carries: zebrafish tissue, confocal, one noisy frame per field (FMD data set).

# %%
import os
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch

from quietscope import Denoiser, read_image, sample_path
from quietscope.metrics import calibration_of_moments, psnr
from quietscope.noise import fit_noise, measure_noise
from quietscope.noise.noise_file import save_noise_model

# As it stands this takes minutes. The site is built with less ("site"), and tests see whether it runs ("1").
WAY = ("", "site", "1").index(os.environ.get("QUIETSCOPE_REDUCED", ""))
LITTLE: dict[str, Any] = {"steps": 200, "training": {"batch_size": 4}}
LENGTH = ({"budget": "4m"}, LITTLE, {"steps": 3})[WAY]
NUM_SAMPLES = (100, 10, 4)[WAY]
FOLDER = Path(mkdtemp())

noisy, clean = (np.asarray(read_image(sample_path(f"confocal_fish_{kind}"))) for kind in ("noisy", "clean"))
SIDE = (512, 256, 64)[WAY]
noisy, clean = noisy[:, :SIDE, :SIDE], clean[:, :SIDE, :SIDE]

# %% [markdown]
# ## A noise model
#
# The likelihood of DivNoising is p(x|s): how an observed intensity x scatters around the clean signal s. Here it is
# estimated from the noisy images alone, as training does when it is told nothing, and compared with what the clean
# references say. `noise_models.py` beside this file measures it from a calibration and by a first denoiser.

# %%
blind = measure_noise(noisy).training_model
told = fit_noise("poisson-gaussian", clean, noisy)
print("blind:     ", blind.describe())
print("from pairs:", told.describe())

signal = torch.linspace(float(np.quantile(clean, 0.01)), float(np.quantile(clean, 0.999)), 50)
figure, axes = plt.subplots(figsize=(6, 4))
for name, model in (("from the noisy images alone", blind), ("from pairs of clean and noisy images", told)):
    axes.plot(signal, model.variance(signal).sqrt(), label=name)
axes.set_xlabel("signal, intensity")
axes.set_ylabel("standard deviation of the noise, intensity")
axes.legend()
figure.savefig(FOLDER / "noise.png")
save_noise_model(FOLDER / "noise.safetensors", blind)

# %% [markdown]
# ## Train
#
# No clean data, and the noise model that was just made. Should the latents die out in the first steps (posterior
# collapse), training starts again by itself.

# %%
denoiser = Denoiser(method="divnoising", noise=str(FOLDER / "noise.safetensors"), **LENGTH)
denoiser.fit(noisy, axes="TYX")
denoiser.save(FOLDER / "divnoising.safetensors")
print(denoiser)

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
