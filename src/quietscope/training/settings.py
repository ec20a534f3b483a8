"""Settings of training: batches, optimiser, schedule, precision. Settings of the network belong to the method."""

import math
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

WAY = 0.3
"""What the learning rates of all steps have to add up to: steps of Adam move a weight by about the rate, and weights
have to go that far before a network gives more than a blur. See ``benchmarks/verdicts.py``."""

MOST_PIECES = 32
"""Pieces that a batch is computed in at most."""

Decay: TypeAlias = Annotated[float, Field(ge=0, lt=1)]


class TrainingSettings(BaseModel):
    """Frozen, validated training settings; unknown keys are refused.

    Attributes:
        patch: Patch size in Y and X, in pixels.
        patch_z: Patch size in Z, in pixels, for 3-D.
        batch_size: Patches per step.
        micro_batch: Patches of a step that are computed at a time; their gradients are added up before the step, which
            takes the memory of these patches alone. Gradients are those of the whole batch, up to rounding, except that
            batch normalisation and pixels that were never measured are averaged over in each piece by itself. None
            computes all patches at once.
        checkpointing: Keep only the inputs of a network's blocks, and compute the rest again for the gradients; takes
            less memory and 29 to 43 % more time (published ladders, a CPU core), and changes no bit of the result.
        optimizer: "adamax" (published for HDN) or "adam".
        betas: Decay of the running means of gradient and squared gradient, for "adam".
        learning_rate: Highest learning rate.
        schedule: "plateau" multiplies the rate by `plateau_factor` when the validation loss stalls (published for HDN,
            with a factor of 0.5). "plateaus" does so for every part of a method that shares no gradients with others,
            by its own loss (published for DVLAE; for a method of one part it is "plateau"); the first part, DVLAE's
            autoencoder, decides on early stopping, the best weights, and the rate of a direct denoiser trained along.
            "cosine" lets the rate fall to 1 % over the budget, which is better for runs of a few minutes.
        warmup_steps: Steps over which the rate rises from zero.
        plateau_patience: Validations without improvement before the rate is cut.
        plateau_factor: Factor by which the rate is cut.
        clip_norm: Largest global norm of the gradients; larger gradients are scaled down to this norm.
        validate_every: Steps between validations.
        validation_patches: Number of patches that the validation loss is measured on.
        keep: Weights that become the model: "best" takes the weights of the lowest validation loss, "last" the weights
            of the last step. With a "cosine" schedule the last weights are better, because the validation loss of a few
            patches stops falling long before the image stops improving (W2S, 20 minutes: 34.9 dB for the "best").
        early_stop: Validations without improvement after which training ends; None never ends early.
        early_stop_delta: By how much the validation loss must fall to count as an improvement in `early_stop`; None for
            0.01 % of it, as for a cut of the rate.
        stop_when_settled: End training before its budget does where nothing more is gained, by an estimate of the PSNR
            or else the validation loss, see `quietscope.training.settling`. The rate of the schedule "cosine" then
            stays up until nothing is gained, or 80 % of the budget is used, and falls after that.
        mismatch: Share of the patches in which a part of the neighbours is that of another patch, for a method that
            sees neighbours: it learns to look whether they fit, and not to carry over what has changed between frames.
        skip_empty: Pass over empty space: but for a quarter, patches hold something brighter than the background, see
            `quietscope.data.foreground`. For scenes of a few objects on a flat dark ground. None does so for a method
            whose posterior may collapse, where less than 2 % of the images is anything else: the little that
            explaining it gains is lost among patches of nothing.
        precision: "auto" trains in bfloat16 on hardware that is faster in it.
        compile: Compile the loss with torch.compile: slower to start, faster per step on a GPU.
        seed: Seed of weights, patches and latent noise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    patch: int = Field(default=64, ge=8, le=8192)
    patch_z: int = Field(default=8, ge=1, le=4096)
    batch_size: int = Field(default=64, ge=1, le=65536)
    micro_batch: int | None = Field(default=None, ge=1, le=65536)
    checkpointing: bool = False
    optimizer: Literal["adamax", "adam"] = "adamax"
    betas: tuple[Decay, Decay] = (0.9, 0.999)
    learning_rate: float = Field(default=3e-4, gt=0, le=10)
    schedule: Literal["plateau", "plateaus", "cosine"] = "plateau"
    warmup_steps: int = Field(default=0, ge=0, le=10**9)
    plateau_patience: int = Field(default=10, ge=1, le=10**9)
    plateau_factor: float = Field(default=0.5, gt=0, lt=1)
    clip_norm: float = Field(default=100.0, gt=0, le=1e12)
    validate_every: int = Field(default=400, ge=1, le=10**9)
    validation_patches: int = Field(default=64, ge=1, le=65536)
    keep: Literal["best", "last"] = "best"
    early_stop: int | None = Field(default=None, ge=1, le=10**9)
    early_stop_delta: float | None = Field(default=None, ge=0, le=1e9)
    stop_when_settled: bool = False
    mismatch: float = Field(default=0.5, ge=0, le=1)
    skip_empty: bool | None = None
    precision: Literal["auto", "bfloat16", "float32"] = "auto"
    compile: bool = False
    seed: int = Field(default=0, ge=0, lt=2**31)

    @model_validator(mode="after")
    def _go_together(self) -> Self:
        if self.num_pieces(self.batch_size) > MOST_PIECES:
            raise ValueError(f"micro_batch must be at least {math.ceil(self.batch_size / MOST_PIECES)} for batch_size")
        if self.early_stop_delta is not None and self.early_stop is None:
            raise ValueError("early_stop_delta says when early_stop is due, which is not set")
        if self.stop_when_settled and (self.schedule != "cosine" or self.early_stop is not None):
            own = "early_stop" if self.early_stop is not None else f"schedule {self.schedule}"
            raise ValueError(f"stop_when_settled and {own} exclude each other: each has a rule of its own for the end")
        if self.compile and self.checkpointing:
            raise ValueError("compile and checkpointing exclude each other: compiled code decides itself what it keeps")
        return self

    @property
    def at_once(self) -> int:
        """Largest number of patches that are computed at a time."""
        return min(self.batch_size, self.micro_batch or self.batch_size)

    def num_pieces(self, patches: int) -> int:
        """Return in how many pieces, which differ by one patch at most, a number of patches is computed."""
        return 1 if self.micro_batch is None else math.ceil(patches / self.micro_batch)

    @property
    def heeds_validation(self) -> bool:
        """Whether weights, learning rate or the end of training hang on the validation loss."""
        return self.keep == "best" or self.has_plateaus or self.early_stop is not None

    @property
    def has_plateaus(self) -> bool:
        """Whether learning rates are cut where the validation loss stalls."""
        return self.schedule != "cosine"

    @property
    def least_steps(self) -> int:
        """Steps below which a result is hardly ever usable: those in which the learning rates add up to `WAY`."""
        return math.ceil(WAY / self.learning_rate) + self.warmup_steps // 2
