"""Presets of DecoNoising."""

from quietscope.methods.deconoising import DecoNoising, DecoNoisingSettings
from quietscope.presets.record import MINUTES, Preset
from quietscope.training.settings import TrainingSettings

FAST = Preset(
    method=DecoNoising.name,
    name="fast",
    summary="Minutes on two CPU cores",
    network=DecoNoisingSettings(filters=32, merge="concat"),
    training=MINUTES.model_copy(update={"learning_rate": 1e-3}),
    budget="4m",
    steps=None,
    measured=(
        "W2S ch0, 8 evaluation fields, 5000 steps: 22.97 -> 36.51 dB (noise2void with as many: 36.17, BM3D: 36.13)",
    ),
)

PAPER = Preset(
    method=DecoNoising.name,
    name="paper",
    summary="As published (Goncharova et al. 2020), for a GPU",
    network=DecoNoisingSettings(depth=2, upsampling="transposed", initialisation="xavier", output_scale=10.0),
    former_network=DecoNoisingSettings(),
    training=TrainingSettings(
        patch=100,
        batch_size=20,
        optimizer="adam",
        learning_rate=1e-3,
        schedule="plateau",
        plateau_patience=10,
        plateau_factor=0.5,
        validate_every=10,
        validation_patches=20,
    ),
    budget=None,
    steps=2_000,
    measured=(),
)

PRESETS = (FAST, PAPER)
