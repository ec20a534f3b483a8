"""``quietscope levels``: what each level of a model's hierarchy holds of an image."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import numpy.typing as npt
from cyclopts import Parameter
from rich.table import Table

from quietscope.cli.options import Axes, Flag, Group, Mask, Output, Series, read_measured
from quietscope.cli.part_options import NO_PART, PartOptions
from quietscope.cli.screen import Screen
from quietscope.data.by_itself import for_model, in_units
from quietscope.data.measured import for_network
from quietscope.data.scaled import ScaledArray
from quietscope.errors import ChannelError, OutputError, SettingsError, SizeError
from quietscope.io import Image, atomic_path
from quietscope.io.atomic import check_target
from quietscope.report.view import choose_view, describe_part

if TYPE_CHECKING:
    from quietscope.axes import Layout
    from quietscope.explore import Levels
    from quietscope.report.levels_figure import LevelRow

SIDE = 256
"""Largest side of what is shown, in pixels: a panel has little more, and the lowest level holds single pixels."""


def levels(
    model: Annotated[Path, Parameter(help="Model file of a method with a hierarchy, such as HDN.")],
    image: Annotated[Path, Parameter(help="Noisy image.")],
    /,
    *,
    output: Annotated[Path, Output, Parameter(help="Picture, .png.")],
    frame: Annotated[int, Parameter(help="Which frame of the image, from 0.")] = 0,
    channel: Annotated[int, Parameter(help="Which channel to draw, from 0.")] = 0,
    samples: Annotated[int, Parameter(help="Posterior samples behind every mean and deviation.")] = 20,
    seed: Annotated[int, Parameter(help="Seed of the samples.")] = 0,
    axes: Axes = None,
    series: Series = None,
    mask: Mask = None,
    part: Annotated[PartOptions, Group] = NO_PART,
    save: Annotated[
        Path | None,
        Parameter(help="Also write the arrays, .npz, of the whole frame instead of the part drawn. Default: none."),
    ] = None,
    device: Annotated[str | None, Parameter(help="cpu or cuda. Default: cuda where there is one.")] = None,
    overwrite: Annotated[bool, Flag, Parameter(help="Replace results that exist.")] = False,
) -> None:
    """Show what each level of a model's hierarchy holds of an image: what remains without the finer ones, and where.

    Of a large frame a part with something on it is taken, as if it were the whole; with --save all of it, which takes
    longer.
    """
    from quietscope import Denoiser
    from quietscope.methods.abilities import require
    from quietscope.methods.generative import HierarchicalMethod
    from quietscope.report.levels_figure import LevelsFigure, write_levels_figure

    screen = Screen()
    for path, ending in ((output, ".png"), (save, ".npz")):
        if path is not None:
            _check_name(path, ending, overwrite)
    if samples < 2:
        raise SettingsError("at least two samples", f"{samples}", "pass e.g. `--samples 20`")
    denoiser = Denoiser.load(model, device=device)
    method = require(denoiser.method, HierarchicalMethod)
    (opened,) = read_measured([image], axes, series, mask, screen.note, part=part.part)
    layout = opened.layout(method.spatial_dims)
    _check_place(layout, frame, channel)
    view = choose_view(opened, layout, frame, channel, SIDE)
    box = view.box if save is None else tuple(slice(0, length) for length in layout.spatial_shape)
    pixels = layout.region(for_network(opened).data, frame, box)
    whole = for_model(opened, denoiser.history.normalize, denoiser.history.context).data
    with screen.predicting("taking apart") as progress:
        options: dict[str, Any] = {"num_samples": samples, "seed": seed, "progress": progress}
        if save is None:
            shown = Image(pixels, "C" + "ZYX"[-method.spatial_dims :], path=opened.path)
            shown = in_units(shown, whole.units) if isinstance(whole, ScaledArray) else shown
            found = denoiser.levels(shown, **options)
        else:
            found = denoiser.levels(opened, frame=frame, **options)
    if save is not None:
        _save(save, found, overwrite)
        screen.show(f"arrays: {save}")
    plane = (channel, *view.plane(box))
    rows = _rows(found, plane)
    figure = LevelsFigure(
        noisy=pixels[plane],
        rows=rows,
        file=image.name,
        part=describe_part(layout, view, frame, channel),
        method=f"{denoiser.configuration.method}, preset {denoiser.configuration.preset}",
        num_samples=samples,
    )
    write_levels_figure(output, figure, overwrite=overwrite)
    screen.show(_table(rows, found, channel))
    screen.show(f"picture: {output}")


def _check_name(path: Path, ending: str, overwrite: bool) -> None:
    if path.suffix.lower() != ending:
        raise OutputError(f"a name that ends in {ending}", str(path), f"write to {path.with_suffix(ending)}")
    check_target(path, overwrite)


def _check_place(layout: "Layout", frame: int, channel: int) -> None:
    if not 0 <= frame < layout.num_frames:
        last = layout.num_frames - 1
        raise SizeError(f"a frame from 0 to {last}", f"{frame}", f"pass e.g. `--frame {last}`")
    if not 0 <= channel < layout.num_channels:
        last = layout.num_channels - 1
        raise ChannelError(f"a channel from 0 to {last}", f"{channel}", f"pass e.g. `--channel {last}`")


def _rows(found: "Levels", plane: tuple[Any, ...]) -> "list[LevelRow]":
    """Cut one plane of one channel out of what was found."""
    from quietscope.report.levels_figure import LevelRow

    return [
        LevelRow(
            level=level,
            latents=" x ".join(map(str, (spec.channels, *found.kl[level].shape))),
            is_random=spec.is_random,
            remains=found.reconstructions[level][plane],
            adds=found.added(level)[plane],
            spread=found.spread[level][plane],
            kl=found.kl_map(level)[plane[1:]],
            kl_total=float(found.kl_per_pixel[level]),
            kl_share=float(found.kl_share[level]),
        )
        for level, spec in enumerate(found.latents)
    ]


def _table(rows: "list[LevelRow]", found: "Levels", channel: int) -> Table:
    """Return the figures of every level over all that was looked at, coarsest first."""
    table = Table(title="what each level holds, coarsest first", title_justify="left", title_style="bold")
    names = ("level", "latents", "KL, nats per pixel", "share", "adds (rms)", "spread (rms)", "gradient energy so far")
    for name in names:
        table.add_column(name, justify="right")
    whole = _gradient_energy(found.reconstructions[0][channel])
    for row in reversed(rows):
        sharp = _gradient_energy(found.reconstructions[row.level][channel])
        added = found.added(row.level)[channel]
        table.add_row(
            str(row.level),
            row.latents + ("" if row.is_random else ", not drawn"),
            f"{row.kl_total:.4g}",
            f"{row.kl_share:.1%}",
            f"{_rms(added - added.mean()):.4g}",
            f"{_rms(found.spread[row.level][channel]):.4g}" if row.is_random else "none",
            f"{sharp / whole:.1%}" if whole > 0.0 else "none",
        )
    return table


def _gradient_energy(image: npt.NDArray[Any]) -> float:
    """Return the mean squared difference of neighbouring pixels in the plane."""
    steps = (np.diff(image, axis=axis) for axis in (-2, -1) if image.shape[axis] > 1)
    return float(sum(np.mean(np.square(step, dtype=np.float64)) for step in steps))


def _rms(image: npt.NDArray[Any]) -> float:
    return float(np.sqrt(np.mean(np.square(image, dtype=np.float64))))


def _save(path: Path, found: "Levels", overwrite: bool) -> None:
    """Write reconstructions, prior, spread and the KL of every level."""
    arrays: dict[str, Any] = {f"kl_{level}": each for level, each in enumerate(found.kl)}
    arrays |= {"reconstructions": found.reconstructions, "prior": found.prior, "spread": found.spread}
    with atomic_path(path, overwrite=overwrite) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)
