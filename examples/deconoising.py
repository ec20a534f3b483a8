# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # DecoNoising: denoise, deconvolve, and make the model small
#
# A microscope blurs: what reaches the camera is the sample convolved with the point spread function (PSF). A network
# that is told the PSF can be asked for the sample before the blur, and still be trained on noisy images alone: what it
# puts out is blurred again, and must then explain the noisy pixels that were hidden from it. Goncharova, Honigmann,
# Jug, Krull, "Improving Blind Spot Denoising for Microscopy", ECCV Workshops 2020.
#
# The images are those that QuietScope carries: zebrafish tissue, confocal, one noisy frame per field (FMD data set).

# %%
import os
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from rich.console import Console

from quietscope import Compression, Denoiser, Deployed, compress, read_image, sample_path
from quietscope.metrics import psnr
from quietscope.psf.optics import Optics
from quietscope.psf.psf import write_psf
from quietscope.psf.theory import theory_psf

# As it stands this takes minutes. The site is built with less ("site"), and tests see whether it runs ("1").
WAY = ("", "site", "1").index(os.environ.get("QUIETSCOPE_REDUCED", ""))
LITTLE: dict[str, Any] = {"steps": 100, "training": {"batch_size": 4}}
LENGTH = ({"budget": "4m"}, LITTLE, {"steps": 3})[WAY]
FOLDER = Path(mkdtemp())

noisy, clean = (np.asarray(read_image(sample_path(f"confocal_fish_{kind}"))) for kind in ("noisy", "clean"))
SIDE = (512, 256, 64)[WAY]
noisy, clean = noisy[:, :SIDE, :SIDE], clean[:, :SIDE, :SIDE]

# %% [markdown]
# ## The PSF
#
# From the optics, where nothing was measured: numerical aperture, wavelength, pixel size. Beads tell the truth
# (`quietscope psf beads beads.tif -o psf.tif`). The optics of these images are not recorded; those of a usual
# objective stand for them.

# %%
optics = Optics(numerical_aperture=0.8, wavelength_nm=520, refractive_index=1.0)
psf = theory_psf(optics, pixel_nm=160)
write_psf(FOLDER / "psf.tif", psf)
print("PSF of", psf.values.shape, "pixels")

# %% [markdown]
# ## Train, and look at both images

# %%
narrow: dict[str, Any] = {"network": {"filters": 16, "depth": 2}} if WAY else {}
denoiser = Denoiser(method="deconoising", psf=str(FOLDER / "psf.tif"), **LENGTH, **narrow)
denoiser.fit(noisy, axes="TYX")
result = denoiser.denoise(noisy[0], axes="YX")
print(f"noisy {psnr(noisy[0], clean[0]):.2f} dB, denoised {psnr(result.mean, clean[0]):.2f} dB")

# %% [markdown]
# The deconvolved image has no PSNR: the clean reference is blurred too. Blurred by the PSF it is the denoised image.

# %% [markdown]
# ## Prune and quantise
#
# Half of the channels leave, and the rest learns to answer as all did; then weights and activations go from 32 bits to
# 8. Nothing is written where that costs more than `max_loss_db`, measured on images that were held back.

# %%
FINE_TUNED: dict[str, Any] = ({"budget": "3m"}, {"steps": 60}, {"steps": 3})[WAY]
ways = {
    "int8": Compression(int8=True, max_loss_db=(0.1, 1.0, 10.0)[WAY]),
    "pruned_int8": Compression(share=0.5, int8=True, max_loss_db=(0.3, 2.0, 10.0)[WAY], **FINE_TUNED),
}
images = {"noisy": noisy[0], "denoised": result.mean, "deconvolved": result.deconvolved}
for name, way in ways.items():
    report = compress(denoiser, noisy, FOLDER / name, way, clean=clean, axes="TYX")
    Console(width=140).print(report.table())
    small = Deployed.load(FOLDER / name).denoise(noisy[0], axes="YX")
    images[name] = small.mean
    print(f"{name}: {psnr(small.mean, clean[0]):.2f} dB")

# %% [markdown]
# ## Side by side

# %%
figure, panels = plt.subplots(1, len(images) + 1, figsize=(4 * len(images) + 4, 4.4))
for panel, (name, image) in zip(panels, {**images, "clean": clean[0]}.items(), strict=True):
    panel.imshow(image[:192, :192], cmap="gray", vmin=clean.min(), vmax=np.quantile(clean, 0.998))
    panel.set_title(name)
    panel.axis("off")
figure.savefig(FOLDER / "deconoising.png")
print("pictures are in", FOLDER)

# %% [markdown]
# From the shell:
#
# ```
# quietscope psf theory --na 0.8 --wavelength-nm 520 --pixel-nm 160 --refractive-index 1 -o psf.tif
# quietscope denoise cells.tif --method deconoising --psf psf.tif -o out/
# quietscope compress out/model.safetensors --data cells.tif -o small/ --prune 0.5 --int8
# quietscope predict small/ more.tif -o denoised.ome.tif --save mean,deconvolved
# quietscope export out/model.safetensors -o model.onnx
# ```
