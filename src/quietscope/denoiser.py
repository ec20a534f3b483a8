"""Denoiser: fit on noisy images, denoise them or others, save, load. The front door of the library."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from quietscope.data.frames import Frames
from quietscope.data.normalize import Statistics
from quietscope.data.preparation import Notify, prepare
from quietscope.errors import ModelFileError, SettingsError
from quietscope.io import Image, ImageSource, as_image
from quietscope.io.check import CheckedArray
from quietscope.memory import tune_allocator
from quietscope.methods import METHODS
from quietscope.methods.base import Method, PosteriorMethod
from quietscope.nn.hardware import best_device, place
from quietscope.noise import NoiseModel
from quietscope.prediction import TileSpec, predict_image
from quietscope.presets import Configuration, find_preset
from quietscope.store.model_file import ModelCard, load_model, save_model
from quietscope.store.noise_choice import choose_noise
from quietscope.training.budget import Budget, parse_duration
from quietscope.training.callbacks import Watcher
from quietscope.training.fit import FitReport, fit

Progress: TypeAlias = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Result:
    """A denoised image.

    Attributes:
        mean: Mean of the posterior samples, the estimate of least mean squared error; float32, shape and axes of the
            input, intensity units.
        std: Standard deviation of the samples at every pixel: how sure the model is; likewise.
        axes: Axes of both.
        pixel_size_um: Pixel size by axis, in micrometres, where the input names it.
        channel_names: Channel names, where the input has them.
    """

    mean: npt.NDArray[np.float32]
    std: npt.NDArray[np.float32]
    axes: str
    pixel_size_um: Mapping[str, float] = field(default_factory=dict)
    channel_names: tuple[str, ...] = ()


class Denoiser:
    """Learns to denoise from noisy images alone, and draws plausible clean images.

    Args:
        method: Name of the method, see `quietscope presets`.
        preset: Name of the preset.
        noise: "auto" estimates the noise from the images; "sigma=NUMBER" or a noise file, one for all channels or one
            per channel separated by commas.
        budget: Training time such as "4m"; the preset's where neither this nor `steps` is given.
        steps: Training steps.
        dims: 2 to denoise planes, 3 to denoise volumes.
        seed: Seed of everything random in training.
        network: Settings of the method that differ from the preset's.
        training: Training settings that differ from the preset's.
        device: Where to compute, such as "cpu" or "cuda:1"; the best there is if None.

    Raises:
        SettingsError: If a setting is unknown or out of range.
        BudgetError: If the budget cannot be read.
    """

    def __init__(
        self,
        *,
        method: str = "hdn",
        preset: str = "fast",
        noise: str = "auto",
        budget: str | float | None = None,
        steps: int | None = None,
        dims: int = 2,
        seed: int = 0,
        network: Mapping[str, Any] | None = None,
        training: Mapping[str, Any] | None = None,
        device: str | torch.device | None = None,
    ) -> None:
        values = {
            "method": method,
            "preset": preset,
            "noise": noise,
            "budget": None if budget is None else str(budget),
            "steps": steps,
            "dims": dims,
            "seed": seed,
            "network": dict(network or {}),
            "training": dict(training or {}),
        }
        self._start(Configuration.of(values), device)

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

    def _start(self, configuration: Configuration, device: str | torch.device | None) -> None:
        tune_allocator()
        self.configuration = configuration
        self.device = _device(device)
        self.fit_report: FitReport | None = None
        self._budget = _budget(configuration)
        self._method: Method | None = None
        self._card: ModelCard | None = None

    @property
    def method(self) -> PosteriorMethod:
        """The trained method.

        Raises:
            ModelFileError: If there is none yet.
        """
        if not isinstance(self._method, PosteriorMethod):
            raise ModelFileError("a trained denoiser", "one that is not", "call `fit(images)` or `Denoiser.load(path)`")
        return self._method

    @property
    def noise_models(self) -> tuple[NoiseModel, ...]:
        """The noise model of each channel."""
        return self.method.channel_noise

    def fit(
        self,
        images: ImageSource | Sequence[ImageSource],
        *,
        axes: str | None = None,
        folder: Path | None = None,
        resume: bool = False,
        watch: Watcher | None = None,
        notify: Notify | None = None,
    ) -> Self:
        """Learn from noisy images.

        Args:
            images: One image or a list of them: paths, arrays (NumPy, Dask, Zarr) or `Image` objects, of any sizes.
            axes: Axes of the images, such as "TCYX", where they do not say so themselves or say it wrongly.
            folder: Where logs and the resume file go; None keeps nothing on disk.
            resume: Go on from the folder's resume file, with the same images and configuration.
            watch: Called after every training step.
            notify: Called with one line for each thing a person should know of the images.

        Returns:
            The denoiser itself.

        Raises:
            QuietScopeError: If images, noise or settings cannot be used; the subclass and its line say how.
        """
        opened = [as_image(source, axes) for source in _as_list(images)]
        frames = Frames(tuple((image.data, image.layout(self.configuration.dims)) for image in opened))
        statistics = prepare(frames, self.configuration.training_settings().patch, notify)
        noise_models = choose_noise(self.configuration.noise, frames, notify)
        self._method = self._build(statistics, noise_models)
        self.fit_report = fit(
            self._method,
            frames,
            self.configuration.training_settings(),
            self._budget,
            device=self.device,
            folder=folder,
            resume=resume,
            watch=watch,
        )
        self._card = ModelCard(
            configuration=self.configuration,
            axes=opened[0].axes,
            pixel_size_um=opened[0].pixel_size_um,
            channel_names=opened[0].channel_names,
            training=self.fit_report.summary(),
        )
        return self

    def denoise(
        self,
        images: ImageSource | Sequence[ImageSource],
        *,
        num_samples: int = 50,
        seed: int = 0,
        axes: str | None = None,
        tile: int | None = None,
        progress: Progress | None = None,
    ) -> Any:
        """Denoise images that fit in memory; `denoise_into` takes larger ones.

        Args:
            images: One image or a list of them.
            num_samples: Posterior samples behind mean and standard deviation.
            seed: Seed of the samples.
            axes: Axes of the images where they do not name them.
            tile: Tile size in pixels; chosen from the free memory if None.
            progress: Called with (done, total) posterior samples.

        Returns:
            A `Result`, or a list of them where a list came in.
        """
        if isinstance(images, list | tuple):
            return [
                self.denoise(each, num_samples=num_samples, seed=seed, axes=axes, tile=tile, progress=progress)
                for each in images
            ]
        image = as_image(images, axes)
        mean, std = np.empty(image.shape, np.float32), np.empty(image.shape, np.float32)
        self.denoise_into(image, mean=mean, std=std, num_samples=num_samples, seed=seed, tile=tile, progress=progress)
        return Result(
            mean=mean,
            std=std,
            axes=image.axes,
            pixel_size_um=image.pixel_size_um,
            channel_names=image.channel_names,
        )

    def sample(
        self, images: ImageSource, *, num_samples: int = 4, seed: int = 0, axes: str | None = None
    ) -> npt.NDArray[np.float32]:
        """Draw plausible clean images.

        Args:
            images: One image.
            num_samples: How many to draw.
            seed: Seed; sample k of a seed is the same however many are drawn.
            axes: Axes of the image where it does not name them.

        Returns:
            Samples of shape (num_samples, *image.shape), float32, intensity units.
        """
        image = as_image(images, axes)
        samples = np.empty((num_samples, *image.shape), np.float32)
        self.denoise_into(image, samples=samples, num_samples=num_samples, seed=seed)
        return samples

    def denoise_into(
        self,
        image: Image,
        *,
        mean: Any = None,
        std: Any = None,
        samples: Any = None,
        num_samples: int = 50,
        seed: int = 0,
        tile: int | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Denoise an image of any size into arrays or writers, tile by tile.

        Args:
            image: The noisy image.
            mean: Receives the posterior mean by ``mean[index] = block``, in the image's axis order; None for none.
            std: Receives the standard deviation likewise.
            samples: Receives the samples, with a leading sample axis.
            num_samples: Posterior samples.
            seed: Seed of the samples.
            tile: Tile size in pixels; chosen from the free memory if None.
            progress: Called with (done, total) posterior samples.

        Raises:
            QuietScopeError: If the image does not fit the model, or holds NaN or infinite pixels.
        """
        method = self.method
        place(method, self.device, method.spatial_dims)
        predict_image(
            method,
            image.layout(method.spatial_dims),
            CheckedArray(image.data, str(image.path or "the image")),
            num_samples=num_samples,
            seed=seed,
            mean_out=mean,
            std_out=std,
            samples_out=samples,
            tile=None if tile is None else TileSpec.of(method, tile),
            device=self.device,
            precision=self.configuration.training_settings().precision,
            progress=progress,
        )

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        weights: Literal["chosen", "best", "last"] = "chosen",
        overwrite: bool = False,
    ) -> None:
        """Write the model to one safe file.

        Args:
            path: Target, by custom ending in ``.safetensors``.
            weights: "chosen" writes the weights that `denoise` uses; "best" those of the lowest validation loss and
                "last" those of the last step, which only a denoiser that has just been trained still knows.
            overwrite: Whether an existing file may be replaced.

        Raises:
            OutputError: If the file cannot be written, or exists and `overwrite` is false.
            ModelFileError: If there is no trained model yet.
        """
        method, card = self.method, self._card
        assert card is not None
        if weights == "chosen":
            save_model(path, method, card, overwrite=overwrite)
            return
        report = self.fit_report
        if report is None:
            raise ModelFileError(
                "a denoiser that has just been trained", "a loaded one", "save it with its own weights"
            )
        other = self._build(method.statistics, self.noise_models)
        other.load_state_dict(report.best_state if weights == "best" else report.last_state)
        save_model(path, other, card, overwrite=overwrite)

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
        method, card = load_model(path)
        self = cls.from_configuration(card.configuration, device=device)
        self._method, self._card = method, card
        return self

    def describe(self) -> dict[str, str]:
        """Return what is to be known of the trained model, name by name, for a table."""
        card = self._card
        assert card is not None or self.method is not None
        assert card is not None
        pixels = ", ".join(f"{axis} {size:g} um" for axis, size in card.pixel_size_um.items())
        rows = {
            "method": self.method.name,
            "preset": card.configuration.preset,
            "dimensions": f"{self.method.spatial_dims}-D",
            "parameters": f"{sum(p.numel() for p in self.method.parameters()):,}",
            "channels": str(self.method.statistics.num_channels),
        }
        for channel, model in enumerate(self.noise_models):
            name = card.channel_names[channel] if channel < len(card.channel_names) else str(channel)
            rows[f"noise of channel {name}"] = model.describe()
        rows |= {"axes": card.axes, "pixel size": pixels, "channel names": ", ".join(card.channel_names)}
        rows |= {name.replace("_", " "): f"{value:g}" for name, value in card.training.items()}
        rows |= {f"{name} version": version for name, version in card.versions.items()}
        rows["created"] = card.created
        return {name: value for name, value in rows.items() if value}

    def _build(self, statistics: Statistics, noise_models: Sequence[NoiseModel]) -> Method:
        with torch.random.fork_rng([]):
            torch.manual_seed(self.configuration.seed)
            return METHODS[self.configuration.method].build(
                self.configuration.method_settings(), statistics, noise_models
            )


def _as_list(images: ImageSource | Sequence[ImageSource]) -> list[ImageSource]:
    return list(images) if isinstance(images, list | tuple) else [images]


def _budget(configuration: Configuration) -> Budget:
    budget, steps = configuration.budget, configuration.steps
    if budget is None and steps is None:
        preset = find_preset(configuration.method, configuration.preset)
        budget, steps = preset.budget, preset.steps
    return Budget(seconds=None if budget is None else parse_duration(budget), steps=steps)


def _device(device: str | torch.device | None) -> torch.device:
    if device is None:
        return best_device()
    try:
        chosen = torch.device(device)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise SettingsError("a device that is there", f"{str(device)!r} ({reason})", "try `--device cpu`") from error
    return chosen
