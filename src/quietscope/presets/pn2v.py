"""Presets of PN2V."""

from quietscope.methods.pn2v import PN2V, PN2VSettings
from quietscope.presets.record import MINUTES, Preset
from quietscope.training.settings import TrainingSettings

FAST = Preset(
    method=PN2V.name,
    name="fast",
    summary="Minutes on two CPU cores: fewer samples, stabilised scale, cosine schedule over the budget",
    network=PN2VSettings(depth=3, filters=32, merge="concat", samples=100, stabilize=True),
    training=MINUTES.model_copy(update={"learning_rate": 3e-3}),
    budget="4m",
    steps=None,
    measured=(),
)

PAPER = Preset(
    method=PN2V.name,
    name="paper",
    summary="As published (Krull et al. 2020), for a GPU",
    network=PN2VSettings(depth=2, upsampling="transposed", initialisation="xavier", output_scale=10.0),
    training=TrainingSettings(
        patch=100,
        batch_size=20,
        optimizer="adam",
        learning_rate=1e-3,
        schedule="plateau",
        plateau_patience=10,
        plateau_factor=0.5,
        validate_every=5,
        validation_patches=20,
    ),
    budget=None,
    steps=1_000,
    measured=(),
)

PRESETS = (FAST, PAPER)
