"""Trackers at work: several at once, none of which can end or delay the run by an error of its own."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from quietscope.errors import SettingsError
from quietscope.optional import imported
from quietscope.training.trackers import TRACKERS, FollowedRun, Tracker
from quietscope.training.trackers.tracker import Told
from quietscope.wording import typed

if TYPE_CHECKING:  # PyTorch comes with it, and a prediction without PyTorch comes by here
    from quietscope.data.preparation import Notify


class Followers:
    """The trackers of a run.

    Args:
        trackers: They, by name.
        notify: Called with one line where one of them fails, which is then told nothing more.
    """

    def __init__(self, trackers: Mapping[str, Tracker], notify: "Notify") -> None:
        self._trackers = dict(trackers)
        self._notify = notify
        self._step = 0

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Pass on the numbers of a training step; what is infinite or NaN is left out."""
        self._step = max(step, self._step)
        known = {name: float(value) for name, value in values.items() if math.isfinite(value)}
        if known:
            self._each(lambda tracker: tracker.write(step, known))

    def tell(self, values: Told) -> None:
        """Pass on what is said of the run as a whole."""
        known = {name: value for name, value in values.items() if isinstance(value, str) or math.isfinite(value)}
        if known:
            self._each(lambda tracker: tracker.tell(self._step, known))

    def close(self, *, is_whole: bool) -> None:
        """End all of them."""
        self._each(lambda tracker: tracker.close(is_whole=is_whole))

    def _each(self, told: Callable[[Tracker], None]) -> None:
        for name, tracker in list(self._trackers.items()):
            try:
                told(tracker)
            except Exception as error:  # whatever a server or a library of others raises
                del self._trackers[name]
                self._notify(f"{name} follows the run no longer: {_line(error)}")


Names: TypeAlias = Sequence[str] | str
"""The name of a tracker, or several."""
Log: TypeAlias = Names | Followers
"""Names of trackers, or trackers at work."""

FOLDER = "trackers"
"""Where in the folder of a run that is kept which trackers keep on this machine; its logs are moved and removed."""

NOBODY = Followers({}, print)


def check_trackers(log: Names) -> None:
    """Refuse trackers that cannot follow a run, before it begins.

    Args:
        log: Their names.

    Raises:
        SettingsError: If there is none of a name, or what it needs is not installed.
        PluginError: If the package that declares it cannot be imported.
    """
    for name in _names(log):
        if name not in TRACKERS:
            raise SettingsError(f"one of {', '.join(TRACKERS)}", repr(name), f"pass e.g. `{typed(log='tensorboard')}`")
        for module in TRACKERS[name].needs:
            imported(module, SettingsError, TRACKERS[name].extra)


@contextmanager
def followed(log: Log, folder: Path | None, settings: Mapping[str, Any], notify: "Notify") -> Iterator[Followers]:
    """Have trackers follow what is done in this block.

    Args:
        log: Their names, or trackers that follow already, and whose end is not the end of this block.
        folder: The folder of the run; None where there is none.
        settings: The settings of the run, as JSON has them.
        notify: Called with one line for each thing a person should know.

    Yields:
        The trackers.

    Raises:
        SettingsError: See `check_trackers`.
    """
    if isinstance(log, Followers):
        yield log
        return
    check_trackers(log)
    run = FollowedRun(
        name="quietscope" if folder is None else folder.resolve().name,
        folder=None if folder is None else folder / FOLDER,
        settings=dict(_settings(settings)),
        notify=notify,
    )
    followers = Followers(dict(_begun(_names(log), run)), notify)
    is_whole = False
    try:
        yield followers
        is_whole = True
    finally:
        followers.close(is_whole=is_whole)


def _names(log: Names) -> list[str]:
    return list(dict.fromkeys([log] if isinstance(log, str) else log))


def _begun(names: Iterable[str], run: FollowedRun) -> Iterator[tuple[str, Tracker]]:
    for name in names:
        try:
            yield name, TRACKERS[name](run)
        except Exception as error:  # no server, no room, no licence: training does not hang on it
            run.notify(f"{name} does not follow the run: {_line(error)}")


def _settings(settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield settings by name, those inside of others by both names."""
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{inner}", str(each)) for inner, each in value.items())
        else:
            yield name, str(value)


def _line(error: Exception) -> str:
    words = str(error).strip().splitlines()
    return words[0] if words else type(error).__name__
