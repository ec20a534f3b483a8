"""Presets of GR2R."""

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
    measured=(),
)

BSD68 = Preset(
    method=GR2R.name,
    name="bsd68",
    summary="For natural images with Gaussian noise (BSD68), an hour on a CPU core",
    network=GR2RSettings(),
    training=_TRAINING.model_copy(update={"validate_every": 500}),
    budget="1h",
    steps=None,
    measured=(),
)

PRESETS = (FAST, BSD68)
