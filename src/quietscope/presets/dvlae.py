"""Presets of DVLAE."""

from typing import Any

from quietscope.methods.dvlae import DVLAE, DVLAESettings
from quietscope.presets.record import MINUTES, Preset
from quietscope.training.settings import TrainingSettings

_PUBLISHED = DVLAESettings(
    resampling="nearest",
    edges="replicate",
    final_conv=False,
    component_width="softplus",
    preactivated=False,
    signal_filters=128,
    decoder_activation="relu",
)

_PUBLISHED_TRAINING = TrainingSettings(
    patch=256,
    batch_size=16,
    micro_batch=4,
    optimizer="adamax",
    learning_rate=2e-3,
    schedule="plateaus",
    plateau_patience=25,
    plateau_factor=0.1,
    validate_every=400,
    validation_patches=16,
    keep="last",
    early_stop=50,
    early_stop_delta=0.0,
)

_SMALL: dict[str, Any] = {
    "code_channels": 32,
    "filters": (32,) * 6,
    "latent_channels": (16,) * 6,
    "halves": (True,) * 6,
    "stem_filters": 32,
}

PAPER = Preset(
    method=DVLAE.name,
    name="paper",
    summary="As published (Salmon, Krull 2025), for a GPU and a day",
    network=_PUBLISHED,
    former_network=DVLAESettings(),
    # 4.2 GiB of activations for a patch, 1.4 GiB with checkpointing
    training=_PUBLISHED_TRAINING.model_copy(update={"checkpointing": True}),
    budget=None,
    steps=100_000,
    measured=(),
)

TUTORIAL = Preset(
    method=DVLAE.name,
    name="tutorial",
    summary="The smaller published size: 6 levels, 32 filters; for a GPU and hours",
    network=_PUBLISHED.model_copy(update={**_SMALL, "signal_filters": 32}),
    former_network=DVLAESettings(**_SMALL, components=3),
    training=_PUBLISHED_TRAINING,
    budget=None,
    steps=50_000,
    measured=(),
)

FAST = Preset(
    method=DVLAE.name,
    name="fast",
    summary="Minutes on two CPU cores: no batch norm, short memory of the noise decoder, cosine schedule",
    network=DVLAESettings(
        code_channels=32,
        filters=(64,) * 5,
        latent_channels=(32,) * 5,
        halves=(True,) * 5,
        blocks=2,
        final_blocks=0,
        stem_filters=32,
        activation="relu",
        batch_norm=False,
        gated=False,
        latent_width="exponential",
        free_bits=1.0,
        dilations=(1, 1),
        noise_filters=32,
        components=3,
        signal_filters=32,
        stabilize=True,
        context_fade=(0.1, 0.35),
    ),
    training=MINUTES.model_copy(update={"patch_z": 16}),  # along z the noise decoder sees 8 slices
    budget="10m",
    steps=None,
    measured=(
        "W2S ch0 with row-correlated noise, 8 evaluation fields, 2,000 steps (10 min on 2 CPU cores), 30 samples: "
        "23.10 -> 35.05 dB (BM3D given the noise spectrum: 35.01)",
    ),
)

PRESETS = (FAST, TUTORIAL, PAPER)
