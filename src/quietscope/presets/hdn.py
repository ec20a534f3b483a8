"""Presets of HDN."""

from quietscope.methods.hdn import HDN, HDNSettings
from quietscope.presets.record import MINUTES, Preset
from quietscope.training.settings import TrainingSettings

_PUBLISHED_TRAINING = TrainingSettings(
    patch=64,
    batch_size=64,
    micro_batch=8,  # batch normalisation sees 8 patches at a time
    optimizer="adamax",
    learning_rate=3e-4,
    schedule="plateau",
    plateau_patience=10,
    plateau_factor=0.5,
    validate_every=400,
    validation_patches=256,
    early_stop=30,
    early_stop_delta=0.0,
)

PAPER = Preset(
    method=HDN.name,
    name="paper",
    summary="As published for microscopy (Prakash et al. 2022, Convallaria), for a GPU and a day",
    network=HDNSettings(),
    training=_PUBLISHED_TRAINING,
    budget=None,
    steps=200_000,
    measured=(),
)

BSD68 = Preset(
    method=HDN.name,
    name="bsd68",
    summary="As published for natural images (Prakash et al. 2022, BSD68), for a GPU and a day",
    network=HDNSettings(),
    training=_PUBLISHED_TRAINING.model_copy(
        update={"patch": 128, "batch_size": 16, "validate_every": 500, "early_stop": 100}
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

BEST = Preset(
    method=HDN.name,
    name="best",
    summary="Hours on a few CPU cores, minutes on a GPU: more blocks, with gates, and patches of four times the area",
    network=HDNSettings(**{**FAST.network.model_dump(), "blocks": 3, "final_blocks": 1, "gated": True}),
    training=MINUTES.model_copy(update={"patch": 128, "batch_size": 4, "learning_rate": 1e-3, "warmup_steps": 200}),
    budget="2h",
    steps=None,
    measured=(
        "W2S ch0, 4 fields, 70 minutes of one core (7,492 steps): 36.40 dB; 7 minutes of one shared core (750 steps): "
        "35.68 dB (`fast`, 1,147 steps: 36.02 dB)",
        "FMD Confocal_FISH, 4 fields, 7 minutes of one shared core: 32.03 dB (`fast`, 1,116 steps: 32.28 dB)",
    ),
)

PRESETS = (FAST, BEST, PAPER, BSD68)
