"""``quietscope evaluate``: PSNR and SSIM of an image against a clean one."""

from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Annotated

from cyclopts import Parameter
from rich.table import Table

from quietscope.cli.options import Axes, Flag, read_images
from quietscope.cli.planes import pairs
from quietscope.cli.screen import Screen
from quietscope.errors import SettingsError
from quietscope.metrics import psnr, psnr_affine, ssim


def evaluate(
    denoised: Annotated[Path, Parameter(help="Image to judge.")],
    clean: Annotated[Path, Parameter(help="Clean reference.")],
    /,
    *,
    range: Annotated[
        float | None, Parameter(help="Range of intensities, e.g. 255. Default: of each clean plane, maximum - minimum.")
    ] = None,
    affine: Annotated[bool, Flag, Parameter(help="Also PSNR after the best scale and offset.")] = False,
    axes: Axes = None,
) -> None:
    """Compare a denoised image with a clean one: PSNR and SSIM of every plane, and their means."""
    if range is not None and not 0.0 < range < float("inf"):
        raise SettingsError("a range above zero", f"{range:g}", "pass e.g. `--range 255`")
    image, reference = read_images([denoised, clean], axes)
    metrics = {"PSNR (dB)": (psnr, ".2f"), "SSIM": (ssim, ".4f")}
    if affine:
        metrics["affine PSNR (dB)"] = (psnr_affine, ".2f")
    table = Table()
    for name in ("frame", "channel", *metrics):
        table.add_column(name, justify="right")
    values: list[list[float]] = []
    for pair in pairs(image, reference):
        values.append([metric(pair.image, pair.clean, range) for metric, _ in metrics.values()])
        table.add_row(str(pair.frame), str(pair.channel), *_words(values[-1], metrics))
    table.add_section()
    table.add_row("mean", "", *_words([fmean(column) for column in zip(*values, strict=True)], metrics))
    Screen().show(table)


def _words(values: list[float], metrics: Mapping[str, tuple[object, str]]) -> list[str]:
    return [format(value, form) for value, (_, form) in zip(values, metrics.values(), strict=True)]
