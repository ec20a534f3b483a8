"""Method, direction and deterministic levels, chosen by the noise of the images where the configuration says "auto"."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quietscope.data.frames import Frames
from quietscope.data.preparation import Notify
from quietscope.diagnosis import Diagnosis, deterministic_levels, processing, reason
from quietscope.diagnosis.recording import diagnose_frames
from quietscope.methods import METHODS
from quietscope.methods.abilities import able_to_set
from quietscope.methods.base import PointMethod
from quietscope.methods.pretrained import PretrainedMethod
from quietscope.presets import Configuration
from quietscope.presets.configuration import DIRECTION, LEVELS, speaks_no_unit
from quietscope.training.budget import parse_duration

DILATIONS = "dilations"
FARTHEST_SEEN = 40
"""Earlier pixels that the published noise decoder sees."""
LEAST_TRAINING = 180.0
"""Seconds in which a network that starts from nothing is still behind the one that comes trained."""


def choose_method(configuration: Configuration, frames: Frames, notify: Notify | None = None) -> Configuration:
    """Replace every "auto" of a configuration by what suits the noise of the images.

    Args:
        configuration: The configuration.
        frames: The noisy frames.
        notify: Called with one line for each choice.

    Returns:
        A configuration that leaves nothing open; the same object where nothing was.

    Raises:
        NoiseError: If the images are too small to say anything of their noise.
        SettingsError: If what was found does not go with the other settings.
    """
    if not configuration.unsettled:
        return configuration
    tell = notify or (lambda _: None)
    found = _Found(diagnose_frames(frames), configuration.dims)
    if all(each.is_clean for each in found.channels):
        tell("hardly any noise was found: there may be nothing to denoise")
    values: dict[str, Any] = configuration.model_dump()
    names = configuration.unsettled
    if names == ("method",):
        setting, by_itself = found.wanted_setting, configuration.normalize == "each"
        is_usual = not by_itself and not configuration.neighbours
        in_haste = is_usual and found.is_independent and _is_short(configuration.budget)
        values["method"] = (
            _pretrained() if in_haste else _without_noise_model(setting) if by_itself else method_with(setting)
        )
        time = f", and {configuration.budget} is less than training from nothing takes" if in_haste else ""
        tell(f"method: {values['method']}, as {found.reason}{time}")
        names = Configuration.of(values).unsettled if by_itself or in_haste else (setting,)
    answers: dict[str, Any] = {DIRECTION: found.direction}
    if LEVELS in names:
        answers[LEVELS] = found.levels(Configuration.of({**values, "network": _without(values["network"], LEVELS)}))
    chosen = {name: answers[name] for name in names}
    if DIRECTION in chosen and DILATIONS not in values["network"]:
        settled = Configuration.of({**values, "network": {**values["network"], **chosen}})
        chosen |= found.dilations(settled, min(min(frames.spatial_shape(n)) for n in range(len(frames))))
    for name, value in chosen.items():
        words = value if isinstance(value, str) else ",".join(map(str, value)) or "none"
        tell(f"{name.replace('_', ' ')}: {words}, as {found.reason}")
    if found.reaches_beyond(chosen):
        tell(
            f"the noise decoder sees {FARTHEST_SEEN} earlier pixels at most, as the published one does: what the noise "
            "keeps further than that may be left in the result; `quietscope diagnose` says what helps"
        )
    for line in dict.fromkeys(line for each in found.channels for line in processing(each)):
        tell(f"the image {line}")
    return Configuration.of({**values, "network": {**values["network"], **chosen}})


def method_with(setting: str) -> str:
    """Return the name of the first method whose network has a setting of that name."""
    return next(able_to_set(setting))


def _without_noise_model(setting: str) -> str:
    """Return a method for images that have a unit each: the one with the setting, or else the first point method."""
    names = list(filter(speaks_no_unit, METHODS))
    points = [name for name in names if issubclass(METHODS[name], PointMethod)]
    return next((name for name in names if METHODS[name].has_setting(setting)), points[0])


def _is_short(budget: str | None) -> bool:
    """Whether there is less time than a network needs that starts from nothing."""
    return budget is not None and parse_duration(budget) < LEAST_TRAINING


def _pretrained() -> str:
    """Return the name of the first method that comes trained."""
    return next(name for name, kind in METHODS.items() if issubclass(kind, PretrainedMethod))


@dataclass(frozen=True)
class _Found:
    """The diagnoses of all channels, and what follows from them for one network."""

    channels: Sequence[Diagnosis]
    dims: int

    @property
    def _directions(self) -> set[str]:
        """The axes along which channels have noise that is correlated along one axis alone."""
        named: set[str] = {each.advice.direction for each in self.channels if each.advice.direction != "none"}
        return named - ({"z"} if self.dims == 2 else set())

    @property
    def wanted_setting(self) -> str:
        """The setting that a method must have: a direction for noise along one axis; levels to close for all else."""
        both = any(each.kind == "correlated both ways" for each in self.channels)
        return DIRECTION if len(self._directions) == 1 and not both else LEVELS

    @property
    def is_independent(self) -> bool:
        """Whether the noise of every channel is surely independent from pixel to pixel."""
        return all(each.advice.sure and each.advice.reach == 1 for each in self.channels)

    @property
    def direction(self) -> str:
        """The axis of the strongest correlation."""
        if len(self._directions) == 1:
            return next(iter(self._directions))
        strongest = [
            max((part for part in (each.x, each.y) if part.verdict == "correlated"), key=lambda part: part.neighbours)
            for each in self.channels
            if "correlated" in (each.x.verdict, each.y.verdict)
        ]
        return max(strongest, key=lambda part: part.neighbours).axis if strongest else "none"

    def levels(self, configuration: Configuration) -> tuple[int, ...]:
        """Return the levels to close, of the hierarchy that a configuration has."""
        num_levels = configuration.method_settings().num_levels
        return deterministic_levels(max(each.correlation_length for each in self.channels), num_levels)

    def dilations(self, configuration: Configuration, shortest: int) -> dict[str, tuple[int, ...]]:
        """Return dilations with which the noise decoder sees as far as the noise is correlated; none where it does.

        It is never made to see further than the published one does, 40 pixels, since a noise decoder that sees much
        explains the image too, nor than patches and images are long, whose shortest side is `shortest`.
        """
        settings, direction = configuration.method_settings().model_dump(), configuration.network[DIRECTION]
        if DILATIONS not in settings or direction not in ("x", "y"):
            return {}
        reach = max(part.length for each in self.channels for part in (each.x, each.y) if part.axis == direction)
        taps = settings["kernel"] - 1
        wanted = min(reach, FARTHEST_SEEN, shortest - 1, configuration.training_settings().patch - 1)
        if wanted <= taps * sum(settings[DILATIONS]):
            return {}
        widened = [1]
        while (left := wanted // taps - sum(widened)) > 0:
            widened.append(min(taps * widened[-1], left))
        return {DILATIONS: tuple(widened)}

    def reaches_beyond(self, chosen: Mapping[str, Any]) -> bool:
        """Whether noise along the chosen direction reaches further than any noise decoder is made to see."""
        axis = chosen.get(DIRECTION)
        return any(
            part.length > FARTHEST_SEEN for each in self.channels for part in (each.x, each.y) if part.axis == axis
        )

    @property
    def reason(self) -> str:
        """Why, in the words of the channel with the strongest correlation."""
        worst = max(self.channels, key=lambda each: max(each.x.neighbours, each.y.neighbours))
        words = reason(worst.advice)
        return words if worst.advice.sure else f"it is not sure: {words}"


def _without(values: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != name}
