"""Presets of GR2R.

On Confocal_FISH, where the noise has the variance of photons of 22 grey values each but no steps of 22, it makes little
difference in 200 steps whether noise is split as photons or as a normal variable: 31.29 and 31.16 dB, one run each.
Longer runs, in which the network might learn what both parts show of a photon, were not made.
"""

from quietscope.methods.gr2r import GR2R, GR2RSettings
from quietscope.presets.record import MINUTES, Preset

_TRAINING = MINUTES.model_copy(update={"patch": 72, "batch_size": 8, "learning_rate": 1e-3, "warmup_steps": 100})

FAST = Preset(
    method=GR2R.name,
    name="fast",
    summary="Minutes on two CPU cores, for noise that is known well",
    network=GR2RSettings(),
    training=_TRAINING,
    budget="4m",
    steps=None,
    measured=("FMD Confocal_FISH, 200 steps, 239 s of a core that others shared: 22.62 -> 31.16 dB (BM3D: 32.40)",),
)

BSD68 = Preset(
    method=GR2R.name,
    name="bsd68",
    summary="For natural images with Gaussian noise (BSD68), an hour on a CPU core",
    network=GR2RSettings(),
    training=_TRAINING.model_copy(update={"betas": (0.9, 0.999), "validate_every": 500}),
    budget="1h",
    steps=None,
    measured=(
        "BSD68, sigma 25, one hour on one CPU core (15,592 steps): 20.17 -> 28.87 dB (BM3D, told the noise: 28.61)",
        "Set12, the same model: 20.18 -> 29.92 dB (BM3D: 29.97)",
    ),
)

PRESETS = (FAST, BSD68)
