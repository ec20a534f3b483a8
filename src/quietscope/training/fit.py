"""Train a method within a budget, in a folder that a later run can resume.

`fit` contains the whole course of training in order; each part of training has its own file in this folder.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from quietscope.data.foreground import SPARSE, Foreground
from quietscope.data.frames import Frames
from quietscope.data.patches import Patches
from quietscope.data.preparation import Notify
from quietscope.methods.base import AnnealedMethod, LearningMethod
from quietscope.training.brightness import keep_means
from quietscope.training.budget import Budget
from quietscope.training.checkpoint import ResumeFile, read_checkpoint
from quietscope.training.companion import Companion
from quietscope.training.followed import NOBODY, Followers
from quietscope.training.held_out import JUDGED_BY_HEART, HeldOut, hold_out
from quietscope.training.leak import tell_if_leaking
from quietscope.training.learner import METHOD, Learner, Weights
from quietscope.training.logs import Logs
from quietscope.training.patch_source import RESIDENT_BYTES, Places, check_batch, make_patches
from quietscope.training.report_words import ENDED_EARLY_AT, FALL_AT_THE_END
from quietscope.training.settings import TrainingSettings
from quietscope.training.settling import Judge
from quietscope.training.stop import StopRequest, ended_by
from quietscope.training.team import Team
from quietscope.training.training_run import TrainingRun
from quietscope.training.unlike import tell_if_unlike
from quietscope.training.validation import fall_at_the_end
from quietscope.training.watch import Watcher

LOG_EVERY = 10
"""Steps between the rows of the log."""


@dataclass(frozen=True, kw_only=True)
class FitReport:
    """Result of a training run.

    Attributes:
        steps: Optimiser steps, earlier parts of a resumed run included.
        seconds: Training time, earlier parts of a resumed run included.
        best_validation_loss: Lowest validation loss, in nats per pixel for a method with a likelihood; with the
            schedule "plateaus" that of the first part. Infinite if the run ended before its first validation.
        fall_at_the_end: Share, 0 to 1, of all that the validation loss has fallen by that it fell by in the last fifth
            of the run; NaN where there were too few validations to tell.
        skipped_steps: Number of steps whose loss or gradient was not finite.
        rollbacks: Number of returns to an earlier state.
        restarts: Number of starts with fresh weights after the posterior had collapsed.
        interrupted: Whether the user, the system or the watcher ended the run.
        settled: Whether the run ended because nothing more was gained, see the setting `stop_when_settled`.
        progress: Share of the budget that was used up, 0 to 1.
        terminated: Whether the system ended the run by SIGTERM; if so, nothing more should be started.
        best_state: Weights of the lowest validation loss.
        last_state: Weights at the end; the setting `keep` decides which of the two sets of weights the method has.
    """

    steps: int
    seconds: float
    best_validation_loss: float
    fall_at_the_end: float
    skipped_steps: int
    rollbacks: int
    restarts: int
    interrupted: bool
    progress: float
    terminated: bool
    settled: bool
    best_state: dict[str, Tensor] = field(repr=False)
    last_state: dict[str, Tensor] = field(repr=False)

    @property
    def is_cut_short(self) -> bool:
        """Whether somebody ended the run before its budget did."""
        return self.interrupted and self.progress < 1.0

    def summary(self) -> dict[str, float]:
        """Return the numbers of the report by name, without numbers that are infinite or NaN."""
        numbers = {
            "steps": float(self.steps),
            "training_seconds": round(self.seconds, 1),
            "best_validation_loss": self.best_validation_loss,
            FALL_AT_THE_END: round(self.fall_at_the_end, 4),
            ENDED_EARLY_AT: round(self.progress, 4) if self.is_cut_short else math.nan,
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
    notify: Notify = print,
    companion: Companion | None = None,
    resident_bytes: int = RESIDENT_BYTES,
    judge: Judge | None = None,
    followers: Followers = NOBODY,
) -> FitReport:
    """Train a method in place; at the end it has its best or its last weights, depending on the setting `keep`.

    The best weights are those of the lowest validation loss, which is measured as `quietscope.training.held_out` says.
    Ctrl-C ends the run as if its budget were used up. So does SIGTERM, after which the caller has to end the program.
    However small the budget is, one step is made. In a process group of `torch.distributed`, all processes train one
    model, see `quietscope.training.team`.

    Args:
        method: The method to train.
        frames: Noisy frames.
        settings: Training settings.
        budget: Limit of time or steps.
        device: Device to train on.
        folder: Folder for logs and the resume file; None writes nothing to disk.
        resume: Whether to continue from the folder's resume file.
        watch: Called after every step; may end the run by raising `quietscope.errors.Stop`.
        notify: Called with one line for each return to an earlier state and each start with fresh weights, and where
            something hangs on a validation loss that is not measured on pixels held out.
        companion: A second method to train in place in the same run, such as one that learns from the first. The
            companion does not influence the first method, and ends with its own weights of the same step.
        resident_bytes: Largest size of all images, as float32, to keep on the device; larger image sets are read from
            their files, patch by patch.
        judge: What tells how good the method is, for the setting `stop_when_settled`; None where the validation loss
            does.
        followers: Trackers, which are told every row of the log; for the first process of a team.

    Returns:
        The report of the run.

    Raises:
        KeyboardInterrupt: If the run was ended before its first step.
        SettingsError: If batches are too small for the network's batch normalisation.
        TrainingError: If the loss does not stay finite, or the posterior has collapsed in spite of fresh starts.
        ModelFileError: If the resume file is missing, damaged, of another version or network, or of a run that held
            out other parts of the images.
    """
    assert folder is not None or not resume
    team, stop = Team.of_process(device), StopRequest()
    learner = Learner(method, settings, team, companion)
    for each in learner.methods:
        check_batch(each, settings, team.size)
    pickier = learner.companion or method  # a companion's size_multiple includes that of the method
    held_out = _hold_out(pickier, frames, settings, judge, notify)
    foreground = _foreground(method, frames, held_out, settings, notify)
    patches, fixed = _data(pickier, frames, held_out, settings, device, resident_bytes, foreground)
    run = TrainingRun(learner, fixed, settings, budget, team, notify, held_out.record(), judge)
    run.clock.start()
    if folder is not None and resume:
        run.restore(read_checkpoint(folder))
    kept = folder if team.is_first else None
    resume_file = ResumeFile(kept, notify)
    with stop.handled(), Logs(kept, run.step, followers.write) as logs:
        logs.write_settings(method, settings, budget)
        while learner.learns and not team.largest(stop.requested) and not run.is_over:
            run.set_schedule()
            loss = learner.backward(patches.batch(*team.share(run.step, settings.batch_size)), run.step)
            run.rollback.skip(learner.clip())
            learner.optimizer.step()
            run.step += 1
            run.clock.tick(run.step)
            if watch is not None:
                stop.tell(watch, run.describe(loss))
            run.restart_if_collapsed(loss)
            numbers = run.numbers(loss) if run.step % LOG_EVERY == 0 else {}
            numbers |= run.settle()
            is_validated = run.step % settings.validate_every == 0
            if is_validated:
                numbers |= run.validate()
            logs.write(run.step, numbers)
            if is_validated:
                resume_file.keep(run.state)
            if is_validated and run.rate.has_stalled:
                break
        if learner.learns and not run.step:
            raise ended_by(is_terminated=stop.terminated)
        resume_file.keep(run.state)
    # After the last checkpoint, so that a resumed run makes the same validations as an uninterrupted run.
    run.validate()
    run.refuse_collapse()
    tell_if_unlike(method, fixed, notify)
    tell_if_leaking(method, fixed, notify)
    run.tell_if_settled()
    touch = partial(_with_means, learner, method, frames, held_out.training, device)
    return _finish(run, learner, settings, stop, touch)


def _hold_out(
    method: LearningMethod, frames: Frames, settings: TrainingSettings, judge: Judge | None, notify: Notify
) -> HeldOut:
    """Choose what is validated on; say so where something hangs on it, and it is learnt from."""
    heeds_validation = settings.heeds_validation or (settings.stop_when_settled and judge is None)
    held_out = hold_out(method, frames, settings, heeds_validation=heeds_validation)
    if heeds_validation and not held_out.is_independent:
        notify(JUDGED_BY_HEART)
    return held_out


def _data(
    method: LearningMethod,
    frames: Frames,
    held_out: HeldOut,
    settings: TrainingSettings,
    device: torch.device,
    resident_bytes: int,
    foreground: Foreground | None,
) -> tuple[Patches, Tensor]:
    """Return the training patches, whose order is a function of (seed, step), and the fixed validation patches."""

    def patches_of(chosen: Sequence[int], seed: int, where: torch.device, within: Places | None) -> Patches:
        return make_patches(
            method, frames, chosen, settings, seed, where, resident_bytes, within=within, foreground=foreground
        )

    watched = patches_of(held_out.validation, settings.seed + 1, torch.device("cpu"), held_out.watched_places())
    fixed = watched.batch(0, settings.validation_patches).to(device)
    del watched  # with the frames that it holds, before others are held to learn from
    return patches_of(held_out.training, settings.seed, device, held_out.places(frames)), fixed


def _foreground(
    method: LearningMethod, frames: Frames, held_out: HeldOut, settings: TrainingSettings, notify: Notify
) -> Foreground | None:
    """Return what patches are to hold, once it is said; None where they may be empty."""
    may_collapse = isinstance(method, AnnealedMethod)
    if settings.skip_empty is False or (settings.skip_empty is None and not may_collapse):
        return None
    found = Foreground.of(frames, held_out.training)
    if not settings.skip_empty and not 0.0 < found.share < SPARSE:
        return None
    notify(found.words)
    return found


def _finish(
    run: TrainingRun,
    learner: Learner,
    settings: TrainingSettings,
    stop: StopRequest,
    touch: Callable[[Weights], Weights],
) -> FitReport:
    """Load the weights chosen by the setting `keep` into the method, after a last touch, and return the report."""
    for each in learner.methods:
        each.eval()
    last, best = learner.weights(), run.validation.best
    last = touch(last)
    best = touch(best) if best else last
    learner.load(best if settings.keep == "best" else last)
    return FitReport(
        steps=run.step,
        seconds=run.clock.seconds,
        best_validation_loss=run.rate.best,
        fall_at_the_end=fall_at_the_end(run.losses_before_the_fall),
        skipped_steps=run.rollback.skipped_steps,
        rollbacks=run.rollback.rollbacks,
        restarts=run.collapse.restarts,
        interrupted=stop.requested,
        progress=run.clock.progress,
        terminated=stop.terminated,
        settled=run.has_settled,
        best_state=_on_cpu(best),
        last_state=_on_cpu(last),
    )


def _with_means(
    learner: Learner,
    method: LearningMethod,
    frames: Frames,
    chosen: Sequence[int],
    device: torch.device,
    weights: Weights,
) -> Weights:
    """Load weights, and return them so that they keep the means of the images."""
    learner.load(weights)
    is_changed = learner.learns and keep_means(method, frames, chosen, device)
    return learner.weights() if is_changed else weights


def _on_cpu(weights: Weights) -> dict[str, Tensor]:
    return {name: value.cpu() for name, value in weights[METHOD].items()}
