"""Everything a run settles before training, in order: method, PSF, statistics of the images, noise models."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from quietscope.data.frames import Frames
from quietscope.data.normalize import Statistics
from quietscope.data.preparation import Notify, note_small, prepare
from quietscope.data.standing_in import bounded
from quietscope.io import Image
from quietscope.methods import METHODS
from quietscope.methods.abilities import require
from quietscope.methods.base import BuiltMethod, PsfMethod
from quietscope.nn.seeding import seeded
from quietscope.noise import Gaussian, NoiseModel
from quietscope.prediction.memory import check_weights_fit
from quietscope.presets import Configuration
from quietscope.setup.bootstrap import KeptBootstrap
from quietscope.setup.method import choose_method
from quietscope.setup.neighbour_axis import note_common_noise
from quietscope.setup.noise_choice import Bootstrap, choose_noise, measure_channel, note_correlation
from quietscope.setup.psf_choice import choose_psf
from quietscope.training.patch_source import check_batch
from quietscope.training.watch import Watcher
from quietscope.wording import typed

FEWEST_PLANES = 8
"""Planes from which a stack is worth denoising in 3-D: as many as a patch has."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Settled:
    """A run with nothing left open: what is trained, on what scale, with which noise models.

    Attributes:
        configuration: The configuration, without any "auto".
        statistics: Mean and standard deviation of each channel, intensity units.
        noise_models: The noise model of each channel; none for a method that needs none.
        psf: The PSF of each channel, (C, *K), each of sum 1; None for a method that is shown none.
        notes: One line for each choice, and for each thing a person should know of the images.
    """

    configuration: Configuration
    statistics: Statistics
    noise_models: tuple[NoiseModel, ...]
    psf: Tensor | None
    notes: tuple[str, ...]

    def build(self, device: torch.device | None = None) -> BuiltMethod:
        """Return the untrained method; the configuration's seed draws its weights, and no global number is drawn.

        Args:
            device: Where it will be trained; the CPU if None.

        Returns:
            The method.

        Raises:
            SettingsError: If its weights cannot be trained in the memory that is free there.
        """
        check_weights_fit(self._build, device or "cpu")
        with seeded(self.configuration.seed):
            method = self._build()
        if self.psf is not None:
            require(method, PsfMethod).show_psf(self.psf)
        return method

    def _build(self) -> BuiltMethod:
        kind, settings = METHODS[self.configuration.method], self.configuration.method_settings()
        return kind.build(settings, self.statistics, self.noise_models)


def settle(
    configuration: Configuration,
    images: Sequence[Image],
    frames: Frames,
    *,
    device: torch.device | None = None,
    folder: Path | None = None,
    resume: bool = False,
    watch: Watcher | None = None,
    notify: Notify | None = None,
) -> Settled:
    """Settle a run that is about to be trained; a noise "bootstrap" trains its first denoiser here.

    Args:
        configuration: The configuration.
        images: The noisy images.
        frames: Their frames.
        device: Where the first denoiser of a bootstrap is trained; the CPU if None.
        folder: Run folder, which keeps PSFs and bootstrapped noise models; None keeps none.
        resume: Take what the folder has kept.
        watch: Called after every training step of a bootstrap.
        notify: Called with each note as soon as it is known.

    Returns:
        The settled run.

    Raises:
        QuietScopeError: If images, noise, PSF or settings cannot be used; the subclass and its line say how.
        KeyboardInterrupt: If the user ended the training of the first denoiser.
    """
    notes = _Notes(notify)
    bootstrap = KeptBootstrap(
        seed=configuration.seed, device=device, folder=folder, resume=resume, watch=watch, notify=notes
    )
    return _settle(configuration, images, frames, bootstrap, notes, folder, resume)


def preview(
    configuration: Configuration, images: Sequence[Image], frames: Frames, *, notify: Notify | None = None
) -> Settled:
    """Settle a run as `settle` does, but train nothing and write nothing.

    Where the noise is to be bootstrapped, which wants training, the blind estimate stands in, and a note says so.

    Args:
        configuration: The configuration.
        images: The noisy images.
        frames: Their frames.
        notify: Called with each note as soon as it is known.

    Returns:
        The settled run.

    Raises:
        QuietScopeError: If images, noise, PSF or settings cannot be used; the subclass and its line say how.
    """
    notes = _Notes(notify)

    def stand_in(frames: Frames) -> list[NoiseModel]:
        notes("bootstrap: Noise2Void will be trained first, to fit the noise on; the blind estimate stands in here")
        return [measure_channel(frames, channel).training_model for channel in range(frames.num_channels)]

    return _settle(configuration, images, frames, stand_in, notes, None, False)


def _settle(
    configuration: Configuration,
    images: Sequence[Image],
    frames: Frames,
    bootstrap: Bootstrap,
    notes: "_Notes",
    folder: Path | None,
    resume: bool,
) -> Settled:
    configuration = choose_method(configuration, frames, notes)
    configuration, psf = choose_psf(configuration, images, frames, notes, folder=folder, resume=resume)
    statistics, some = prepare(frames, notes), bounded(frames)
    _check_batches(configuration, statistics)
    noise_models: Sequence[NoiseModel] = ()
    is_met = configuration.method_settings().expects_correlation
    depth = max((dict(zip(image.axes, image.shape, strict=True)).get("Z", 1) for image in images), default=1)
    if configuration.dims == 2 and configuration.neighbour_axis != "Z" and depth >= FEWEST_PLANES:
        notes(
            f"A stack of {depth} planes is denoised plane by plane. `{typed(dims=3)}` also learns from the planes "
            "above and below; that pays where structures go on from plane to plane, and takes several times as long."
        )
    if METHODS[configuration.method].needs_noise:
        noise_models = choose_noise(configuration.noise, some, notes, bootstrap, correlation_is_met=is_met)
    elif not is_met:
        note_correlation(some, configuration.method, notes)
    note_common_noise(configuration, some, notes)
    note_small(frames, configuration.training_settings().patch, notes)
    return Settled(
        configuration=configuration,
        statistics=statistics,
        noise_models=tuple(noise_models),
        psf=psf,
        notes=tuple(notes.lines),
    )


def _check_batches(configuration: Configuration, statistics: Statistics) -> None:
    """Refuse batches too small for batch normalisation before the noise is measured, which may take minutes."""
    settings, kind = configuration.training_settings(), METHODS[configuration.method]
    if settings.batch_size // settings.num_pieces(settings.batch_size) > 1:
        return
    noise = [Gaussian(1.0)] * statistics.num_channels if kind.needs_noise else []
    with seeded(configuration.seed):
        check_batch(kind.build(configuration.method_settings(), statistics, noise), settings)


class _Notes:
    """Passes notes on, and remembers them."""

    def __init__(self, notify: Notify | None) -> None:
        self._notify = notify
        self.lines: list[str] = []

    def __call__(self, line: str) -> None:
        self.lines.append(line)
        if self._notify is not None:
            self._notify(line)
