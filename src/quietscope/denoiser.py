"""Denoiser: fit on noisy images, denoise them or others, save, load. The front door of the library."""

import copy
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self, final

import torch

from quietscope.axes import Ordered
from quietscope.data.by_itself import for_model
from quietscope.data.frames import Frames
from quietscope.data.mask import masked
from quietscope.data.measured import as_measured, gap_notes
from quietscope.data.preparation import Notify
from quietscope.data.scaled import Normalize
from quietscope.deploy.card import History
from quietscope.distillation.student import check_trainable
from quietscope.errors import ModelFileError, SettingsError
from quietscope.image_training import learn
from quietscope.io import ImageSource, as_images
from quietscope.main_memory import tune_allocator
from quietscope.methods.base import Method
from quietscope.metrics.coverage import Exposure
from quietscope.model import denoising, error_estimate, exploring, honesty, parameters, shown_model, trained
from quietscope.model.file import ModelCard, describe_model, history_of, load_model, save_model
from quietscope.model.parameters import configuration_of, defaults_of, parameters_of
from quietscope.model.starting import with_start
from quietscope.nn.hardware import chosen_device
from quietscope.noise import NoiseModel
from quietscope.presets import Configuration
from quietscope.progress import training_shown
from quietscope.setup.method import choose_method
from quietscope.setup.neighbour_axis import with_neighbour_axis
from quietscope.tiling.request import Precision
from quietscope.training.fit import FitReport
from quietscope.training.followed import Log, followed
from quietscope.training.settling import Judge
from quietscope.training.watch import Watcher


@final
class Denoiser:
    """Learns to denoise from noisy images alone, and draws plausible clean images.

    Args:
        method: Name of the method, see `quietscope presets`.
        preset: Name of the preset.
        noise: "auto" estimates the noise from the images, "bootstrap" fits it to what a first denoiser makes of them;
            "sigma=NUMBER" or a noise file, one for all channels or one per channel separated by commas. Methods
            without a noise model take none.
        psf: "sigma=PIXELS" or a PSF file, for a method that deconvolves; its settings' own where None.
        budget: Training time such as "4m"; the preset's where neither this nor `steps` is given.
        steps: Training steps.
        dims: 2 to denoise planes, 3 to denoise volumes.
        depth_axis: In 3-D, the axis that is the depth of volumes: "Z", or "T" for time.
        neighbours: Frames on each side of every frame that the network sees along with it, to denoise the one in the
            middle; for methods that can.
        neighbour_axis: The axis along which these lie, "T" or "Z"; None for T where there is one, else Z.
        normalize: "each" brings every channel of every image to a mean of 0 and a deviation of 1 by itself, in training
            and in prediction, for images of unlike scale; for methods without a noise model. Results are in the
            intensities of the image all the same.
        seed: Seed of everything random in training.
        direct: "mean" or "median" trains a direct denoiser along, which gives that in one pass, see `direct`.
        network: Settings of the method that differ from the preset's.
        training: Training settings that differ from the preset's.
        start: A model file whose weights training starts from, see `starting_from`; arguments left at their defaults
            are then the model's.
        device: Where to compute, such as "cpu" or "cuda:1"; the best there is if None.

    Raises:
        SettingsError: If a setting is unknown or out of range.
        BudgetError: If the budget cannot be read.
    """

    # What any trained model can do: functions that take the model first.
    denoise = denoising.denoise
    denoise_into = denoising.denoise_into
    room = denoising.room
    sample = denoising.sample
    generate = exploring.generate
    generation = exploring.generation
    generate_into = exploring.generate_into
    shape_of = exploring.shape_of
    interpolate = exploring.interpolate
    renoise = exploring.renoise
    levels = exploring.levels
    recalibrate = honesty.recalibrate
    estimated_psnr = error_estimate.estimated_psnr
    forget_recalibration = honesty.forget_recalibration
    remember = trained.remember
    # What scikit-learn and notebooks ask for.
    get_params = parameters.get_params
    set_params = parameters.set_params
    __repr__ = shown_model.shown
    _repr_html_ = shown_model.shown_as_html

    def __init__(
        self,
        *,
        method: str = "hdn",
        preset: str = "fast",
        noise: str = "auto",
        psf: str | None = None,
        budget: str | float | None = None,
        steps: int | None = None,
        dims: int = 2,
        depth_axis: Ordered = "Z",
        neighbours: int = 0,
        neighbour_axis: Ordered | None = None,
        normalize: Normalize = "together",
        seed: int = 0,
        direct: Literal["mean", "median"] | None = None,
        network: Mapping[str, Any] | None = None,
        training: Mapping[str, Any] | None = None,
        start: str | os.PathLike[str] | None = None,
        device: str | torch.device | None = None,
    ) -> None:
        made_of = {name: value for name, value in locals().items() if name != "self"}
        self._start(configuration_of(made_of, defaults_of(Denoiser)), device)
        self.made_of = made_of

    @classmethod
    def from_configuration(cls, configuration: Configuration, *, device: str | torch.device | None = None) -> Self:
        """Make a denoiser of a whole configuration.

        Args:
            configuration: The configuration.
            device: Where to compute; the best there is if None.

        Returns:
            The denoiser, not yet trained.
        """
        self = cls.__new__(cls)
        self._start(configuration, device)
        return self

    @classmethod
    def starting_from(
        cls, model: str | os.PathLike[str], *, device: str | torch.device | None = None, **changes: Any
    ) -> Self:
        """Make a denoiser that starts from a trained model's weights: fewer steps on images like its own, or new ones.

        Args:
            model: A model file.
            device: Where to compute; the best there is if None.
            **changes: Settings as for `Configuration` that differ from the model's, such as budget, steps or noise; its
                method, preset, network, axes that it sees along and normalize are taken over.

        Returns:
            The denoiser, to be trained with `fit`.

        Raises:
            ModelFileError: If the file is no model.
            SettingsError: If a setting is unknown, out of range, or not the model's method.
        """
        if "start" in changes:
            raise SettingsError("one model to start from", "two", "leave out start=")
        return cls.from_configuration(Configuration.of(with_start({**changes, "start": str(model)})), device=device)

    def _start(self, configuration: Configuration, device: str | torch.device | None) -> None:
        tune_allocator()
        self.configuration = configuration
        self.device = chosen_device(device)
        self.made_of = parameters_of(configuration, device, defaults_of(Denoiser))
        self.fit_report: FitReport | None = None
        self.direct: Self | None = None  # the direct denoiser that was trained along, where one was asked for
        self._method: Method | None = None
        self._card: ModelCard | None = None

    @property
    def method(self) -> Method:
        """The trained method.

        Raises:
            ModelFileError: If there is none yet.
        """
        if self._method is None:
            raise ModelFileError("a trained denoiser", "one that is not", "call `fit(images)` or `Denoiser.load(path)`")
        return self._method

    @property
    def precision(self) -> Precision:
        """What networks compute in, in training and in prediction."""
        return self.configuration.training_settings().precision

    @property
    def card(self) -> ModelCard:
        """What is known of the trained model.

        Raises:
            ModelFileError: If there is none yet.
        """
        assert self._card is not None or self.method is not None
        assert self._card is not None
        return self._card

    @card.setter
    def card(self, card: ModelCard) -> None:
        self._card = card

    @property
    def spread(self) -> float:
        """What the deviation of samples is multiplied by: 1, or what `recalibrate` found."""
        return 1.0 if self._card is None else self._card.spread_factor

    @property
    def history(self) -> History:
        """What the model has learnt from, and how far; empty before it has."""
        return History() if self._card is None else history_of(self.method, self._card)

    @property
    def noise_models(self) -> tuple[NoiseModel, ...]:
        """The noise model of each channel."""
        return self.method.channel_noise

    @property
    def known_noise(self) -> tuple[Exposure, ...]:
        """The noise of each channel as functions of arrays, in the units of images; none where it is not known."""
        return trained.known_noise(self)

    def fit(
        self,
        images: ImageSource | Sequence[ImageSource],
        *,
        axes: str | None = None,
        series: int | str | None = None,
        mask: ImageSource | None = None,
        folder: Path | None = None,
        resume: bool = False,
        watch: Watcher | None = None,
        notify: Notify | None = None,
        progress: bool | None = None,
        judge: Judge | None = None,
        devices: int = 1,
        log: Log = (),
    ) -> Self:
        """Learn from noisy images.

        Args:
            images: One image or a list of them: paths, arrays (NumPy, Dask, Zarr) or `Image` objects, of any sizes.
            axes: Axes of the images, such as "TCYX", where they do not say so themselves or say it wrongly.
            series: Which image of files that hold several, by number or name; the first, with a warning, if None.
            mask: Where pixels were measured: an image or array that is nonzero there, of the shape of the images or of
                a plane of them; "nan" where NaN stands for the others. Padding and sentinels are found without it.
            folder: Where logs and the resume file go; None keeps nothing on disk.
            resume: Go on from the folder's resume file, with the same images and configuration.
            watch: Called after every training step.
            notify: Called with one line for each thing a person should know of the images; printed if None.
            progress: Whether to show how training stands: a bar on a terminal, a line in a notebook, sparse lines
                elsewhere. By default it is shown where nobody watches; False is silent.
            judge: What tells how good the method is by now, for the training setting `stop_when_settled`, see
                `quietscope.pipeline.opinion.judge_of`; the validation loss if None.
            devices: Processes that train together: on as many GPUs, or sharing the cores of this machine. Where it is
                more than 1, a script has to have ``if __name__ == "__main__":`` around what it does.
            log: Programs that follow the run besides: "tensorboard", "wandb", "mlflow" or a list of them, see
                `quietscope.training.trackers`.

        Returns:
            The denoiser itself.

        Raises:
            QuietScopeError: If images, noise or settings cannot be used; the subclass and its line say how.
            Terminated: If the system ended training (SIGTERM): the program is to end, and may save what was learnt.
        """
        check_trainable(self.configuration)
        opened = [as_measured(masked(image, mask, series)) for image in as_images(images, axes, series)]
        for text in gap_notes(opened):
            (notify or print)(text)
        with (
            followed(log, folder, self.configuration.model_dump(mode="json"), notify or print) as followers,
            training_shown(watch, progress) as watcher,
        ):
            learnt = learn(
                self.configuration,
                opened,
                self.device,
                devices=devices,
                folder=folder,
                resume=resume,
                watch=watcher,
                notify=notify,
                judge=judge,
                followers=followers,
            )
        self.configuration, self.fit_report = learnt.card.configuration, learnt.report
        self._method, self._card = learnt.method, learnt.card
        self.direct = None if learnt.direct is None else self.of(*learnt.direct, self.device)
        learnt.conclude()
        return self

    def settle(
        self,
        images: ImageSource | Sequence[ImageSource],
        *,
        axes: str | None = None,
        series: int | str | None = None,
        mask: ImageSource | None = None,
        notify: Notify | None = None,
    ) -> Configuration:
        """Look at the noise of images, and replace every "auto" of the configuration by what suits it; `fit` does too.

        Args:
            images: One image or a list of them, as for `fit`.
            axes: Axes of the images where they do not name them.
            series: Which image of files that hold several, by number or name; the first, with a warning, if None.
            mask: Where pixels were measured: an image or array that is nonzero there, of the shape of the images or of
                a plane of them; "nan" where NaN stands for the others. Padding and sentinels are found without it.
            notify: Called with one line for each choice.

        Returns:
            The configuration, also in `configuration` from now on.
        """
        if self.configuration.unsettled:
            opened = [as_measured(masked(image, mask, series)) for image in as_images(images, axes, series)]
            configuration = with_neighbour_axis(self.configuration, opened)
            learnt = [for_model(image, configuration.normalize, configuration.context) for image in opened]
            frames = Frames.of(learnt, self.configuration.dims)
            self.configuration = choose_method(configuration, frames, notify)
        return self.configuration

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        weights: Literal["chosen", "best", "last"] = "chosen",
        overwrite: bool = False,
    ) -> None:
        """Write the model to one safe file.

        Args:
            path: Target, usually with the ending ``.safetensors``.
            weights: "chosen" writes the weights that `denoise` uses; "best" those of the lowest validation loss and
                "last" those of the last step, which only a denoiser that has just been trained still knows.
            overwrite: Whether an existing file may be replaced.

        Raises:
            OutputError: If the file cannot be written, or exists and `overwrite` is false.
            ModelFileError: If there is no trained model yet.
        """
        method, report = self.method, self.fit_report
        if weights != "chosen":
            if report is None:
                raise ModelFileError("a denoiser that was just trained", "a loaded one", "save it with its own weights")
            method = copy.deepcopy(method)
            method.load_state_dict(report.best_state if weights == "best" else report.last_state)
        save_model(path, method, self.card, overwrite=overwrite)

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, device: str | torch.device | None = None) -> Self:
        """Read a model file.

        Args:
            path: A file that `save` wrote.
            device: Where to compute; the best there is if None.

        Returns:
            A trained denoiser.

        Raises:
            ModelFileError: If it is no model, or one from a newer version.
        """
        return cls.of(*load_model(path), device)

    @classmethod
    def of(cls, method: Method, card: ModelCard, device: str | torch.device | None = None) -> Self:
        """Make a trained denoiser of its parts.

        Args:
            method: A trained method.
            card: What is known of it.
            device: Where to compute; the best there is if None.

        Returns:
            The denoiser.
        """
        self = cls.from_configuration(card.configuration, device=device)
        self._method, self._card = method, card
        return self

    def describe(self) -> dict[str, str]:
        """Return what is known of the trained model, name by name, for a table."""
        return describe_model(self.method, self.card)
