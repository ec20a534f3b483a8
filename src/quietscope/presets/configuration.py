"""The configuration of a run: values of the preset, overridden by a YAML file, overridden by command-line options."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError

from quietscope.axes import Context, Ordered
from quietscope.data.scaled import Normalize
from quietscope.errors import SettingsError
from quietscope.methods import METHODS, canonical
from quietscope.methods.abilities import able, able_to_set, any_of
from quietscope.methods.base import MethodSettings, Neighbours, PsfMethod, TaughtMethod
from quietscope.methods.generative import LearnedNoiseMethod
from quietscope.methods.pretrained import PretrainedMethod
from quietscope.outside.bounded import Word
from quietscope.outside.plain_data import MOST_BYTES_OF_YAML, MalformedError, brief, parse_yaml
from quietscope.outside.regular_file import read_bounded
from quietscope.presets.preset import find_preset
from quietscope.training.budget import Budget, parse_duration
from quietscope.training.settings import TrainingSettings
from quietscope.wording import typed

AUTO = "auto"
_MOST_CHARACTERS = 20_000
DIRECTION, LEVELS, CORRELATION = _MAY_BE_AUTO = ("direction", "deterministic_levels", "correlation")
"""Network settings that may be "auto", because QuietScope can choose them by analysing the images."""
PSF_SIZE = "psf_size"
"""The network setting that holds the size of a PSF given to the method."""
PSF_SIGMA = "psf_sigma"
NEIGHBOURS = "neighbours"
"""The network setting that holds the number of neighbours."""


def _file_names(value: Any) -> str:
    """Take words, bytes that are no UTF-8 among them, which pydantic would not; file names may have any."""
    if not isinstance(value, str) or len(value) > _MOST_CHARACTERS:
        raise ValueError(f"expected text of at most {_MOST_CHARACTERS} characters")
    return value


FileNames: TypeAlias = Annotated[str, PlainValidator(_file_names)]
"""Names of files, one per channel, or words such as "auto"."""


class Configuration(BaseModel):
    """Everything that fixes a training run, apart from the images.

    Attributes:
        method: Name of the method; "auto" until it has been chosen by analysing the images.
        preset: Name of the preset that `network`, `training` and the budget start from.
        noise: "auto", "bootstrap", "sigma=NUMBER" or a noise file; one per channel, separated by commas, or one for
            all; "auto" if the method needs no noise model.
        psf: For a method that removes the microscope's blur: "sigma=PIXELS" or a PSF file, one for all channels or one
            per channel separated by commas; None uses the PSF of the network settings.
        start: A model file whose weights training starts from; None for random ones.
        start_steps: Training steps behind these weights, which are counted where `start` is named.
        dims: 2 to denoise planes, 3 to denoise volumes.
        depth_axis: In 3-D, the axis that is the depth of volumes: "Z", or "T" for time.
        neighbours: Frames on each side of every frame that the network sees along with it, to denoise the one in the
            middle.
        neighbour_axis: The axis along which these lie, "T" or "Z"; None for T where there is one, else Z.
        normalize: "together" learns from the images in the one unit that they share; "each" brings every channel of
            every image to a mean of 0 and a deviation of 1 by itself, for images of unlike scale, and wants a method
            without a noise model.
        budget: Training time such as "10m"; None for no limit.
        steps: Training steps; None for no limit.
        seed: Seed of everything random.
        samples: Whether results are wanted that are made of samples; a method that is chosen by itself then draws them.
        direct: "mean" or "median" also trains a direct denoiser in the same run, which gives the samples' mean or
            median in one pass; None trains no direct denoiser.
        network: Settings of the method that differ from the preset's; a value may be "auto" until it has been chosen by
            analysing the images.
        training: Training settings that differ from the preset's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Word = "hdn"
    preset: Word = "fast"
    noise: FileNames = "auto"
    psf: FileNames | None = None
    start: FileNames | None = None
    start_steps: int = Field(default=0, ge=0, le=10**12)
    dims: Literal[2, 3] = 2
    depth_axis: Ordered = "Z"
    neighbours: Neighbours = 0
    neighbour_axis: Ordered | None = None
    normalize: Normalize = "together"
    budget: Word | None = None
    steps: int | None = Field(default=None, ge=1, le=10**9)
    seed: int = Field(default=0, ge=0, lt=2**31)
    samples: bool = False
    direct: Literal["mean", "median"] | None = None
    network: dict[str, Any] = Field(default_factory=dict)
    training: dict[str, Any] = Field(default_factory=dict)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Make a configuration from plain values, and validate all of them, network and training settings included.

        Args:
            values: Values by name, as in a YAML file.

        Returns:
            The configuration.

        Raises:
            SettingsError: If a name is unknown or a value out of range.
        """
        method = values.get("method")
        named = {"method": canonical(method)} if isinstance(method, str) else {}
        try:
            configuration = cls(**{**values, **named})
        except ValidationError as error:
            raise _settings_error(error, "the configuration", sorted(cls.model_fields)) from error
        if configuration.budget is not None:
            parse_duration(configuration.budget)  # refused before anything is measured
        if configuration.method == AUTO:
            _check_before_choice(configuration)
            return configuration
        find_preset(configuration.method, configuration.preset)
        _check_noise(configuration)
        _check_normalize(configuration)
        _check_psf(configuration)
        _check_context(configuration)
        beyond = [name for name in configuration.unsettled if name not in _MAY_BE_AUTO]
        if beyond:
            raise SettingsError(f"a value for {beyond[0]}", "auto", f"only {', '.join(_MAY_BE_AUTO)} may be auto")
        configuration.method_settings()
        _check_end(configuration)
        return configuration

    def method_settings(self) -> MethodSettings:
        """Return the settings of the network: the preset's, overridden by `network` except for values of "auto".

        Raises:
            SettingsError: If a name is unknown or a value out of range.
        """
        base, kind = find_preset(self.method, self.preset).network.model_dump(), METHODS[self.method].settings_type
        try:
            chosen = {name: value for name, value in self.network.items() if value != AUTO}
            seen = {NEIGHBOURS: self.neighbours} if self.neighbours else {}
            return kind(**{**base, **chosen, **seen, "spatial_dims": self.dims})
        except ValidationError as error:
            raise _settings_error(error, f"network settings of {self.method}", sorted(kind.model_fields)) from error

    @property
    def context(self) -> Context:
        """What the network sees beside each plane.

        Raises:
            ValueError: If the axis of its neighbours has not been chosen, see `quietscope.setup.neighbour_axis`.
        """
        return Context(depth=self.depth_axis, neighbours=self.neighbours, axis=self.neighbour_axis)

    @property
    def unsettled(self) -> tuple[str, ...]:
        """Names of the settings still to be chosen by analysing the images; a direction that is not set is included."""
        if self.method == AUTO:
            return ("method",)
        found = [name for name, value in self.network.items() if value == AUTO]
        kind = METHODS[self.method]
        if kind.has_setting(DIRECTION) and DIRECTION not in self.network:
            found.append(DIRECTION)
        if kind.has_setting(CORRELATION) and CORRELATION not in self.network and self.network.get(DIRECTION) != "none":
            found.append(CORRELATION)
        return tuple(found)

    def training_settings(self) -> TrainingSettings:
        """Return the training settings: the preset's, overridden by `training`.

        Raises:
            SettingsError: If a name is unknown or a value out of range.
        """
        base = find_preset(self.method, self.preset).training.model_dump()
        try:
            return TrainingSettings(**{**base, **self.training, "seed": self.seed})
        except ValidationError as error:
            raise _settings_error(error, "training settings", sorted(TrainingSettings.model_fields)) from error

    @property
    def least_steps(self) -> int:
        """Training steps that are still wanting for a usable result, see `TrainingSettings.least_steps`."""
        if self.method_settings().comes_trained:
            return 0
        return max(0, self.training_settings().least_steps - self.start_steps)

    def training_budget(self) -> Budget:
        """Return the training budget: the user's time and steps, or the preset's if the user gave neither.

        Raises:
            BudgetError: If the budget cannot be read.
        """
        budget, steps = self.budget, self.steps
        if budget is None and steps is None:
            preset = find_preset(self.method, self.preset)
            budget, steps = preset.budget, preset.steps
        return Budget(seconds=None if budget is None else parse_duration(budget), steps=steps)

    def save(self, path: Path) -> None:
        """Write the configuration as YAML."""
        from ruamel.yaml import YAML

        with path.open("w", encoding="utf-8") as file:
            YAML().dump(self.model_dump(), file)


def _check_before_choice(configuration: Configuration) -> None:
    """Refuse settings that suit only some methods while the method is still to be chosen."""
    _check_axes(configuration)
    if configuration.psf is not None:
        fix = f"pass {any_of(able(PsfMethod))}"
        raise SettingsError("a PSF only with a method that uses one", "method auto", fix)
    if configuration.normalize == "each" and configuration.noise != AUTO:
        raise _not_in_one_unit(f"noise = {configuration.noise!r}", "leave the noise out")
    if configuration.start is not None:
        fix = "leave the method out, which is the model's"
        raise SettingsError("the method of the model to start from", "method auto", fix)
    if configuration.network:
        raise SettingsError(
            "no network settings for a method that is yet to be chosen",
            ", ".join(configuration.network),
            f"name the method, e.g. `{typed(method='dvlae')}`, or leave them out",
        )


def _check_noise(configuration: Configuration) -> None:
    """Refuse a noise model for a method that needs none."""
    if configuration.noise != "auto" and not METHODS[configuration.method].needs_noise:
        raise SettingsError(
            f"no noise model for {configuration.method}, which needs none",
            f"noise = {configuration.noise!r}",
            f"leave it out, or choose `{typed(method='hdn')}`",
        )


def speaks_no_unit(method: str) -> bool:
    """Tell whether a method can learn from images that have a unit each: no likelihood of it is a noise model."""
    kind = METHODS[method]
    return not issubclass(kind, TaughtMethod) and (not kind.needs_noise or issubclass(kind, LearnedNoiseMethod))


def _check_normalize(configuration: Configuration) -> None:
    """Refuse images that have a unit each for a method whose noise model speaks one unit."""
    if configuration.normalize == "together":
        return
    if configuration.noise != AUTO:
        raise _not_in_one_unit(f"noise = {configuration.noise!r}", "leave the noise out")
    kind = METHODS[configuration.method]
    if not issubclass(kind, TaughtMethod) and not speaks_no_unit(kind.name):
        fix = f"pass {any_of(filter(speaks_no_unit, METHODS))}"
        raise _not_in_one_unit(f"{kind.name}, whose noise model is in intensities", fix)


def _not_in_one_unit(got: str, fix: str) -> SettingsError:
    return SettingsError("a method without a noise model for images normalised each by itself", got, fix)


def _check_end(configuration: Configuration) -> None:
    """Refuse training settings that make no sense, and an end where nothing is gained for what comes trained."""
    if not configuration.training_settings().stop_when_settled:
        return
    if issubclass(METHODS[configuration.method], PretrainedMethod):
        fix = f"leave it out, or choose `{typed(method='hdn')}`"
        raise SettingsError(f"`{typed('stop_when_settled')}` with a method to train", configuration.method, fix)


def _check_psf(configuration: Configuration) -> None:
    """Refuse a PSF for a method that takes none, a PSF given in two ways, and a PSF size without a PSF."""
    psf, named = configuration.psf, configuration.network
    if psf is not None and not issubclass(METHODS[configuration.method], PsfMethod):
        names = any_of(able(PsfMethod))
        raise SettingsError(f"a PSF with {names}", f"psf = {psf!r} with {configuration.method}", "leave it out")
    if psf is None and PSF_SIZE in named:
        raise SettingsError(
            "the PSF along with its size", f"{PSF_SIZE} alone", f"pass `{typed(psf='psf.tif')}`, or leave it out"
        )
    if psf is not None and PSF_SIGMA in named:
        raise SettingsError("one PSF", f"{PSF_SIGMA} and psf = {psf!r}", f"leave out {PSF_SIGMA}")


def _check_axes(configuration: Configuration) -> None:
    """Refuse axes that nothing asks for, and one axis for two purposes."""
    depth, axis = configuration.depth_axis, configuration.neighbour_axis
    if axis is not None and not configuration.neighbours:
        fix = f"pass e.g. `{typed(neighbours=1)}`, or leave the axis out"
        raise SettingsError("neighbours along with their axis", f"neighbour_axis = {axis!r} alone", fix)
    if depth != "Z" and configuration.dims == 2:
        raise SettingsError("depth_axis in 3-D", f"{depth!r} in 2-D", f"pass `{typed(dims=3)}`, or leave it out")
    if axis == depth and configuration.dims == 3:
        raise SettingsError("neighbours along another axis than the depth", f"both along {axis}", "change one")


def _check_context(configuration: Configuration) -> None:
    """Refuse neighbours for a method that sees none, axes that nothing asks for, and a PSF over time."""
    _check_axes(configuration)
    depth, neighbours, method = configuration.depth_axis, configuration.neighbours, configuration.method
    one_by_one = f"leave out `{typed('neighbours')}`"
    if NEIGHBOURS in configuration.network:
        raise SettingsError("neighbours among the settings of the run", "in `network`", "move them there")
    if neighbours and not METHODS[method].has_setting(NEIGHBOURS):
        fix = f"pass {any_of(able_to_set(NEIGHBOURS))}, or {one_by_one}"
        raise SettingsError("a method that can see neighbours", method, fix)
    if neighbours and configuration.direct is not None:
        fix = f"leave out `{typed('direct')}`, or {one_by_one}"
        raise SettingsError("a direct denoiser of a method without neighbours", f"{neighbours} of them", fix)
    if not neighbours and "mismatch" in configuration.training:
        fix = f"pass e.g. `{typed(neighbours=1)}`, or leave it out"
        raise SettingsError("neighbours along with their mismatch", "mismatch alone", fix)
    if depth != "Z" and issubclass(METHODS[method], PsfMethod):
        raise SettingsError("a depth in space for a method with a PSF", f"depth_axis = {depth!r}", "leave it out")


def read_configuration(path: Path) -> dict[str, Any]:
    """Read the values of a YAML configuration.

    Args:
        path: The file.

    Returns:
        Values by name, not yet validated.

    Raises:
        SettingsError: If the file is missing, or does not contain names with values.
    """
    fix = f"write one name and value per line, e.g. `preset: fast`; names are {', '.join(Configuration.model_fields)}"
    try:
        values = parse_yaml(read_bounded(path, MOST_BYTES_OF_YAML, SettingsError, "a YAML file"))
    except OSError as error:
        raise SettingsError("a YAML file", f"{path}, which cannot be read", "check its name") from error
    except MalformedError as error:
        raise SettingsError(f"YAML in {path}", str(error), fix) from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise SettingsError(f"names and values in {path}", f"{type(values).__name__}", fix)
    return values


def _settings_error(error: ValidationError, owner: str, names: list[str]) -> SettingsError:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])[:100]
    if not name:  # each setting is in range, but they do not go together; all values would be too long for a message
        return SettingsError(f"{owner} that go together", first["msg"].removeprefix("Value error, "), "change one")
    if first["type"] == "extra_forbidden":
        return SettingsError(f"{owner} by known names", f"{name!r}", f"choose among {', '.join(names)}")
    return SettingsError(f"{owner} in range", f"{name} = {brief(first['input'])} ({first['msg']})", f"change {name}")
