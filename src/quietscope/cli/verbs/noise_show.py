"""``quietscope noise show``: the noise model in a file, in numbers and as a picture."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import numpy.typing as npt
from cyclopts import Parameter
from rich.table import Table

from quietscope.cli.options import Axes, Flag, Mask, Output, Series, read_measured
from quietscope.cli.pair_reading import read_pair
from quietscope.cli.screen import Screen
from quietscope.data.measured import MeasuredArray
from quietscope.data.planes import measured_pixels, pairs
from quietscope.errors import ChannelError, OutputError, SettingsError
from quietscope.io import Image
from quietscope.io.atomic import check_target
from quietscope.io.pixel_check import check_finite

if TYPE_CHECKING:
    from quietscope.noise import GaussianMixture, NoiseModel

Planes = list[npt.NDArray[Any]]
SIGNALS = (0.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0, 10000.0, 30000.0)
STEPS = 8
MOST_PIXELS = 1 << 22
"""Pixels behind a picture: four million draw every curve as smoothly as all of them."""


def noise_show(
    file: Annotated[Path, Parameter(help="Noise file: .safetensors, .npz or .npy.")],
    /,
    *,
    data: Annotated[Path | None, Parameter(help="Noisy image to compare the model with. Default: none.")] = None,
    clean: Annotated[
        Path | None, Parameter(help="Its clean reference: compares with the pairs. Default: none.")
    ] = None,
    channel: Annotated[
        int | None, Parameter(help="Which channel of the data, from 0, where there are more. Default: the only one.")
    ] = None,
    output: Annotated[Path | None, Output, Parameter(help="Picture, .png. Default: beside the noise file.")] = None,
    axes: Axes = None,
    series: Series = None,
    mask: Mask = None,
    overwrite: Annotated[bool, Flag, Parameter(help="Replace a picture that exists.")] = False,
) -> None:
    """Show the noise model in a file: what it is, its sigma at several signals, and a picture of its densities.

    With --data and --clean the picture shows the pixels beside the model, and how likely it makes them; with --data
    alone the variances that can be told from noisy images. Pairs that the model was not fitted on are the fair ones.
    """
    from quietscope.noise import GaussianMixture
    from quietscope.noise.noise_file import load_noise_model
    from quietscope.report.noise_curves import noise_figure, without_limits
    from quietscope.report.noise_figure import write_noise_figure

    model, screen = load_noise_model(file), Screen()
    if clean is not None and data is None:
        raise SettingsError("--data with --clean", "no --data", "name the noisy image: `--data cells.tif`")
    picture = _picture(file, output, asked=not (data is None and output is None), overwrite=overwrite, screen=screen)
    noisy, signal = _planes(_opened(data, clean, axes, series, mask, screen), channel)
    screen.show(f"{file}: {model.describe()}")
    screen.show(_sigma_table(model))
    inner = without_limits(model)
    if isinstance(inner, GaussianMixture):
        screen.show(_mixture_table(inner))
    source = "" if data is None else data.name
    figure = noise_figure(model, file=file.name, data=noisy, signal=signal, source=source)
    if figure.evidence:
        screen.show(figure.evidence)
    if noisy:
        _warn(model, noisy, screen)
    if picture is not None:
        write_noise_figure(picture, figure, overwrite=overwrite)
        screen.show(f"picture: {picture}")


def describe_noise(file: Path) -> dict[str, str]:
    """Return what is known of a noise file, name by name."""
    from quietscope.noise.noise_file import load_noise_model

    model = load_noise_model(file)
    return {
        "model": model.kind,
        "description": model.describe(),
        "sigma": ", ".join(f"{sigma:.4g} at {signal:.5g}" for signal, sigma in _sigmas(model)),
    }


def _picture(file: Path, output: Path | None, *, asked: bool, overwrite: bool, screen: Screen) -> Path | None:
    """Return where the picture goes, or None where it would be in the way and nobody has asked for one.

    The numbers can be looked at twice, and in a folder that may not be written: a picture that comes unasked must not
    turn that into a mistake.
    """
    path = file.with_suffix(".png") if output is None else output
    if path.suffix.lower() != ".png":
        raise OutputError("a name that ends in .png", str(path), f"write to {path.with_suffix('.png')}")
    try:
        check_target(path, overwrite)
    except OutputError as error:
        if asked:
            raise
        screen.note(f"no picture is drawn: {error.got}; {error.fix}")
        return None
    return path


def _opened(
    data: Path | None, clean: Path | None, axes: str | None, series: int | str | None, mask: str | None, screen: Screen
) -> "list[Image]":
    """Return the noisy image and its reference, as far as there are any."""
    if data is None:
        return []
    if clean is None:
        return read_measured([data], axes, series, mask, screen.note)
    return list(read_pair(data, clean, axes, series, mask, screen.note))


def _planes(opened: "list[Image]", channel: int | None) -> tuple[Planes, Planes]:
    """Return noisy planes of one channel and their references, from frames spread evenly where there are many."""
    if not opened:
        return [], []
    number = _channel(opened[0], channel)
    layout = opened[0].layout()
    stride = -(-layout.num_frames * int(np.prod(layout.spatial_shape)) // MOST_PIXELS)
    if len(opened) > 1:
        signal, noisy = measured_pixels(
            [each for each in pairs(opened[0], opened[1], stride) if each.channel == number]
        )
        return (list(noisy), list(signal)) if noisy.ndim > 1 else ([noisy], [signal])
    planes = [layout.take(opened[0].data, frame)[number] for frame in range(0, layout.num_frames, stride)]
    if not isinstance(opened[0].data, MeasuredArray):
        for plane in planes:
            check_finite(plane, str(opened[0].path))
    return planes, []


def _channel(image: Image, channel: int | None) -> int:
    count = image.layout().num_channels
    if channel is None and count > 1:
        raise ChannelError("one channel, as a noise file is of one", f"data of {count}", "pass e.g. `--channel 0`")
    if channel is not None and not 0 <= channel < count:
        raise ChannelError(f"a channel from 0 to {count - 1}", f"{channel}", f"pass e.g. `--channel {count - 1}`")
    return channel or 0


def _warn(model: "NoiseModel", noisy: Planes, screen: Screen) -> None:
    from quietscope.noise.signal_range import observed_range, range_note

    note = range_note(model, *observed_range(noisy))
    if note is not None:
        screen.note(note)


def _sigma_table(model: "NoiseModel") -> Table:
    table = Table()
    table.add_column("signal", justify="right")
    table.add_column("sigma", justify="right")
    for signal, sigma in _sigmas(model):
        table.add_row(f"{signal:.5g}", f"{sigma:.4g}")
    return table


def _sigmas(model: "NoiseModel") -> list[tuple[float, float]]:
    """Return (signal, sigma) over the range that was fitted, else over the signals of common cameras.

    They end at the sensor's limits where the model has any.
    """
    import torch

    low, high = model.signal_range
    known = np.isfinite([low, high]).all()
    signals = torch.linspace(low, high, STEPS) if known else torch.tensor(_within(model, SIGNALS))
    return list(zip(signals.tolist(), model.variance(signals).sqrt().tolist(), strict=True))


def _within(model: "NoiseModel", signals: Sequence[float]) -> list[float]:
    """Return the signals between the limits of a model's sensor, and these limits."""
    from quietscope.noise import Censored

    if not isinstance(model, Censored):
        return list(signals)
    low, high = model.limits.low, model.limits.high
    ends = filter(math.isfinite, (low, high))
    return sorted({*ends, *(signal for signal in signals if low <= signal <= high)})


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
