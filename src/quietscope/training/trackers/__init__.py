"""Programs that follow experiments, told how a run goes: each is one file here, and one line below.

A package of its own declares more in the entry-point group "quietscope.trackers", under the tracker's `name`.
"""

from quietscope.registry import Registry, subclass
from quietscope.training.trackers.mlflow_tracker import MLflowTracker
from quietscope.training.trackers.tensorboard_tracker import TensorBoardTracker
from quietscope.training.trackers.tracker import FollowedRun, Tracker
from quietscope.training.trackers.wandb_tracker import WandbTracker

_OWN: tuple[type[Tracker], ...] = (TensorBoardTracker, WandbTracker, MLflowTracker)

TRACKERS: Registry[type[Tracker]] = Registry(
    "quietscope.trackers", {tracker.name: tracker for tracker in _OWN}, subclass(Tracker, "name")
)
"""Every tracker by the name that users type."""

__all__ = ["TRACKERS", "FollowedRun", "Tracker"]
