# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Text
#
# What noise hides, samples show: where a word may be "casts" or "costs", some samples are read as the one and some as
# the other, while the denoised image decides for one of them without a word. Prakash, Krull, Jug, ICLR 2021, show it on
# a scanned book; here a page is rendered with the fonts of matplotlib, and noise is added.
#
# Reading needs the program tesseract (`apt install tesseract-ocr`) and `pip install "quietscope[text]"`.

# %%
import os
import shutil
from pathlib import Path
from tempfile import mkdtemp

import matplotlib.pyplot as plt
import numpy as np

from quietscope import Denoiser

# QUIETSCOPE_REDUCED=1 runs everything in seconds, to check that it runs; the figures then mean nothing.
REDUCED = bool(os.environ.get("QUIETSCOPE_REDUCED"))
FOLDER = Path(mkdtemp())
HAS_TESSERACT = shutil.which("tesseract") is not None
LINES = ["the mason casts a stone", "what it costs is a tale", "tall ships sail at ten"][: 1 if REDUCED else 3]
SIGMA = 10.0 if REDUCED else 40.0

# %% [markdown]
# ## A page
#
# Ink of 60 on paper of 190, letters of 15 pixels, noise with a standard deviation of 40.

# %%
inches = 0.4 + 0.3 * len(LINES)
figure = plt.figure(figsize=(2.3, inches), dpi=100)
for number, line in enumerate(LINES):
    figure.text(0.05, 1.0 - (0.35 + 0.3 * number) / inches, line, fontsize=10.8)
figure.canvas.draw()
grey = np.asarray(figure.canvas.buffer_rgba())[..., 0].astype(np.float32) / 255.0
plt.close(figure)
clean = 60.0 + 130.0 * grey
noisy = (clean + np.random.default_rng(0).normal(0.0, SIGMA, clean.shape)).astype(np.float32)

# %% [markdown]
# ## A model that samples
#
# `instant` comes trained; it adapts to the page in seconds. Many pages of one kind are worth training `hdn` or
# `divnoising` on.

# %%
denoiser = Denoiser(method="instant", noise=f"sigma={SIGMA:g}", steps=1 if REDUCED else None)
denoiser.fit(noisy, axes="YX", progress=False)
samples = denoiser.sample(noisy, num_samples=3, axes="YX")
mean = denoiser.denoise(noisy, num_samples=2, axes="YX").mean

figure, panels = plt.subplots(5, 1, figsize=(6, 6))
names = ("noisy", "mean", "sample 1", "sample 2", "sample 3")
for panel, name, image in zip(panels, names, (noisy, mean, *samples), strict=True):
    panel.imshow(image, cmap="gray", vmin=40, vmax=210)
    panel.set_title(name)
    panel.axis("off")
figure.savefig(FOLDER / "samples.png")

# %% [markdown]
# ## Read all samples
#
# Each sample is read; words meet by where they stand; each place has its readings with their probabilities. The text is
# the one of least expected error.

# %%
if HAS_TESSERACT:
    from quietscope.consensus import ReadingOptions, read_text

    found = read_text(denoiser, noisy, ReadingOptions(num_samples=3 if REDUCED else 30), axes="YX")
    page = found.pages[0]
    print("truth:        ", " / ".join(LINES))
    print("samples:      ", " / ".join(page.text.splitlines()))
    print("mean:         ", " / ".join(page.mean_text.splitlines()))
    print("most probable:", " / ".join(page.map_text.splitlines()))
    for place in page.places:
        ways = ", ".join(f"{each.text or '(nothing)'} {each.probability:.0%}" for each in place.readings[:4])
        print(f"{place.text:12s} {ways}")
else:
    print("tesseract is not installed: nothing is read")
print("pictures are in", FOLDER)
