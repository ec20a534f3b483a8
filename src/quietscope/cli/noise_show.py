"""``quietscope noise show``: the noise model in a file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.table import Table

from quietscope.cli.screen import Screen

if TYPE_CHECKING:
    from quietscope.noise import GaussianMixture, NoiseModel

SIGNALS = (0.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0, 10000.0, 30000.0)
STEPS = 8


def noise_show(file: Annotated[Path, Parameter(help="Noise file, .safetensors or .npz.")], /) -> None:
    """Show the noise model in a file: what it is, its sigma at several signals, the parameters of a mixture."""
    from quietscope.noise import GaussianMixture
    from quietscope.store.noise_file import load_noise_model

    model, screen = load_noise_model(file), Screen()
    screen.show(f"{file}: {model.describe()}")
    table = Table()
    table.add_column("signal", justify="right")
    table.add_column("sigma", justify="right")
    for signal, sigma in _sigmas(model):
        table.add_row(f"{signal:.5g}", f"{sigma:.4g}")
    screen.show(table)
    if isinstance(model, GaussianMixture):
        screen.show(_mixture_table(model))


def describe_noise(file: Path) -> dict[str, str]:
    """Return what is to be known of a noise file, name by name."""
    from quietscope.store.noise_file import load_noise_model

    model = load_noise_model(file)
    return {
        "model": model.kind,
        "description": model.describe(),
        "sigma": ", ".join(f"{sigma:.4g} at {signal:.5g}" for signal, sigma in _sigmas(model)),
    }


def _sigmas(model: "NoiseModel") -> list[tuple[float, float]]:
    """Return (signal, sigma) over the fitted range of a mixture, else over the signals of common cameras."""
    import torch

    from quietscope.noise import GaussianMixture

    if isinstance(model, GaussianMixture):
        signals = torch.linspace(model.min_signal, model.max_signal, STEPS)
    else:
        signals = torch.tensor(SIGNALS)
    return list(zip(signals.tolist(), model.variance(signals).sqrt().tolist(), strict=True))


def _mixture_table(model: "GaussianMixture") -> Table:
    """Return the polynomials of every component: those of mean, log variance and log weight."""
    count = model.weight.shape[0] // 3
    table = Table(title=f"coefficients over t = (s - {model.min_signal:g}) / {model.max_signal - model.min_signal:g}")
    for name in ("component", "mean", "log variance", "log weight"):
        table.add_column(name, justify="right")
    for component in range(count):
        rows = (model.weight[part * count + component].tolist() for part in range(3))
        table.add_row(str(component + 1), *("  ".join(f"{value:.4g}" for value in row) for row in rows))
    return table
