"""Weights & Biases. Where it knows no account the run is kept on this machine, and nothing is sent."""

import os
from collections.abc import Mapping

from quietscope.errors import SettingsError
from quietscope.optional import imported
from quietscope.training.trackers.tracker import FollowedRun, Told, Tracker

PROJECT = "quietscope"


class WandbTracker(Tracker):
    """Makes a run of the project "quietscope", or of that which WANDB_PROJECT names."""

    name = "wandb"
    needs = ("wandb",)
    extra = "wandb"

    def __init__(self, run: FollowedRun) -> None:
        """Begin a run, without a word on the screen and without the code of whoever calls."""
        wandb = imported("wandb", SettingsError, self.extra)
        asked = os.environ.get("WANDB_MODE")
        mode = asked or ("online" if wandb.login(prompt=False) else "offline")
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            name=run.name,
            dir=str(run.place()),
            config=dict(run.settings),
            mode=mode,
            settings=wandb.Settings(silent=True, console="off", save_code=False, disable_git=True),
        )
        if mode == "offline":
            kept = self._run.settings.sync_dir
            why = "WANDB_MODE says so" if asked else "no account is known here"
            run.notify(f"W&B is offline, as {why}: `wandb sync {kept}` sends the run later")

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Take numbers of a training step."""
        self._run.log(dict(values), step=step)

    def tell(self, step: int, values: Told) -> None:
        """Put what is said into the summary, which the table of runs shows."""
        for name, value in values.items():
            self._run.summary[name] = value

    def close(self, *, is_whole: bool) -> None:
        """End the run, and wait until all of it is written."""
        self._run.finish(exit_code=0 if is_whole else 1)
