"""The record of one preset, and the training settings that several presets share."""

from dataclasses import dataclass

from quietscope.methods.base import MethodSettings
from quietscope.training.settings import TrainingSettings


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A named configuration with its measured results.

    Attributes:
        method: Name of the method.
        name: Name of the preset.
        summary: Purpose of the preset, in one line.
        network: Settings of the method.
        training: Training settings.
        budget: Training time if the user gives neither time nor steps; None if `steps` is set.
        steps: Training steps if the user gives neither time nor steps; None if `budget` is set.
        measured: Measured results, each with data, budget and hardware.
        former_network: What `network` was in versions whose model files name the preset and do not state the network;
            None if it was the same.
    """

    method: str
    name: str
    summary: str
    network: MethodSettings
    training: TrainingSettings
    budget: str | None
    steps: int | None
    measured: tuple[str, ...]
    former_network: MethodSettings | None = None

    @property
    def key(self) -> str:
        """The key of the preset in `PRESETS`, METHOD.NAME such as "hdn.fast"."""
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
"""Training settings for runs of a few minutes on a CPU."""
