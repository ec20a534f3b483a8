"""Presets of DivNoising.

Taught blind for a tenth or a fifth of its training (`blind_share`), it is ahead after 100 steps of `fast`:
Confocal_FISH 26.38, 27.18 and 27.64 dB for shares of 0, 0.1 and 0.2, W2S ch0 26.69 and 28.09 dB for 0 and 0.1 (one
seed, 4 fields). Two further seeds, shares of 0 and 0.2: 25.52 and 27.64, 25.54 and 26.16 dB on FISH, but on W2S 27.14
and 23.78, 26.81 and 27.96 dB. HDN gains less: 30.31, 30.51 and 30.47 dB on FISH. So no preset has it on.
"""

from quietscope.methods.divnoising import DivNoising, DivNoisingSettings
from quietscope.presets.record import MINUTES, Preset
from quietscope.training.settings import TrainingSettings

PAPER = Preset(
    method=DivNoising.name,
    name="paper",
    summary="As published (Prakash et al. 2021) but for the split: 5 % held out, not 15; for a GPU",
    network=DivNoisingSettings(activates_up=False),
    former_network=DivNoisingSettings(),
    # As for Convallaria: 68,000 patches an epoch; at most 22 million patches, or 100 epochs without a lower loss.
    training=TrainingSettings(
        patch=128,
        batch_size=32,
        optimizer="adam",
        betas=(0.9, 0.999),
        learning_rate=1e-3,
        schedule="plateau",
        plateau_patience=30,
        plateau_factor=0.5,
        validate_every=2_125,
        validation_patches=128,
        early_stop=100,
        early_stop_delta=1e-6,
    ),
    budget=None,
    steps=687_500,
    measured=(),
)

FAST = Preset(
    method=DivNoising.name,
    name="fast",
    summary="Minutes on two CPU cores: wider, with residual blocks, stabilised scale, cosine schedule over the budget",
    network=DivNoisingSettings(filters=64, blocks=3, stabilize=True),
    training=MINUTES,
    budget="4m",
    steps=None,
    measured=("W2S ch0, 8 evaluation fields, 8 min on 2 CPU cores, 50 samples: 22.97 -> 35.88 dB (Noise2Void: 36.16)",),
)

PRESETS = (FAST, PAPER)
