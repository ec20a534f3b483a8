"""MLflow. Where MLFLOW_TRACKING_URI names no server, a database in the run folder keeps the run."""

import logging
import os
import time
from collections.abc import Mapping

from quietscope.errors import SettingsError
from quietscope.optional import imported
from quietscope.training.trackers.tracker import FollowedRun, Told, Tracker

EXPERIMENT = "quietscope"
DATABASE = "mlflow.db"
MOST_CHARACTERS = 500
"""Of a setting; longer ones are refused by older servers."""
MOST_AT_ONCE = 100
"""Settings that a server takes in one message."""


class MLflowTracker(Tracker):
    """Makes a run of the experiment "quietscope", or of that which MLFLOW_EXPERIMENT_NAME names."""

    name = "mlflow"
    needs = ("mlflow", "sqlalchemy", "alembic")
    extra = "mlflow"

    def __init__(self, run: FollowedRun) -> None:
        """Begin a run, beside runs of the caller's own, which go on."""
        self._mlflow = imported("mlflow", SettingsError, self.extra)
        address = os.environ.get("MLFLOW_TRACKING_URI")
        if not address:
            place = run.place().resolve()
            address = f"sqlite:///{place / DATABASE}"
            run.notify(f"MLflow knows of no server, and keeps the run at the tracking URI {address}")
        logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)  # it tells of every new database
        self._client = self._mlflow.MlflowClient(tracking_uri=address)
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", EXPERIMENT)
        known = self._client.get_experiment_by_name(name)
        experiment = known.experiment_id if known else self._client.create_experiment(name)
        self._id = self._client.create_run(experiment, run_name=run.name).info.run_id
        param = self._mlflow.entities.Param
        settings = [param(name, value[:MOST_CHARACTERS]) for name, value in run.settings.items()]
        for first in range(0, len(settings), MOST_AT_ONCE):
            self._client.log_batch(self._id, params=settings[first : first + MOST_AT_ONCE])

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Take numbers of a training step."""
        now, metric = int(1000 * time.time()), self._mlflow.entities.Metric
        self._client.log_batch(self._id, metrics=[metric(name, value, now, step) for name, value in values.items()])

    def tell(self, step: int, values: Told) -> None:
        """Take numbers as metrics, and words as tags."""
        self.write(step, {name: value for name, value in values.items() if not isinstance(value, str)})
        for name, value in values.items():
            if isinstance(value, str):
                self._client.set_tag(self._id, name, value)

    def close(self, *, is_whole: bool) -> None:
        """End the run."""
        self._client.set_terminated(self._id, status="FINISHED" if is_whole else "FAILED")
