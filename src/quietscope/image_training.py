"""From opened images to a trained method: all that `Denoiser.fit` does in between."""

from dataclasses import dataclass
from pathlib import Path

import torch

from quietscope.data.by_itself import for_model
from quietscope.data.frames import Frames
from quietscope.data.look import look_at
from quietscope.data.preparation import Notify
from quietscope.distillation.student import Student
from quietscope.io import Image
from quietscope.methods.base import Method
from quietscope.model.file import ModelCard
from quietscope.model.starting import take_weights
from quietscope.presets import Configuration
from quietscope.setup.neighbour_axis import with_neighbour_axis
from quietscope.setup.settle import settle
from quietscope.training.checkpoint import RESUME_FILE
from quietscope.training.enough import EnoughSteps
from quietscope.training.fit import FitReport
from quietscope.training.followed import NOBODY, Followers
from quietscope.training.settling import Judge
from quietscope.training.together import fit_together
from quietscope.training.watch import Watcher


@dataclass(frozen=True, kw_only=True)
class Learnt:
    """What came of training.

    Attributes:
        method: The trained method.
        card: What is known of it, with the settled configuration.
        report: How training went.
        direct: The direct denoiser that was trained along, and what is known of it; None where none was asked for.
        enough: What says whether that was long enough, once it is kept.
    """

    method: Method
    card: ModelCard
    report: FitReport
    direct: tuple[Method, ModelCard] | None
    enough: EnoughSteps

    def conclude(self) -> None:
        """Tell of training that was ended, or too short.

        Raises:
            Terminated: If the system ended it, which wants the program to end.
        """
        self.enough.conclude(self.report)


def learn(
    configuration: Configuration,
    images: list[Image],
    device: torch.device,
    *,
    devices: int = 1,
    folder: Path | None = None,
    resume: bool = False,
    watch: Watcher | None = None,
    notify: Notify | None = None,
    judge: Judge | None = None,
    followers: Followers = NOBODY,
) -> Learnt:
    """Settle what is open, build the method, and train it; the arguments are those of `Denoiser.fit`.

    Args:
        configuration: The configuration.
        images: The noisy images, with NaN where nothing was measured.
        device: Where to train.
        devices: Processes that train together.
        folder: Where logs and the resume file go; None keeps nothing on disk.
        resume: Go on from the folder's resume file.
        watch: Called after every training step.
        notify: Called with one line for each thing a person should know; printed if None.
        judge: What tells how good the method is by now, for the training setting `stop_when_settled`.
        followers: Trackers that are told how training goes.

    Returns:
        What came of it.

    Raises:
        QuietScopeError: If images, noise or settings cannot be used; the subclass and its line say how.
    """
    chosen = with_neighbour_axis(configuration, images)
    opened = [for_model(image, chosen.normalize, chosen.context) for image in images]
    frames = Frames.of(opened, chosen.dims)
    settled = settle(chosen, opened, frames, device=device, folder=folder, resume=resume, watch=watch, notify=notify)
    chosen, method = settled.configuration, settled.build(device)
    if not (resume and folder is not None and (folder / RESUME_FILE).is_file()):  # which has weights of its own
        take_weights(method, chosen)
    student, budget = Student.along(method, chosen), chosen.training_budget()
    enough = EnoughSteps(chosen.least_steps, budget, watch, notify or print)
    report = fit_together(
        devices,
        method,
        frames,
        chosen.training_settings(),
        budget,
        device=device,
        folder=folder,
        resume=resume,
        watch=enough,
        notify=notify or print,
        companion=None if student is None else student.companion(chosen),
        judge=judge,
        followers=followers,
    )
    seen = look_at(opened, chosen.dims)
    direct = None
    if student is not None:
        student.method.learn_from(None)
        direct = student.method, ModelCard.of(student.configuration, opened[0], report, seen)
    card = ModelCard.of(chosen, opened[0], report, seen)
    return Learnt(method=method, card=card, report=report, direct=direct, enough=enough)
