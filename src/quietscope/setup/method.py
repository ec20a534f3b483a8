"""Method, direction and deterministic levels, chosen by the noise of the images where the configuration says "auto"."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from quietscope.data.frames import Frames
from quietscope.data.preparation import Notify
from quietscope.diagnosis import Diagnosis, deterministic_levels, processing, reason
from quietscope.diagnosis.correlation import AxisCorrelation
from quietscope.diagnosis.recording import diagnose_frames
from quietscope.errors import NoiseError
from quietscope.methods import METHODS
from quietscope.methods.abilities import able_to_set
from quietscope.methods.base import PointMethod, SamplingMethod
from quietscope.methods.pretrained import PretrainedMethod
from quietscope.nn.unit_noise import LAGS
from quietscope.presets import Configuration
from quietscope.presets.configuration import CORRELATION, DIRECTION, LEVELS, speaks_no_unit
from quietscope.training.budget import parse_duration

DILATIONS = "dilations"
LEAST_TOLD, SURE = 0.02, 4.0
"""Correlation of neighbours, and its standard errors, above which a method that can be told of it is."""
FARTHEST_SEEN = 40
"""Earlier pixels that the published noise decoder sees."""
LEAST_TRAINING = {"none": 600.0, "x": 3600.0, "y": 3600.0}
"""Seconds in which a network that starts from nothing is behind the one that comes trained, by the noise's direction:
`hdn fast` is not ahead of it after 8 minutes on W2S, nor `dvlae fast` after 20 on W2S with row-correlated noise."""


def choose_method(configuration: Configuration, frames: Frames, notify: Notify | None = None) -> Configuration:
    """Replace every "auto" of a configuration by what suits the noise of the images.

    Args:
        configuration: The configuration.
        frames: The noisy frames.
        notify: Called with one line for each choice.

    Returns:
        A configuration that leaves nothing open; the same object where nothing was.

    Raises:
        NoiseError: If the images are too small to say anything of their noise, and more than the method is open.
        SettingsError: If what was found does not go with the other settings.
    """
    if not configuration.unsettled:
        return configuration
    tell = notify or (lambda _: None)
    try:
        found = _Found(diagnose_frames(frames), configuration.dims)
    except NoiseError as error:
        if configuration.unsettled != ("method",):
            raise
        usual = method_with(LEVELS)
        tell(f"method: {usual}, as the noise cannot be told from {error.got}")
        return Configuration.of({**configuration.model_dump(), "method": usual})
    if all(each.is_clean for each in found.channels):
        tell("hardly any noise was found: there may be nothing to denoise")
    values: dict[str, Any] = configuration.model_dump()
    names = configuration.unsettled
    if names == ("method",):
        setting, by_itself = found.wanted_setting, configuration.normalize == "each"
        is_usual = not (by_itself or configuration.neighbours or configuration.direct)
        in_haste = is_usual and found.is_known and _is_short(configuration, found.direction)
        in_haste = in_haste and (not configuration.samples or issubclass(METHODS[_pretrained()], SamplingMethod))
        values["method"] = (
            _pretrained() if in_haste else _without_noise_model(setting) if by_itself else method_with(setting)
        )
        time = f", and {_time(configuration)} training from nothing takes" if in_haste else ""
        tell(f"method: {values['method']}, as {found.reason}{time}")
        names = Configuration.of(values).unsettled if by_itself or in_haste else (setting,)
    chosen = found.answers(names, values, min(min(frames.spatial_shape(n)) for n in range(len(frames))))
    for line in _told(chosen, found.reason):
        tell(line)
    if METHODS[values["method"]].has_setting(DILATIONS) and found.reaches_beyond(chosen):
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


def method_in_seconds(channels: Sequence[Diagnosis]) -> str:
    """Return the method that comes trained, where "auto" takes it for planes whose user names no time.

    Args:
        channels: The diagnosis of every channel.

    Returns:
        Its name; empty where it does not suit the noise, or there is none.
    """
    found = _Found(channels, 2)
    suits = found.is_known and _is_short(Configuration(method="auto"), found.direction)
    return _pretrained() if suits and not all(each.is_clean for each in channels) else ""


def _without_noise_model(setting: str) -> str:
    """Return a method for images that have a unit each: the one with the setting, or else the first point method."""
    names = list(filter(speaks_no_unit, METHODS))
    points = [name for name in names if issubclass(METHODS[name], PointMethod)]
    return next((name for name in names if METHODS[name].has_setting(setting)), points[0])


def _is_short(configuration: Configuration, direction: str) -> bool:
    """Whether there is less time than a network needs that starts from nothing; where nobody says, there is."""
    if configuration.budget is None:
        return configuration.steps is None and direction in LEAST_TRAINING
    return parse_duration(configuration.budget) < LEAST_TRAINING.get(direction, 0.0)


def _time(configuration: Configuration) -> str:
    return "nobody asked for the time that" if configuration.budget is None else f"{configuration.budget} is less than"


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
    def is_known(self) -> bool:
        """Whether the noise is surely what a network comes trained for: correlated along one axis at most."""
        return self.wanted_setting == DIRECTION or all(
            each.advice.sure and each.advice.reach == 1 for each in self.channels
        )

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

    def direction_for(self, method: str) -> str:
        """The axis of the strongest correlation; one that is too weak to matter counts for who can be told of it."""
        if not METHODS[method].has_setting(CORRELATION):
            return self.direction
        weak = [part for each in self.channels for part in (each.x, each.y) if _is_told(part)]
        return max(weak, key=lambda part: part.neighbours).axis if weak else "none"

    def correlation(self, configuration: Configuration) -> dict[str, tuple[float, ...]]:
        """Return what a method is told of the correlation along its direction, the mean of the channels."""
        direction = configuration.network[DIRECTION]
        if direction == "none":
            return {CORRELATION: (0.0,) * len(LAGS)}
        parts = [part for each in self.channels for part in (each.x, each.y) if part.axis == direction]
        lags = [np.mean([part.values[min(lag, len(part.values) - 1)] for part in parts]) for lag in LAGS]
        return {CORRELATION: tuple(round(float(np.clip(each, -1, 1)), 3) for each in lags)}

    def answers(self, names: Sequence[str], values: Mapping[str, Any], shortest: int) -> dict[str, Any]:
        """Return settings that were left open.

        Args:
            names: Their names; what follows from them comes with them.
            values: Values of the configuration, whose method is chosen.
            shortest: The shortest side of the images, in pixels.
        """
        network, chosen = values["network"], dict[str, Any]()

        def settled(given: Mapping[str, Any]) -> Configuration:
            return Configuration.of({**values, "network": {**given, **chosen}})

        if DIRECTION in names:
            chosen[DIRECTION] = self.direction_for(values["method"])
        if LEVELS in names:
            chosen[LEVELS] = self.levels(settled(_without(network, LEVELS)))
        if DIRECTION in chosen and DILATIONS not in network:
            chosen |= self.dilations(settled(network), shortest)
        if CORRELATION in names:
            chosen |= self.correlation(settled(_without(network, CORRELATION)))
        return chosen

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


def _told(chosen: Mapping[str, Any], reason: str) -> Iterator[str]:
    """Say what was chosen and why; a correlation that a network is told says its direction too."""
    if any(chosen.get(CORRELATION, ())):
        *first, last = (f"{round(r, 2) + 0.0:.2f} at {lag}" for r, lag in zip(chosen[CORRELATION], LAGS, strict=True))
        along = f" along {chosen[DIRECTION]}" if DIRECTION in chosen else ""
        yield f"correlation of the noise{along}: {', '.join(first)} and {last} pixels, which the network is told"
        return
    for name, value in chosen.items():
        words = value if isinstance(value, str) else ",".join(map(str, value)) or "none"
        if name != CORRELATION:
            yield f"{name.replace('_', ' ')}: {words}, as {reason}"


def _is_told(part: AxisCorrelation) -> bool:
    return part.neighbours > max(LEAST_TOLD, SURE * float(part.errors[1]))


def _without(values: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != name}
