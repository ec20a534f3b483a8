"""The training recipe that the presets for minutes on a CPU share."""

from quietscope.training.settings import TrainingSettings

MINUTES = TrainingSettings(
    patch=64,
    batch_size=16,
    optimizer="adam",
    betas=(0.9, 0.99),
    learning_rate=2e-3,
    schedule="cosine",
    warmup_steps=50,
    clip_norm=1.0,
    keep="last",
    validate_every=100,
    validation_patches=64,
)
