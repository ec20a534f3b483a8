"""What a configuration leaves open, decided by a look at the noise: method, direction, deterministic levels."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

from quietscope.axes import Layout
from quietscope.data.frames import Frames
from quietscope.data.preparation import Notify
from quietscope.diagnosis import Diagnosis, deterministic_levels, diagnose, reason
from quietscope.methods.dvlae import DVLAE
from quietscope.methods.hdn import HDN, HDNSettings
from quietscope.presets import Configuration
from quietscope.presets.configuration import DIRECTION, LEVELS

SUCCESSIVE = "ZT"
"""Axes along which planes follow each other."""


def settle(configuration: Configuration, frames: Frames, notify: Notify | None = None) -> Configuration:
    """Replace every "auto" of a configuration by what suits the noise of the images.

    Args:
        configuration: The configuration.
        frames: The noisy frames.
        notify: Called with one line for each choice.

    Returns:
        A configuration that leaves nothing open; the same where nothing was.

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
        values["method"] = found.method
        tell(f"method: {found.method}, as {found.reason}")
        names = (DIRECTION,) if found.method == DVLAE.name else (LEVELS,)
    answers: dict[str, Any] = {DIRECTION: found.direction}
    if LEVELS in names:
        answers[LEVELS] = found.levels(Configuration.of({**values, "network": _without(values["network"], LEVELS)}))
    chosen = {name: answers[name] for name in names}
    for name, value in chosen.items():
        words = value if isinstance(value, str) else ",".join(map(str, value)) or "none"
        tell(f"{name.replace('_', ' ')}: {words}, as {found.reason}")
    return Configuration.of({**values, "network": {**values["network"], **chosen}})


def diagnose_frames(frames: Frames) -> list[Diagnosis]:
    """Tell the noise of every channel, from a bounded sample of all frames.

    Args:
        frames: Noisy frames, planes or volumes.

    Returns:
        One diagnosis per channel.

    Raises:
        NoiseError: If the images are too small or constant, or hold NaN or infinity.
    """
    parts = [(array, Layout.of(layout.axes, layout.shape)) for array, layout in frames.parts]
    successive: dict[str, list[tuple[int, int]]] = {}
    start = 0
    for _, layout in parts:
        for axis, pairs in _successive(layout).items():
            successive.setdefault(axis.lower(), []).extend((start + first, start + second) for first, second in pairs)
        start += layout.num_frames
    return [
        diagnose(
            [_Plane(array, layout, number, channel) for array, layout in parts for number in range(layout.num_frames)],
            successive=successive,
        )
        for channel in range(frames.num_channels)
    ]


def _successive(layout: Layout) -> dict[str, list[tuple[int, int]]]:
    """Return the pairs of frame numbers that follow each other along Z and along T, where there are such axes."""
    sizes = [layout.shape[layout.axes.index(letter)] for letter in layout.frame_axes]
    numbers = np.arange(prod(sizes)).reshape(sizes)
    return {
        letter: [
            (int(first), int(second))
            for planes in [np.moveaxis(numbers, at, 0)]
            for one, other in pairwise(planes)
            for first, second in zip(one.ravel(), other.ravel(), strict=True)
        ]
        for at, letter in enumerate(layout.frame_axes)
        if letter in SUCCESSIVE
    }


@dataclass(frozen=True)
class _Plane:
    """One channel of one frame, read when and where it is asked for."""

    array: Any
    layout: Layout
    number: int
    channel: int

    @property
    def shape(self) -> tuple[int, ...]:
        """(Y, X)."""
        return self.layout.spatial_shape

    def __getitem__(self, key: Any) -> Any:
        """Read two slices."""
        return self.layout.region(self.array, self.number, key)[self.channel]


@dataclass(frozen=True)
class _Found:
    """The diagnoses of all channels, and what follows from them for one network."""

    channels: Sequence[Diagnosis]
    dims: int

    @property
    def _directions(self) -> set[str]:
        """The axes along which channels have noise that is correlated along one axis alone."""
        named: set[str] = {each.advice.direction for each in self.channels if each.advice.method == DVLAE.name}
        return named - ({"z"} if self.dims == 2 else set())

    @property
    def method(self) -> str:
        """DVLAE for noise along one axis; HDN for all else, and where it is not sure."""
        both = any(each.kind == "correlated both ways" for each in self.channels)
        return DVLAE.name if len(self._directions) == 1 and not both else HDN.name

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
        settings = configuration.method_settings()
        assert isinstance(settings, HDNSettings)
        return deterministic_levels(max(each.correlation_length for each in self.channels), len(settings.filters))

    @property
    def reason(self) -> str:
        """Why, in the words of the channel with the strongest correlation."""
        worst = max(self.channels, key=lambda each: max(each.x.neighbours, each.y.neighbours))
        words = reason(worst.advice)
        return words if worst.advice.sure else f"it is not sure: {words}"


def _without(values: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != name}
