# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Cells with error bars
#
# A method that samples draws many images that could all be what a noisy one shows. Segment each of them, and the
# segmentations differ as much as the noise leaves open: every cell gets a probability of existing, every count an
# interval.
#
# The image is drawn here, so that the answer is known: discs of unlike brightness, some touching, some nearly lost in
# the noise.

# %%
import os
from pathlib import Path
from tempfile import mkdtemp

import matplotlib.pyplot as plt
import numpy as np
from scipy import ndimage

from quietscope import Denoiser
from quietscope.consensus import over_samples, segment
from quietscope.consensus.segment_files import write_segmented
from quietscope.consensus.thresholding import watershed

# QUIETSCOPE_REDUCED=1 runs everything in seconds, to check that it runs; the figures then mean nothing.
REDUCED = bool(os.environ.get("QUIETSCOPE_REDUCED"))
FOLDER = Path(mkdtemp())

side, radius, num_cells = (96, 9, 8) if REDUCED else (384, 16, 40)
random = np.random.default_rng(0)
truth = np.zeros((side, side), int)
clean = np.full((side, side), 100.0)
y, x = np.mgrid[:side, :side]
for cell in range(1, num_cells + 1):
    centre = random.uniform(radius, side - radius, 2)
    inside = (np.hypot(y - centre[0], x - centre[1]) < random.uniform(0.7, 1.0) * radius) & (truth == 0)
    truth[inside] = cell
    clean[inside] += random.uniform(8, 40)
clean = ndimage.gaussian_filter(clean, 1.0)
noisy = (clean + random.normal(0, 20, clean.shape)).astype(np.float32)
print("cells:", len(np.unique(truth)) - 1)

# %% [markdown]
# ## A model that samples
#
# `instant` comes trained; `hdn`, `divnoising` and `dvlae` learn from the images, and are used in the same way.

# %%
denoiser = Denoiser(method="instant", steps=2) if REDUCED else Denoiser(method="instant")
denoiser.fit(noisy, axes="YX", progress=False)

# %% [markdown]
# ## Segment all samples
#
# Any function that turns an image into labels will do in place of `watershed`.

# %%
found = segment(
    denoiser,
    noisy,
    lambda sample: watershed(sample, diameter=1.8 * radius),
    num_samples=3 if REDUCED else 20,
    axes="YX",
)
(frame,) = found.frames
print(f"{frame.count.value:.0f} cells, {frame.count.low:.0f} to {frame.count.high:.0f}")
for each in frame.objects[:5]:
    area = each.area
    print(f"cell {each.label}: p {each.probability:.2f}, area {area.value:.0f} ({area.low:.0f} to {area.high:.0f})")
print(found.note)

# %%
figure, panels = plt.subplots(1, 4, figsize=(20, 5))
pictures = {"noisy": noisy, "mean of samples": found.mean, "consensus": found.labels, "agreement": found.agreement}
for panel, (title, picture) in zip(panels, pictures.items(), strict=True):
    panel.imshow(picture, cmap="gray" if title != "consensus" else "nipy_spectral")
    panel.set_title(title)
    panel.axis("off")
figure.savefig(FOLDER / "cells.png")
print([path.name for path in write_segmented(found, FOLDER / "out").values()])

# %% [markdown]
# ## Any number
#
# What is measured on every sample has an interval, too.

# %%
table = over_samples(
    denoiser,
    noisy,
    lambda sample: {"mean": sample.mean(), "bright share": (sample > 110).mean()},
    num_samples=3 if REDUCED else 20,
    axes="YX",
)
for column in table.columns:
    between = table.interval(column)
    print(f"{column}: {between.value:.4g} ({between.low:.4g} to {between.high:.4g})")
