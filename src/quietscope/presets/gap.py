"""Presets of GAP.

From the network that comes trained, longer training loses: W2S ch0 after 150 and 600 steps 36.59 and 36.54 dB,
Confocal_FISH 32.59 and 32.03 (2e-4; at 5e-4 36.11 and 30.78), by the loss of `gr2r` alone: what both parts of an image
share of its noise is learnt. Without patches that are samples of its own, the mean of samples is 1 to 4 dB behind the
mean (`own_samples` 0); with patches below a half split in intensities, brightness runs away where images are generated.
"""

from quietscope.methods.gap import GAP, GAPSettings
from quietscope.presets.record import MINUTES, Preset

FAST = Preset(
    method=GAP.name,
    name="fast",
    summary="A minute on two CPU cores, from a network that comes trained: samples, and images of nothing but noise",
    network=GAPSettings(),
    training=MINUTES.model_copy(update={"patch": 72, "batch_size": 8, "learning_rate": 2e-4, "warmup_steps": 20}),
    budget=None,
    steps=150,
    measured=(
        "FMD Confocal_FISH, 4 fields, 3 seeds, 22 s of one thread: 22.62 -> 32.56 dB (BM3D, told the noise: 32.40)",
        "W2S ch0, 8 fields, 3 seeds, 24 s of one thread: 22.97 -> 36.58 dB (BM3D: 36.13)",
        "FMD Confocal_MICE, 4 fields, 3 seeds, 22 s of one thread: 28.87 -> 37.03 dB (BM3D: 37.51)",
    ),
)

PRESETS = (FAST,)
