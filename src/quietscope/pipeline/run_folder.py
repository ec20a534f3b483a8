"""The folder that training keeps: settings, logs, and the state that a stopped run goes on from."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quietscope.errors import OutputError, SettingsError
from quietscope.io import atomic_path
from quietscope.io.atomic import check_target
from quietscope.pipeline.files import BEST, CONFIG, DIRECT, LAST, MODEL

if TYPE_CHECKING:
    from quietscope.presets import Configuration

RESUME, LOGS = "resume.ckpt", "logs"
BOOTSTRAP = "bootstrap_c*.safetensors"
_STATE = (CONFIG, RESUME, "resume.partial", "psf.npy", BOOTSTRAP)
_LOGGED = ("metrics.csv", "metrics.partial", "hparams.yaml", "events.out.tfevents.*")
_RUN = (MODEL, BEST, LAST, DIRECT, CONFIG, RESUME, LOGS)
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

    def check_free(self, *, overwrite: bool) -> None:
        """Refuse a folder that has a run in it, unless that may be replaced.

        Raises:
            OutputError: If it has one.
        """
        found = [name for name in _RUN if (self.path / name).exists()]
        found += [path.name for path in self.path.glob(BOOTSTRAP)]
        if found and not overwrite:
            raise OutputError(
                "a folder without a run in it",
                f"{self.path} with {found[0]}",
                "pass `--resume` to go on, or `--overwrite`",
            )

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
        from quietscope.presets import AUTO, Configuration, read_configuration

        for name in (CONFIG, RESUME):
            if not (self.path / name).is_file():
                raise OutputError(
                    "a run folder with config.yaml and resume.ckpt",
                    f"{self.path} without {name}",
                    "leave out `--resume`",
                )
        earlier = Configuration.of(read_configuration(self.path / CONFIG))
        asked = {name: value for name, value in asked.items() if value != AUTO or name == "noise"}
        if "network" in asked:  # what was to be found out has been found out
            settled = {name: value for name, value in asked["network"].items() if value != AUTO}
            asked["network"] = {**earlier.network, **settled}
        wanted = Configuration.of({**earlier.model_dump(), **asked})
        for name in sorted(set(asked) - {"budget", "steps"}):
            before, now = getattr(earlier, name), getattr(wanted, name)
            if json.dumps(before, sort_keys=True) != json.dumps(now, sort_keys=True):  # tuples are lists in the file
                raise SettingsError(
                    f"{name} = {before!r}, as the run began", f"{now!r}", "leave it out, or train in another folder"
                )
        return wanted

    def begin(self, configuration: "Configuration", *, resume: bool) -> None:
        """Write the settings of a run that begins or goes on, and forget what an earlier one has left to go on from."""
        if not resume:
            self.forget()
        with atomic_path(self.path / CONFIG, overwrite=True) as temporary:
            configuration.save(temporary)

    def forget(self) -> None:
        """Remove all that only serves to go on with a run, by its names; models stay."""
        for folder, patterns in ((self.path, _STATE), (self.path / LOGS, _LOGGED)):
            for path in [path for pattern in patterns for path in folder.glob(pattern)]:
                path.unlink()
        with suppress(OSError):  # not there, or somebody keeps notes in it
            (self.path / LOGS).rmdir()
