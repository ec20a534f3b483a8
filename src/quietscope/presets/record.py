"""The record of one preset, and the training recipe that several share."""

from dataclasses import dataclass

from quietscope.methods.base import MethodSettings
from quietscope.training.settings import TrainingSettings


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A named configuration with what it was measured at.

    Attributes:
        method: Name of the method.
        name: Name of the preset.
        summary: What it is for, in one line.
        network: Settings of the method.
        training: Training settings.
        budget: Training time where the user names neither time nor steps; None where `steps` is set.
        steps: Training steps where the user names neither; None where `budget` is set.
        measured: Results, each with data, budget and hardware.
    """

    method: str
    name: str
    summary: str
    network: MethodSettings
    training: TrainingSettings
    budget: str | None
    steps: int | None
    measured: tuple[str, ...]

    @property
    def key(self) -> str:
        """Return method and name, as `PRESETS` has them: "hdn.fast"."""
        return f"{self.method}.{self.name}"


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
"""How to train in minutes on a CPU."""
