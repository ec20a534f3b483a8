"""``quietscope presets``: every method and preset."""

from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from rich import box
from rich.table import Table

from quietscope.cli.options import Flag
from quietscope.cli.screen import Screen

if TYPE_CHECKING:
    from quietscope.methods.base import BuiltMethod
    from quietscope.presets import Preset


@dataclass(frozen=True, kw_only=True)
class Row:
    """What is told of one preset.

    Attributes:
        method: Name of its method.
        preset: Its name.
        package: The package that it comes from, where that is not QuietScope.
        noise_model: "needed", "learnt" (by the method itself) or "none".
        gives: What the method gives: kinds of results, as after ``--save``, and verbs that it has the ability for.
        parameters: Trainable numbers, for one channel in 2-D.
        budget: Training time where the user names none.
        steps: Training steps likewise.
        summary: What it is for.
        measured: Results, each with data, budget and hardware.
    """

    method: str
    preset: str
    package: str | None
    noise_model: str
    gives: tuple[str, ...]
    parameters: int
    budget: str | None
    steps: int | None
    summary: str
    measured: tuple[str, ...]

    @property
    def of_the_method(self) -> str:
        """Return what holds of the method whatever the preset."""
        return f"{self.method}\nnoise model: {self.noise_model}\n{', '.join(self.gives)}"

    @property
    def limit(self) -> str:
        """Return time and steps in words."""
        limits = [self.budget, None if self.steps is None else f"{self.steps:,} steps"]
        return " or ".join(limit for limit in limits if limit is not None)


def presets(
    *, json: Annotated[bool, Flag, Parameter(help="Print JSON with all settings, for other programs.")] = False
) -> None:
    """List every method and preset: what it needs and gives, parameters, budget, measured quality."""
    from quietscope.methods import METHODS
    from quietscope.presets import PRESETS

    screen = Screen()
    found = {key: (preset, _row(key, preset)) for key, preset in PRESETS.items()}
    if json:
        screen.show_json([_everything(*each) for each in found.values()])
    else:
        screen.show(_table([row for _, row in found.values()]))
        for key, (_, row) in found.items():
            if row.package is not None:
                screen.show(f"{key} comes from the package {row.package}")
    for note in (*METHODS.notes(), *PRESETS.notes()):
        screen.note(note)


def _table(rows: list[Row]) -> Table:
    """Return one table, which fits a terminal of 100 columns; what holds of a method stands beside its first preset."""
    table = Table(box=box.HORIZONTALS, collapse_padding=True, pad_edge=False)
    table.add_column("method, noise model,\nwhat it gives", width=21, overflow="fold")
    table.add_column("\npreset", no_wrap=True)
    table.add_column("\nparameters", justify="right", no_wrap=True)
    table.add_column("\nbudget", width=7)
    table.add_column("\nwhat for; what was measured", overflow="fold")
    for _, of_method in groupby(rows, attrgetter("method")):
        for number, row in enumerate(of_method):
            words = "\n".join((row.summary, *(row.measured or ("not measured yet",))))
            first = row.of_the_method if number == 0 else ""
            table.add_row(first, row.preset, f"{row.parameters:,}", row.limit, words)
        table.add_section()
    return table


def _row(key: str, preset: "Preset") -> Row:
    from quietscope.methods import METHODS
    from quietscope.presets import PRESETS

    method, source = METHODS[preset.method], PRESETS.source_of(key)
    return Row(
        method=preset.method,
        preset=preset.name,
        package=None if source is None else str(source),
        noise_model=_noise_of(method),
        gives=_gifts_of(method),
        parameters=_count_parameters(preset, method),
        budget=preset.budget,
        steps=preset.steps,
        summary=preset.summary,
        measured=preset.measured,
    )


def _everything(preset: "Preset", row: Row) -> dict[str, Any]:
    """Return a row with the settings of network and training, as JSON has it."""
    return {
        **vars(row),
        "network": preset.network.model_dump(mode="json"),
        "training": preset.training.model_dump(mode="json"),
    }


def _noise_of(method: "type[BuiltMethod]") -> str:
    from quietscope.methods.generative import LearnedNoiseMethod

    if issubclass(method, LearnedNoiseMethod):  # one that it is given only sets the scale of its images
        return "learnt"
    return "needed" if method.needs_noise else "none"


def _gifts_of(method: "type[BuiltMethod]") -> tuple[str, ...]:
    from quietscope.methods.abilities import kinds_of
    from quietscope.methods.generative import HierarchicalMethod, PriorMethod

    verbs = {"generate": PriorMethod, "levels": HierarchicalMethod}
    able = (verb for verb, ability in verbs.items() if issubclass(method, ability))
    return (*(kind.name for kind in kinds_of(method)), *able)


def _count_parameters(preset: "Preset", method: "type[BuiltMethod]") -> int:
    """Build the network for one channel in 2-D and count its trainable numbers."""
    import torch

    from quietscope.data.normalize import Statistics
    from quietscope.noise import Gaussian

    statistics = Statistics(torch.ones(1), torch.ones(1))
    built = method.build(preset.network, statistics, [Gaussian(1.0)] if method.needs_noise else [])
    return sum(parameter.numel() for parameter in built.parameters())
