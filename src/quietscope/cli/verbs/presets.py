"""``quietscope presets``: every method and preset."""

from typing import TYPE_CHECKING

from rich.table import Table

from quietscope.cli.screen import Screen

if TYPE_CHECKING:
    from quietscope.presets import Preset


def presets() -> None:
    """List every method and preset: parameters, budget, measured quality."""
    from quietscope.methods import METHODS
    from quietscope.presets import PRESETS

    table = Table(show_lines=True)
    for name in ("method", "preset", "what for", "parameters", "budget", "measured"):
        table.add_column(name, overflow="fold", justify="right" if name == "parameters" else "left")
    for preset in PRESETS.values():
        limits = [preset.budget, None if preset.steps is None else f"{preset.steps:,} steps"]
        table.add_row(
            preset.method,
            preset.name,
            preset.summary,
            f"{_count_parameters(preset):,}",
            " or ".join(limit for limit in limits if limit is not None),
            "\n".join(preset.measured) or "not yet",
        )
    screen = Screen()
    screen.show(table)
    for key in PRESETS:
        if source := PRESETS.source_of(key):
            screen.show(f"{key} comes from the package {source}")
    for note in (*METHODS.notes(), *PRESETS.notes()):
        screen.note(note)


def _count_parameters(preset: "Preset") -> int:
    """Build the network for one channel in 2-D and count its trainable numbers."""
    import torch

    from quietscope.data.normalize import Statistics
    from quietscope.methods import METHODS
    from quietscope.noise import Gaussian

    statistics, kind = Statistics(torch.ones(1), torch.ones(1)), METHODS[preset.method]
    method = kind.build(preset.network, statistics, [Gaussian(1.0)] if kind.needs_noise else [])
    return sum(parameter.numel() for parameter in method.parameters())
