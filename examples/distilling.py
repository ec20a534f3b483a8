# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Distilling: the mean of a hundred samples in one pass
#
# A model that samples says how sure it is, and pays for it: its best estimate is the mean of many samples. A direct
# denoiser is a plain network that has learnt what these samples have in common. Salmon, Krull, "Direct Unsupervised
# Denoising", ICCV Workshops 2023.
#
# The images are those that QuietScope carries: zebrafish tissue, confocal, one noisy frame per field (FMD data set).

# %%
import os
import time
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from quietscope import Denoiser, distill, read_image, sample_path
from quietscope.metrics import psnr

# As it stands this takes minutes. The site is built with less ("site"), and tests see whether it runs ("1").
WAY = ("", "site", "1").index(os.environ.get("QUIETSCOPE_REDUCED", ""))
LITTLE: dict[str, Any] = {"steps": 60, "training": {"batch_size": 4}}
LENGTH = ({"budget": "4m"}, LITTLE, {"steps": 3})[WAY]
FOLDER = Path(mkdtemp())

noisy, clean = (np.asarray(read_image(sample_path(f"confocal_fish_{kind}"))) for kind in ("noisy", "clean"))
SIDE = (512, 256, 64)[WAY]
noisy, clean = noisy[:, :SIDE, :SIDE], clean[:, :SIDE, :SIDE]

# %% [markdown]
# ## A teacher
#
# Any model that samples will do: HDN, DivNoising, DVLAE, in 2-D or 3-D. It may be one from a file, trained long ago.

# %%
teacher = Denoiser(method="hdn", **LENGTH)
teacher.fit(noisy, axes="TYX")

# %% [markdown]
# ## Its students
#
# In every step the teacher draws one sample of every patch, and the student is asked for it. It cannot know which
# sample will come, so squared error makes it answer with their mean, absolute error with their median, pixel by pixel.

# %%
students = {loss: distill(teacher, noisy, loss=loss, axes="TYX", **LENGTH) for loss in ("mean", "median")}
students["mean"].save(FOLDER / "direct.safetensors")

# %% [markdown]
# ## Quality and time
#
# More samples make a better mean, slowly; a student has seen thousands of them in training.

# %%
field, truth = noisy[0], clean[0]
images, seconds = {"noisy": field}, {}
for num_samples in ((1, 10, 100), (1, 5, 20), (1, 2, 4))[WAY]:
    begin = time.perf_counter()
    name = f"{num_samples} samples"
    images[name] = teacher.denoise(field, axes="YX", num_samples=num_samples).mean
    seconds[name] = time.perf_counter() - begin
for loss, student in students.items():
    begin = time.perf_counter()
    images[f"direct {loss}"] = student.denoise(field, axes="YX").mean
    seconds[f"direct {loss}"] = time.perf_counter() - begin
for name, image in images.items():
    took = f"{seconds[name]:8.3f} s" if name in seconds else ""
    print(f"{name:14s} PSNR {psnr(image, truth):6.2f} dB {took}")

# %% [markdown]
# ## Side by side

# %%
figure, panels = plt.subplots(1, len(images) + 1, figsize=(4 * len(images) + 4, 4.4))
for panel, (name, image) in zip(panels, {**images, "clean": truth}.items(), strict=True):
    panel.imshow(image[:192, :192], cmap="gray", vmin=clean.min(), vmax=np.quantile(clean, 0.998))
    panel.set_title(name if name in ("noisy", "clean") else f"{name}, {seconds[name]:.2f} s")
    panel.axis("off")
figure.savefig(FOLDER / "distilling.png")
print("pictures are in", FOLDER)

# %% [markdown]
# What a student cannot do is say how sure it is: for deviations, quantiles and samples, ask the teacher. From the
# shell:
#
# ```
# quietscope distill model.safetensors cells.tif -o direct.safetensors
# quietscope predict direct.safetensors more.tif -o denoised.ome.tif
# ```
