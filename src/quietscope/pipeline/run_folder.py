"""The folder that training keeps: settings, logs, and the state that a stopped run goes on from."""

import json
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quietscope.errors import OutputError, SettingsError
from quietscope.io import Image, atomic_path
from quietscope.io.alive import clear_leftovers
from quietscope.io.atomic import check_target, write_bytes_atomically
from quietscope.outside.plain_data import MOST_BYTES_OF_JSON, MalformedError, parse_json
from quietscope.outside.regular_file import read_bounded
from quietscope.pipeline.files import BEST, CONFIG, DIRECT, LAST, MODEL
from quietscope.pipeline.ledger import check_same, fingerprint
from quietscope.wording import typed

if TYPE_CHECKING:
    from quietscope.presets import Configuration

RESUME, LOGS, IMAGES = "resume.ckpt", "logs", "images.json"
_EARLIER = ".earlier"
"""Folder, within that of a run which replaces another, of what that one leaves, until the new one has a model."""
BOOTSTRAP = "bootstrap_c*.safetensors"
_STATE = (CONFIG, IMAGES, RESUME, "psf.npy", BOOTSTRAP)
_LOGGED = ("metrics.csv", "hparams.yaml", "events.out.tfevents.*")
_LEARNT = (MODEL, BEST, LAST, DIRECT, RESUME)
_RUN = (*_LEARNT, CONFIG, LOGS)
"""What tells that there is a run in a folder."""


@dataclass(frozen=True)
class RunFolder:
    """A folder with one training run in it, or none.

    Attributes:
        path: The folder; it need not exist.
    """

    path: Path

    @property
    def has_learnt(self) -> bool:
        """Whether there is a state to go on from."""
        return (self.path / RESUME).is_file()

    @property
    def has_begun(self) -> bool:
        """Whether a run has begun here, and its settings are known."""
        return (self.path / CONFIG).is_file()

    def check_free(self, *, overwrite: bool) -> None:
        """Refuse a folder that has a run in it, unless that may be replaced.

        Raises:
            OutputError: If it has one.
        """
        found = [name for name in _LEARNT if (self.path / name).exists()]
        if not (self.path / IMAGES).is_file():  # otherwise the rest is of a run that was killed before it learnt
            found += [name for name in _RUN if name not in found and (self.path / name).exists()]
            found += [path.name for path in self.path.glob(BOOTSTRAP)]
        if found and not overwrite:
            anew = typed(overwrite=True)
            resumable = self.has_begun and (self.has_learnt or not self._has_models)
            raise OutputError(
                "a folder without a run in it",
                f"{self.path} with {found[0]}",
                f"pass `{typed(resume=True)}` to go on, or `{anew}`" if resumable else f"pass `{anew}` to start anew",
            )

    @property
    def _has_models(self) -> bool:
        return any((self.path / name).exists() for name in _LEARNT if name != RESUME)

    def check_images(self, images: Sequence[Image]) -> None:
        """Refuse to go on with other images than the run began with.

        Raises:
            SettingsError: If they are others, or their pixels have changed.
        """
        try:
            text = read_bounded(self.path / IMAGES, MOST_BYTES_OF_JSON, OutputError, "the record of a run's images")
            before = parse_json(text)
        except FileNotFoundError:
            return
        except MalformedError:
            before = None
        check_same(before if isinstance(before, list) else None, images)

    def check_steps(self, steps: int | None) -> None:
        """Refuse to go on with fewer steps than are done.

        Raises:
            SettingsError: If they are fewer.
            ModelFileError: If the resume file is damaged.
        """
        from quietscope.training.checkpoint import read_checkpoint

        done = int(read_checkpoint(self.path)["step"]) if steps is not None else 0
        if steps is not None and steps < done:
            raise SettingsError(f"at least {done} steps, which are done", str(steps), f"raise `{typed('steps')}`")

    def check_writable(self) -> None:
        """Refuse a folder that nothing can be written into.

        Raises:
            OutputError: If nothing can.
        """
        check_target(self.path / CONFIG, overwrite=True)

    def earlier(self, asked: Mapping[str, Any]) -> "Configuration":
        """Return the configuration of the run in this folder, with more budget where that is asked for.

        Args:
            asked: The settings that are asked for now, by name; budget and steps may be raised, the rest must agree
                with the run.

        Returns:
            The configuration to go on with.

        Raises:
            OutputError: If there is no run that could go on.
            SettingsError: If what is asked for is not what the run began with.
        """
        if not self.has_begun:
            resume, overwrite = typed(resume=True), typed(overwrite=True)
            anew = f"leave out `{resume}`; where a complete run is there, pass `{overwrite}` to replace them"
            fix = f"pass `{overwrite}` in its place" if self.has_learnt or self._has_models else anew
            raise OutputError(f"a run that was stopped, with its {CONFIG}", f"{self.path} without it", fix)
        if self._has_models and not self.has_learnt:
            raise OutputError(
                f"a run that was stopped, with its {RESUME}",
                f"{self.path} with models and without it",
                f"pass `{typed(overwrite=True)}` in place of `{typed(resume=True)}` to start anew",
            )
        return agreed(self.path / CONFIG, asked)

    def begin(self, configuration: "Configuration", images: Sequence[Image]) -> None:
        """Write the images and the settings of a run that begins or goes on."""
        told = json.dumps([fingerprint(image) for image in images], indent=1)
        write_bytes_atomically(self.path / IMAGES, told.encode(), overwrite=True)
        with atomic_path(self.path / CONFIG, overwrite=True) as temporary:
            configuration.save(temporary)

    def set_aside(self) -> None:
        """Keep what an earlier run has left, but for its models, until a new one has a model of its own."""
        aside = self.path / _EARLIER
        if aside.exists():  # what is here now is of a run that never came so far
            self.forget()
        try:
            for path in self._left():
                place = aside / path.relative_to(self.path)
                place.parent.mkdir(parents=True, exist_ok=True)
                path.rename(place)
        except OSError:  # a full disk, which may have no room for a folder
            self._bring_back()
            raise

    def come_to_nothing(self) -> None:
        """Where a new run has left nothing to go on from, remove its state, and put that of the earlier run back."""
        if not self.has_learnt:
            self.forget()
            self.put_back()

    def put_back(self) -> None:
        """Put back what `set_aside` has kept, where a new run has come to nothing."""
        aside = self.path / _EARLIER
        if self.has_learnt or not aside.exists():
            return
        self.forget()
        self._bring_back()

    def _bring_back(self) -> None:
        aside = self.path / _EARLIER
        for path in [each for each in aside.rglob("*") if each.is_file()]:
            place = self.path / path.relative_to(aside)
            place.parent.mkdir(exist_ok=True)
            path.rename(place)
        shutil.rmtree(aside, ignore_errors=True)

    def drop_earlier(self) -> None:
        """Remove what `set_aside` has kept: the new run has a model."""
        shutil.rmtree(self.path / _EARLIER, ignore_errors=True)

    def forget(self) -> None:
        """Remove all that only serves to go on with a run, by its names; models stay."""
        for path in self._left():
            path.unlink()
        clear_leftovers(self.path / RESUME)
        with suppress(OSError):  # not there, or somebody keeps notes in it
            (self.path / LOGS).rmdir()

    def _left(self) -> list[Path]:
        places = ((self.path, _STATE), (self.path / LOGS, _LOGGED))
        return [path for folder, patterns in places for pattern in patterns for path in folder.glob(pattern)]


def agreed(file: Path, asked: Mapping[str, Any]) -> "Configuration":
    """Return the configuration that a run has written, with more budget where that is asked for.

    Args:
        file: Its file.
        asked: Settings by name; budget and steps may be others, the rest must agree with the run.

    Raises:
        SettingsError: If something else does not agree, or the file cannot be read.
    """
    from quietscope.methods import canonical
    from quietscope.presets import AUTO, Configuration, read_configuration

    earlier = Configuration.of(read_configuration(file))
    asked = {name: value for name, value in asked.items() if value != AUTO or name == "noise"}
    if "network" in asked:  # what was to be found out has been found out
        settled = {name: value for name, value in asked["network"].items() if value != AUTO}
        asked["network"] = {**earlier.network, **settled}
    if "method" in asked:  # whose other settings would make no sense beside those of another
        _check_same("method", earlier.method, canonical(str(asked["method"])))
    wanted = Configuration.of({**earlier.model_dump(), **asked})
    for name in sorted(set(asked) - {"budget", "steps"}):
        _check_same(name, getattr(earlier, name), getattr(wanted, name))
    return wanted


def _check_same(name: str, before: Any, now: Any) -> None:
    if json.dumps(before, sort_keys=True) != json.dumps(now, sort_keys=True):  # tuples are lists in the file
        fix = "leave it out, or train in another folder"
        raise SettingsError(f"{name} = {before!r}, as the run began", f"{now!r}", fix)
