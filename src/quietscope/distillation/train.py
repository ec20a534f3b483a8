"""Distilling: a direct denoiser learns the mean or median of the samples of a trained model, or its one image."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, Self, TypeVar

import torch

from quietscope.data.by_itself import for_model
from quietscope.data.frames import Frames
from quietscope.data.mask import masked
from quietscope.data.measured import as_measured, gap_notes
from quietscope.data.preparation import Notify, note_small, prepare
from quietscope.distillation.student import Student, student_configuration
from quietscope.errors import ChannelError, Terminated
from quietscope.io import ImageSource, as_images
from quietscope.methods.base import Method
from quietscope.model.file import ModelCard
from quietscope.model.trained import TrainedModel
from quietscope.nn.hardware import place
from quietscope.progress import training_shown
from quietscope.training.fit import FitReport, fit
from quietscope.training.watch import Watcher


class Teacher(TrainedModel, Protocol):
    """A trained model of a class with a constructor `of`, such as `quietscope.Denoiser`."""

    fit_report: FitReport | None

    @classmethod
    def of(cls, method: Method, card: ModelCard, device: str | torch.device | None = None) -> Self:
        """Make a trained model from a method and a card."""


AnyTeacher = TypeVar("AnyTeacher", bound=Teacher)


def distill(
    teacher: AnyTeacher,
    images: ImageSource | Sequence[ImageSource],
    *,
    loss: Literal["mean", "median"] = "mean",
    axes: str | None = None,
    mask: ImageSource | None = None,
    folder: Path | None = None,
    resume: bool = False,
    watch: Watcher | None = None,
    notify: Notify | None = None,
    progress: bool | None = None,
    **settings: Any,
) -> AnyTeacher:
    """Train a network that gives the mean or median of a model's samples in one pass; the model is not changed.

    Of a model that gives one image, the network learns this image, for speed: preset "quick" is made for that.

    Args:
        teacher: A trained model.
        images: Noisy images like the teacher's training images, or the training images themselves.
        loss: "mean" learns with squared error to the samples, "median" with absolute error.
        axes: Axes of the images, for files that do not name their axes.
        mask: Where pixels were measured, see `quietscope.Denoiser.fit`.
        folder: Folder for logs and the resume file; None writes nothing to disk.
        resume: Whether to continue from the folder's resume file, with the same images and settings.
        watch: Called after every training step.
        notify: Called with one line for each fact about the images that a person should know.
        progress: Whether to show how training stands, see `quietscope.Denoiser.fit`.
        **settings: preset, budget, steps, seed, network and training of the direct denoiser, as for `Denoiser`.

    Returns:
        The direct denoiser, a model of the teacher's class.

    Raises:
        QuietScopeError: If the model sees neighbours, or draws no samples to take the median of, or images or settings
            cannot be used.
        Terminated: If the system ended training (SIGTERM); what was learnt comes along with it.
    """
    method, history = teacher.method, teacher.history
    chosen = student_configuration(
        method,
        loss=loss,
        precision=teacher.precision,
        normalize=history.normalize,
        depth_axis=history.context.depth,
        **settings,
    )
    opened = [as_measured(masked(image, mask)) for image in as_images(images, axes)]
    tell = notify or (lambda _: None)
    for text in gap_notes(opened):
        tell(text)
    frames = Frames.of([for_model(image, chosen.normalize, chosen.context) for image in opened], chosen.dims)
    _check_channels(frames, method)
    training = chosen.training_settings()
    prepare(frames, notify)
    if notify is not None:
        note_small(frames, training.patch, notify)
    student = Student.of(method, chosen)
    place(method.eval(), teacher.device, method.spatial_dims)
    with training_shown(watch, progress) as watcher:
        report = fit(
            student.method,
            frames,
            training,
            chosen.training_budget(),
            device=teacher.device,
            folder=folder,
            resume=resume,
            watch=watcher,
        )
    student.method.learn_from(None)
    direct = teacher.of(student.method, ModelCard.of(chosen, opened[0], report), teacher.device)
    direct.fit_report = report
    if report.terminated:
        raise Terminated(direct)
    return direct


def _check_channels(frames: Frames, teacher: Method) -> None:
    wanted = teacher.statistics.num_channels
    if frames.num_channels != wanted:
        raise ChannelError(
            f"{wanted} channel{'s' * (wanted != 1)}, as in the training images of the model",
            f"{frames.num_channels}",
            "distill with images like those that the model was trained on",
        )
