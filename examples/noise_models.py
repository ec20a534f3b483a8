# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Noise models: from calibration, and from nothing
#
# HDN and DivNoising explain noisy pixels through a noise model p(x|s): how an observed intensity x scatters around the
# clean signal s. This notebook makes one in two ways and compares them:
#
# 1. **calibration**: many frames of one scene that does not move; their mean is the signal;
# 2. **bootstrap**: no calibration at all; Noise2Void makes a pseudo-signal from the noisy images themselves.

# %%
import os
from pathlib import Path
from tempfile import mkdtemp

import matplotlib.pyplot as plt
import numpy as np
import torch

from quietscope import read_image, sample_path
from quietscope.axes import Layout
from quietscope.data.frames import Frames
from quietscope.noise import PoissonGaussian, fit_noise
from quietscope.noise.noise_file import load_noise_model, save_noise_model
from quietscope.noise.static_scene import pairs_from_frames
from quietscope.setup.bootstrap import bootstrap_noise

# As it stands this takes minutes. The site is built with less ("site"), and tests see whether it runs ("1").
WAY = ("", "site", "1").index(os.environ.get("QUIETSCOPE_REDUCED", ""))
FOLDER = Path(mkdtemp())

# %% [markdown]
# ## 1. Calibration
#
# The package carries no calibration recording, so we make one: 60 exposures of one clean field, with the noise of a
# camera that we know. With your own recording this is `frames = read_image("calibration.tif")`; on the command line,
# `quietscope noise calibrate calibration.tif -o noise.safetensors`.

# %%
scene = np.asarray(read_image(sample_path("confocal_fish_clean")))[0].astype(np.float32)
SIDE = (256, 256, 64)[WAY]
scene = scene[:SIDE, :SIDE]
camera = PoissonGaussian(gain=8.0, offset=2.0, read_noise=4.0)
generator = torch.Generator().manual_seed(0)
frames = [camera.sample(torch.from_numpy(scene), generator).numpy() for _ in range(60)]

pairs = pairs_from_frames(frames)
calibrated = fit_noise("gaussian-mixture", pairs.signal, pairs.observation, clip=pairs.clip)
print(calibrated.describe())
for note in pairs.steadiness.notes():
    print("note:", note)

# %% [markdown]
# The fit is compared with the camera it has never been told of.

# %%
signal = torch.linspace(float(np.quantile(pairs.signal, 0.01)), float(np.quantile(pairs.signal, 0.99)), 50)
true_sigma, found_sigma = (model.variance(signal).sqrt() for model in (camera, calibrated))
print(f"mean relative error of sigma: {float((found_sigma / true_sigma - 1).abs().mean()):.1%}")

save_noise_model(FOLDER / "camera.safetensors", calibrated)
again = load_noise_model(FOLDER / "camera.safetensors")
assert torch.equal(again.variance(signal), calibrated.variance(signal))

# %% [markdown]
# ## 2. Bootstrap
#
# Real noisy images and nothing else. Noise2Void is trained for a minute, and Gaussian, Poisson-Gaussian and mixtures of
# 1 to 4 Gaussians are fitted to (pseudo-signal, observation); the simplest that predicts held-out pixels as well as
# the best is chosen. On the command line: `quietscope noise bootstrap cells.tif -o noise.safetensors`, or
# `--noise bootstrap` of `denoise` and `train`.

# %%
noisy, clean = (np.asarray(read_image(sample_path(f"confocal_fish_{kind}"))) for kind in ("noisy", "clean"))
if WAY:
    noisy, clean = noisy[:, :SIDE, :SIDE], clean[:, :SIDE, :SIDE]
stack = Frames(((noisy, Layout.of("TYX", noisy.shape)),))
[choice] = bootstrap_noise(stack, steps=(400, 60, 5)[WAY])
print(choice.reason)
for candidate in choice.table:
    print(f"{candidate.name:24s} {candidate.log_likelihood:8.4f} nats per pixel")

# %% [markdown]
# The sample has clean references, so we can see how far the bootstrap is from the noise model fitted to real pairs.

# %%
from_pairs = fit_noise("gaussian-mixture", clean, noisy)
signal = torch.linspace(float(np.quantile(clean, 0.01)), float(np.quantile(clean, 0.99)), 50)
expected, found = (model.variance(signal).sqrt() for model in (from_pairs, choice.model))
print(f"mean relative error of sigma: {float((found / expected - 1).abs().mean()):.1%}")

figure, axes = plt.subplots()
axes.plot(signal, expected, label="fitted to pairs of clean and noisy images")
axes.plot(signal, found, label="bootstrap, from the noisy images alone")
axes.set_xlabel("signal, intensity")
axes.set_ylabel("standard deviation of the noise, intensity")
axes.legend()
figure.savefig(FOLDER / "noise.png")
