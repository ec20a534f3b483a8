"""Which run a model goes on from, and for how much longer: what ``quietscope train --resume`` finds in a run folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quietscope.pipeline.files import CONFIG
from quietscope.pipeline.run_folder import RunFolder

if TYPE_CHECKING:
    from quietscope.presets import Configuration

USUAL_BUDGET = "1m"
"""What is learnt for again where neither a person nor the preset says how long."""


@dataclass(frozen=True, kw_only=True)
class Resumed:
    """A run that goes on.

    Attributes:
        folder: Its folder.
        settings: What is asked for beyond the settings that it began with: nothing, or more budget.
        dims: 2 where it learns planes, 3 for volumes.
    """

    folder: Path
    settings: dict[str, Any]
    dims: int


def run_of(model: Path | None) -> Path | None:
    """Return the folder of the run that a model file lies in, where that run can go on; None of any other file.

    Args:
        model: The model file, or any other file of a run; None for none.
    """
    if model is None:
        return None
    state = RunFolder(model.parent)
    return state.path if state.has_begun and state.has_learnt else None


def resumed(folder: Path, budget: str) -> Resumed:
    """Return how a run goes on: where it was stopped, or with as much again where it had come to its end.

    Args:
        folder: Its folder.
        budget: How long it learns then, as somebody has typed it; what the preset says if empty.

    Raises:
        QuietScopeError: If its settings or its resume file cannot be read, or that is no duration.
    """
    from quietscope.presets import Configuration, read_configuration
    from quietscope.training.checkpoint import read_checkpoint

    configuration = Configuration.of(read_configuration(folder / CONFIG))
    state = read_checkpoint(folder)
    more = _more(configuration, int(state["step"]), float(state["seconds"]), budget)
    return Resumed(folder=folder, settings=more, dims=configuration.dims)


def _more(configuration: "Configuration", steps: int, seconds: float, budget: str) -> dict[str, Any]:
    """Return more budget for a run that has used up its own; nothing for another."""
    from quietscope.presets import find_preset
    from quietscope.training.budget import parse_duration

    limit, preset = configuration.training_budget(), find_preset(configuration.method, configuration.preset)
    if limit.progress(seconds, steps) < 1.0:
        return {}
    more: dict[str, Any] = {}
    if limit.steps is not None:
        more["steps"] = steps + (preset.steps or steps)
    if limit.seconds is not None:
        more["budget"] = f"{round(seconds + parse_duration(budget or preset.budget or USUAL_BUDGET))}s"
    return more
