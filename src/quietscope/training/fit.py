"""Train a method within a budget, in a folder that a later run can resume."""

import itertools
import logging
import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

from quietscope.data.frames import Frames
from quietscope.data.patches import Patches, PatchPlan, ResidentPatches, StreamedPatches, pad_to_patch
from quietscope.data.split import split_frames
from quietscope.methods.base import LearningMethod, Method
from quietscope.nn.hardware import gains_from_bf16, place
from quietscope.tiling.grid import round_up
from quietscope.training.budget import Budget
from quietscope.training.callbacks import Checkpoint, Interrupt, Watch, Watcher
from quietscope.training.module import Companion, TrainingModule
from quietscope.training.settings import TrainingSettings

RESUME_FILE = "resume.ckpt"
RESIDENT_BYTES = 4 << 30
LOG_EVERY = 10


@dataclass(frozen=True, kw_only=True)
class FitReport:
    """How a run went.

    Attributes:
        steps: Optimiser steps, resumed runs included.
        seconds: Training time, resumed runs included.
        best_validation_loss: In nats per pixel; infinite where the run ended before its first validation.
        skipped_steps: Steps whose loss or gradient was not finite.
        rollbacks: Returns to an earlier state.
        restarts: Starts with fresh weights after the posterior had collapsed.
        interrupted: Whether the user, the system or the watcher ended the run.
        terminated: Whether it was the system, by SIGTERM: nothing more should be started.
        best_state: Weights of the lowest validation loss.
        last_state: Weights at the end; the method carries these or those, as the settings say.
    """

    steps: int
    seconds: float
    best_validation_loss: float
    skipped_steps: int
    rollbacks: int
    restarts: int
    interrupted: bool
    terminated: bool
    best_state: dict[str, torch.Tensor]
    last_state: dict[str, torch.Tensor]

    def summary(self) -> dict[str, float]:
        """Return the numbers, by name; those that are infinite or NaN are left out."""
        numbers = {
            "steps": float(self.steps),
            "training_seconds": round(self.seconds, 1),
            "best_validation_loss": self.best_validation_loss,
            "skipped_steps": float(self.skipped_steps),
            "rollbacks": float(self.rollbacks),
            "restarts": float(self.restarts),
        }
        return {name: number for name, number in numbers.items() if math.isfinite(number)}


def fit(
    method: LearningMethod,
    frames: Frames,
    settings: TrainingSettings,
    budget: Budget,
    *,
    device: torch.device,
    folder: Path | None = None,
    resume: bool = False,
    watch: Watcher | None = None,
    companion: Companion | None = None,
) -> FitReport:
    """Train a method in place and leave it with its best or its last weights, as the settings say.

    The best weights are those of the lowest validation loss. Ctrl-C ends the run as if its budget were used up.

    Args:
        method: What to train.
        frames: Noisy frames.
        settings: How to train.
        budget: When to stop.
        device: Where to train.
        folder: Where logs and the resume file go; None keeps nothing on disk.
        resume: Go on from the folder's resume file.
        watch: Called after every step; ends the run in order by raising `quietscope.errors.Stop`.
        companion: Another method to train along in place, such as one that learns from the first. It changes nothing of
            the first one, and ends with its weights of the same moment.

    Returns:
        How it went.

    Raises:
        TrainingError: If the loss does not stay finite, or the posterior has collapsed in spite of fresh starts.
    """
    assert folder is not None or not resume
    training, validation = split_frames(len(frames), settings.seed)
    trained = [method] if companion is None else [method, companion.method]
    pickier = trained[-1]  # one that learns from the other suits the multiples of both
    patches = make_patches(pickier, frames, training, settings, settings.seed, device)
    watched = make_patches(pickier, frames, validation, settings, settings.seed + 1, torch.device("cpu"))
    fixed = watched.batch(0, settings.validation_patches).to(device)
    module = TrainingModule(method, patches, fixed, settings, budget, companion=companion)
    for each in trained:
        place(each, device, method.spatial_dims)
    interrupt = Interrupt()
    trainer = _trainer(settings, budget, device, folder, [Watch(watch, interrupt), interrupt])
    checkpoint = str(folder / RESUME_FILE) if folder is not None and resume else None
    with warnings.catch_warnings(), interrupt.handled():
        # Lightning warns of loaders without workers and of loops without length; neither applies to an index stream.
        warnings.simplefilter("ignore")
        # A generator of its own: the loader draws a seed at the start, and must not draw it from the user's.
        loader = torch.utils.data.DataLoader(_Endless(), batch_size=None, generator=torch.Generator())
        trainer.fit(module, loader, ckpt_path=checkpoint, weights_only=True)
    for each in trained:
        place(each, device, method.spatial_dims)  # Lightning leaves it on the CPU
    # After the last checkpoint, so that a resumed run sees no validation that an uninterrupted one would not make.
    module.validate()
    module.refuse_collapse()
    last = {k: v.detach().cpu().clone() for k, v in method.state_dict().items()}
    best = {k: v.cpu() for k, v in module.best_state.items()} or last
    if settings.keep == "best":
        method.load_state_dict(best)
        if companion is not None and module.companion_best:
            companion.method.load_state_dict(module.companion_best)
    for each in trained:
        each.eval()
    return FitReport(
        steps=module.global_step,
        seconds=module.seconds,
        best_validation_loss=module.rate.best,
        skipped_steps=module.skipped_steps,
        rollbacks=module.rollbacks,
        restarts=module.collapse.restarts,
        interrupted=interrupt.requested,
        terminated=interrupt.terminated,
        best_state=best,
        last_state=last,
    )


def make_patches(
    method: Method, frames: Frames, chosen: Sequence[int], settings: TrainingSettings, seed: int, device: torch.device
) -> Patches:
    """Make the patch source of some frames: on the device where they fit, streamed from their files where not.

    Frames smaller than a patch are mirrored up to its size.

    Args:
        method: Gives the number of axes, and the turns that its noise allows.
        frames: All frames.
        chosen: Indices of those to use.
        settings: Patch size.
        seed: Seed of the order.
        device: Where batches are wanted.

    Returns:
        The source.
    """
    patch = (settings.patch, settings.patch) if method.spatial_dims == 2 else (settings.patch_z, *[settings.patch] * 2)
    # A patch that the PSF does not fit into would teach mostly what lies beyond its borders.
    least = tuple(max(length, 2 * reach + 1) for length, reach in zip(patch, method.reach, strict=True))
    patch = tuple(round_up(length, multiple) for length, multiple in zip(least, method.size_multiple, strict=True))
    sizes = [frames.spatial_shape(n) for n in chosen]
    for size in {patch, *sizes}:
        method.check_size(size)
    plan = PatchPlan(
        sizes=tuple(tuple(max(n, p) for n, p in zip(size, patch, strict=True)) for size in sizes),
        patch=patch,
        seed=seed,
        orientations=method.orientations,
    )
    if 4 * frames.num_channels * sum(math.prod(size) for size in plan.sizes) <= RESIDENT_BYTES:
        return ResidentPatches([pad_to_patch(frames[n], patch) for n in chosen], plan, device)
    return StreamedPatches(frames, chosen, plan, device)


def _trainer(
    settings: TrainingSettings,
    budget: Budget,
    device: torch.device,
    folder: Path | None,
    callbacks: list[L.Callback],
) -> L.Trainer:
    lower = settings.precision == "bfloat16" or (settings.precision == "auto" and gains_from_bf16(device))
    loggers: list[Any] = []
    if folder is not None:
        loggers = [
            CSVLogger(folder, name="logs", version=""),
            TensorBoardLogger(folder, name="logs", version="", default_hp_metric=False),
        ]
        callbacks = [*callbacks, Checkpoint(folder / RESUME_FILE, settings.validate_every)]
    # Lightning says on every start which accelerators it found; a library speaks when it has something to say.
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    return L.Trainer(
        accelerator=device.type,
        devices=1 if device.index is None else [device.index],
        precision="bf16-mixed" if lower else "32-true",
        max_steps=budget.steps or -1,
        max_epochs=-1,
        logger=loggers,
        callbacks=callbacks,
        log_every_n_steps=LOG_EVERY,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


class _Endless(torch.utils.data.IterableDataset[int]):
    """One number per step: patches are cut by step, so the loader has nothing to carry."""

    def __iter__(self) -> Iterator[int]:
        return itertools.count()
