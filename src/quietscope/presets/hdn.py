"""Presets of HDN."""

from quietscope.methods.hdn import HDN, HDNSettings
from quietscope.presets.record import MINUTES, Preset
from quietscope.training.settings import TrainingSettings

PAPER = Preset(
    method=HDN.name,
    name="paper",
    summary="As published (Prakash et al. 2022), for a GPU and a day",
    network=HDNSettings(),
    training=TrainingSettings(
        patch=64,
        batch_size=64,
        optimizer="adamax",
        learning_rate=3e-4,
        schedule="plateau",
        plateau_patience=10,
        plateau_factor=0.5,
        validate_every=400,
        validation_patches=256,
    ),
    budget=None,
    steps=200_000,
    measured=("not yet trained in full by QuietScope; published: BSD68, sigma 25: 28.7 to 28.8 dB",),
)

FAST = Preset(
    method=HDN.name,
    name="fast",
    summary="Minutes on two CPU cores: fewer blocks, stabilised scale, cosine schedule over the budget",
    network=HDNSettings(
        filters=(64,) * 5,
        latent_channels=(32,) * 5,
        blocks=2,
        final_blocks=0,
        stem_filters=32,
        activation="relu",
        batch_norm=False,
        dropout=0.0,
        gated=False,
        stabilize=True,
    ),
    training=MINUTES,
    budget="4m",
    steps=None,
    measured=(
        "FMD Confocal_FISH, 4 min on 2 CPU cores (AMX, bfloat16), 50 samples: 22.62 -> 32.23 dB",
        "W2S ch0, 8 evaluation fields, 8 min on 2 CPU cores, 50 samples: 22.97 -> 36.36 dB (BM3D: 36.13)",
    ),
)

PRESETS = (FAST, PAPER)
