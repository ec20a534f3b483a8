"""Direct denoisers to be trained on what another method gives, in the same run as that method or afterwards."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quietscope.axes import Ordered
from quietscope.data.normalize import Statistics
from quietscope.data.scaled import Normalize
from quietscope.errors import SettingsError
from quietscope.methods import METHODS
from quietscope.methods.abilities import require
from quietscope.methods.base import Method, PointMethod, PosteriorMethod, TaughtMethod
from quietscope.methods.direct import DirectDenoiser
from quietscope.methods.scale import scale_of
from quietscope.nn.seeding import seeded
from quietscope.presets import Configuration
from quietscope.training.companion import Companion
from quietscope.wording import typed


@dataclass(frozen=True)
class Student:
    """A direct denoiser that has a teacher.

    Attributes:
        method: The direct denoiser.
        configuration: Configuration of the direct denoiser.
    """

    method: DirectDenoiser
    configuration: Configuration

    @classmethod
    def of(cls, teacher: Method, configuration: Configuration) -> "Student":
        """Make an untrained student of a teacher.

        Args:
            teacher: A method that samples or gives one image.
            configuration: Configuration of the student, as returned by `student_configuration`.

        Returns:
            The student, with the teacher's statistics and scale.
        """
        seen = teacher.statistics
        statistics = Statistics(seen.mean.cpu(), seen.std.cpu(), seen.quantiles.cpu())
        with seeded(configuration.seed):
            method = DirectDenoiser.build(configuration.method_settings(), statistics, ())
        assert isinstance(teacher, PosteriorMethod | PointMethod), teacher.name
        method.learn_from(teacher)
        return cls(method, configuration)

    @classmethod
    def along(cls, teacher: Method, configuration: Configuration) -> "Student | None":
        """Make the student to train in the same run as its teacher; None if the teacher's configuration wants none."""
        if configuration.direct is None:
            return None
        precision = configuration.training_settings().precision
        own = student_configuration(
            teacher,
            loss=configuration.direct,
            seed=configuration.seed,
            precision=precision,
            normalize=configuration.normalize,
            depth_axis=configuration.depth_axis,
        )
        return cls.of(teacher, own)

    def companion(self, teacher: Configuration) -> Companion:
        """Return the companion for training in the same run as a teacher with the given configuration."""
        rates = [each.training_settings().learning_rate for each in (self.configuration, teacher)]
        return Companion(self.method, relative_rate=rates[0] / rates[1])


def check_teacher(method: type[Method], loss: str) -> None:
    """Refuse a teacher that cannot be learnt from.

    Raises:
        SettingsError: If the median is asked for of a method that draws no samples.
    """
    if loss == "median":
        require(
            method,
            PosteriorMethod,
            "to learn their median from",
            "which gives one image",
            f"pass `{typed(loss='mean')}`, or distill a model trained with {{able}}",
        )


def check_trainable(configuration: Configuration) -> None:
    """Refuse to train a direct denoiser without a teacher, or in the same run as a method that draws no samples.

    Raises:
        SettingsError: If the method is a direct denoiser, or `direct` is set for a method that draws no samples.
    """
    method = METHODS.get(configuration.method)
    if method is None:  # "auto": the method is still to be chosen
        return
    if issubclass(method, TaughtMethod):
        raise SettingsError(
            "a method that learns from images alone",
            f"{method.name}, which learns from a trained model",
            f"train e.g. `{typed(method='hdn')}`, then `quietscope distill MODEL IMAGES -o direct.safetensors`",
        )
    if configuration.direct is not None:
        require(
            method,
            PosteriorMethod,
            "to learn their mean or median from",
            "which gives its one image in one pass already",
            "train with {able}, or run `quietscope distill` afterwards",
        )


def student_configuration(
    teacher: Method,
    *,
    loss: str = "mean",
    preset: str = "fast",
    budget: str | float | None = None,
    steps: int | None = None,
    seed: int = 0,
    precision: str = "auto",
    normalize: Normalize = "together",
    depth_axis: Ordered = "Z",
    network: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
) -> Configuration:
    """Return a direct denoiser's configuration, with the teacher's axes, scale, and turns that its noise allows.

    Args:
        teacher: A method that samples or gives one image, trained or not.
        loss: "mean" or "median".
        preset: Name of the preset of the direct denoiser.
        budget: Training time; the preset's if neither `budget` nor `steps` is given.
        steps: Training steps.
        seed: Seed of everything random.
        precision: Precision in which networks compute; should be the teacher's.
        normalize: How images are normalised, see `quietscope.Denoiser`; must be the teacher's way.
        depth_axis: In 3-D, the axis that is the depth of volumes; must be the teacher's.
        network: Settings of the network that differ from the preset's.
        training: Training settings that differ from the preset's.

    Returns:
        The configuration.

    Raises:
        SettingsError: If the teacher draws no samples to take the median of, or sees neighbours, or a setting is
            unknown or out of range.
    """
    check_teacher(type(teacher), loss)
    if teacher.neighbours:
        raise SettingsError(
            "a teacher that sees frames one by one",
            f"one that sees {teacher.neighbours} more on each side",
            f"distill a model that was trained without `{typed('neighbours')}`",
        )
    given = {"loss": loss, "turns": teacher.orientations, "stabilize": scale_of(teacher) is not None}
    return Configuration.of(
        {
            "method": DirectDenoiser.name,
            "preset": preset,
            "dims": teacher.spatial_dims,
            "normalize": normalize,
            "depth_axis": depth_axis,
            "budget": None if budget is None else str(budget),
            "steps": steps,
            "seed": seed,
            "network": {**given, **(network or {})},
            "training": {"precision": precision, **(training or {})},
        }
    )
