# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Noise with stripes
#
# Scanning microscopes and some cameras make noise that is correlated along rows or columns. A denoiser that takes noise
# to be independent from pixel to pixel cannot tell its stripes from the sample, and keeps them. QuietScope has three
# ways out:
#
# * DVLAE (COSDD; Salmon and Krull, WACV 2025) learns the noise along one direction, and needs no noise model;
# * HDN with deterministic levels (Prakash et al., ICLR 2022) closes the finest levels of its hierarchy to the image,
#   because that is where structure of the size of a few pixels lives;
# * `instant` comes trained for such noise along rows or columns, and is what `quietscope denoise` chooses by itself.
#
# To have a truth, stripes are planted here on the clean image that QuietScope carries.

# %%
import os
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from quietscope import Denoiser, read_image, sample_path, write_image
from quietscope.cli import run
from quietscope.cli.verbs.diagnose import denoise_command
from quietscope.diagnosis import diagnose, verdict
from quietscope.metrics import autocorrelation, psnr, stripes_left

# As it stands this takes minutes. The site is built with less ("site"), and tests see whether it runs ("1").
WAY = ("", "site", "1").index(os.environ.get("QUIETSCOPE_REDUCED", ""))
LITTLE: dict[str, Any] = {"steps": 180, "training": {"batch_size": 4}}
LENGTH = ({"budget": "4m"}, LITTLE, {"steps": 3})[WAY]
NUM_SAMPLES = (100, 10, 4)[WAY]
FOLDER = Path(mkdtemp())

clean = np.asarray(read_image(sample_path("confocal_fish_clean")))[0].astype(np.float32)
SIDE = (512, 192, 64)[WAY]
middle = slice((512 - SIDE) // 2, (512 + SIDE) // 2)
clean = clean[middle, middle]

# %% [markdown]
# ## Plant the noise
#
# Its variance grows with the signal as that of photons does; 60 % of it is correlated along rows (x), with a
# correlation that falls by 0.73 from pixel to pixel. Neighbours along a row then share 0.44 of their variance,
# neighbours along a column nothing.

# %%
SHARE, FALL = 0.6, 0.73
rng = np.random.default_rng(0)
rows = rng.normal(size=clean.shape)
for x in range(1, clean.shape[1]):
    rows[:, x] = FALL * rows[:, x - 1] + np.sqrt(1 - FALL**2) * rows[:, x]
width = np.sqrt(20 * clean + 50)
planted = width * (np.sqrt(SHARE) * rows + np.sqrt(1 - SHARE) * rng.normal(size=clean.shape))
noisy = (clean + planted + 100).astype(np.float32)  # a camera's offset keeps intensities above zero
truth = clean + 100
write_image(FOLDER / "noisy.tif", noisy, "YX")

around = autocorrelation(planted, 1)
print(f"lag-1 autocorrelation of the noise: along x {around[1, 2]:.2f}, along y {around[2, 1]:.2f}")

# %% [markdown]
# ## What would the image itself have told?
#
# The diagnosis knows neither the clean image nor what was planted.

# %%
found = diagnose(noisy[None])
print(verdict(found))
print(denoise_command(found.advice, ["noisy.tif"]))

# %% [markdown]
# ## Denoise in four ways
#
# The same time for the first three. HDN as it comes is the one that believes in independent noise. `instant` comes
# trained, is told how the noise is correlated along the rows, and takes seconds.

# %%
ways = {
    "HDN": Denoiser(method="hdn", **LENGTH),
    "HDN, levels 0 and 1 deterministic": Denoiser(method="hdn", network={"deterministic_levels": (0, 1)}, **LENGTH),
    "DVLAE along x": Denoiser(method="dvlae", network={"direction": "x"}, **LENGTH),
    "instant": Denoiser(method="instant", steps=3 if WAY == 2 else None),
}
means = {}
for name, denoiser in ways.items():
    denoiser.fit(noisy, axes="YX")
    means[name] = denoiser.denoise(noisy, axes="YX", num_samples=NUM_SAMPLES).mean

# %% [markdown]
# ## What stripes are left?
#
# * PSNR against the truth.
# * `stripes_left`: share of the stripes' power that is still in the result. 0 for none; a clean image with a tenth of
#   the noise on it has 1 %. It needs no clean image, so it works on your own data.
# * The autocorrelation of what was removed, along the rows: 0.44 if it was the noise and nothing else; less where the
#   correlated part stayed in the image.

# %%
print(f"{'noisy':34s} PSNR {psnr(noisy, truth):5.2f} dB")
for name, mean in means.items():
    removed = autocorrelation(noisy - mean, 1)[1, 2]
    left = stripes_left(mean, noisy)
    print(f"{name:34s} PSNR {psnr(mean, truth):5.2f} dB   stripes left {left:6.1%}   removed, lag 1 {removed:.2f}")

window = np.s_[:160, :160] if WAY else np.s_[180:340, 200:360]
shown = {"noisy": noisy, **means, "truth": truth}
figure, panels = plt.subplots(1, len(shown), figsize=(4.4 * len(shown), 5))
for panel, (name, image) in zip(panels, shown.items(), strict=True):
    panel.imshow(image[window], cmap="gray", vmin=truth.min(), vmax=np.quantile(truth, 0.998))
    panel.set_title(name)
    panel.axis("off")
figure.savefig(FOLDER / "stripes.png", bbox_inches="tight")

# %% [markdown]
# ## What each level of the hierarchy holds
#
# `levels` takes a result apart: the image when only the levels from l upwards know of the observation, the deviation
# that each level adds, and the KL divergence: how much each has learnt of this image, and where. Levels 0 and 1 of this
# model have not seen the image: what they add follows from the levels above, and they add no spread.

# %%
hdn = ways["HDN, levels 0 and 1 deterministic"]
held = hdn.levels(noisy[window], axes="YX", num_samples=NUM_SAMPLES)
for level in reversed(range(held.num_levels)):
    left = stripes_left(held.reconstructions[level][0], noisy[window])
    share, spread = held.kl_share[level], np.sqrt(np.mean(held.spread[level] ** 2))
    print(f"level {level}: {share:6.1%} of the KL, spread {spread:5.2f}; stripes in the image so far {left:6.1%}")

# %% [markdown]
# The same on the command line, as a picture: `quietscope levels MODEL cells.tif -o levels.png`.

# %%
hdn.save(FOLDER / "hdn.safetensors")
words = ["levels", FOLDER / "hdn.safetensors", FOLDER / "noisy.tif", "-o", FOLDER / "levels.png"]
assert run([str(word) for word in [*words, "--samples", NUM_SAMPLES]]) == 0
print("pictures are in", FOLDER)
