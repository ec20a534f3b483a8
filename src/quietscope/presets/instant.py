"""Presets of the denoiser that comes trained."""

from quietscope.methods.instant import Instant, InstantSettings
from quietscope.presets.record import MINUTES, Preset

FAST = Preset(
    method=Instant.name,
    name="fast",
    summary="Seconds on two CPU cores: only the scale is learnt",
    network=InstantSettings(),
    training=MINUTES.model_copy(update={"learning_rate": 1e-3, "batch_size": 4, "warmup_steps": 5}),
    budget=None,
    steps=20,
    measured=(),
)

TUNED = Preset(
    method=Instant.name,
    name="tuned",
    summary="Minutes on two CPU cores: the network goes on learning from the noisy images",
    network=InstantSettings(learns="network", loss="split"),
    training=MINUTES.model_copy(update={"learning_rate": 3e-4, "batch_size": 8}),
    budget="4m",
    steps=None,
    measured=(),
)

PRESETS = (FAST, TUNED)
