"""TensorBoard: an event file of the whole run, which stays where the logs of a `denoise` go with its state."""

from collections.abc import Mapping

from quietscope.training.event_file import EventFile
from quietscope.training.trackers.tracker import FollowedRun, Told, Tracker


class TensorBoardTracker(Tracker):
    """Writes an event file of its own, beside what training logs."""

    name = "tensorboard"

    def __init__(self, run: FollowedRun) -> None:
        """Begin the file."""
        self._file = EventFile(run.place())

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Write numbers of a training step."""
        for name, value in values.items():
            self._file.add_scalar(name, value, step)

    def tell(self, step: int, values: Told) -> None:
        """Write numbers and words."""
        for name, value in values.items():
            if isinstance(value, str):
                self._file.add_text(f"run/{name}", value, step)
            else:
                self._file.add_scalar(f"run/{name}", value, step)

    def close(self, *, is_whole: bool) -> None:
        """Close the file."""
        self._file.close()
