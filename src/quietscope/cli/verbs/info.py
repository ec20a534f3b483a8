"""``quietscope info``: what a file is."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from quietscope.cli.options import Axes, Flag, read_images
from quietscope.cli.screen import Screen, rows_table
from quietscope.cli.using_options import SeriesOrAll
from quietscope.errors import QuietScopeError, SeriesWarning
from quietscope.pipeline.found_images import EVERY

if TYPE_CHECKING:
    from quietscope.io import Image

NOISE_SUFFIX, MODEL_SUFFIX = ".npz", ".safetensors"


def info(
    file: Annotated[Path, Parameter(help="An image, a model, an exported model or a noise model.")],
    /,
    *,
    axes: Axes = None,
    series: SeriesOrAll = None,
    values: Annotated[bool, Flag, Parameter(help="Of an image, also say what intensities a few planes hold.")] = False,
) -> None:
    """Say what a file is: an image, a model, an exported model or a noise model."""
    from quietscope.deploy import describe_card, holds_model, is_exported, model_in, read_card

    file = model_in(file) if holds_model(file) else file
    suffix = file.suffix.lower()
    if suffix == NOISE_SUFFIX or (suffix == MODEL_SUFFIX and _kind(file) == "noise"):
        from quietscope.cli.verbs.noise_show import describe_noise

        rows = {"what": "noise model", **describe_noise(file)}
    elif suffix == MODEL_SUFFIX:
        from quietscope import Denoiser

        rows = {"what": "model", **Denoiser.load(file, device="cpu").describe()}
    elif is_exported(file):
        rows = {"what": "exported model", **describe_card(read_card(file))}
    else:
        rows = {"what": "image", **_describe_image(file, axes, None if series == EVERY else series, values)}
    Screen().show(rows_table(rows.items(), str(file)))


def _kind(file: Path) -> str | None:
    from quietscope.io.tensor_file import TensorFileError, read_tensor_file

    try:
        return str(read_tensor_file(file)[1]["kind"])
    except (OSError, TensorFileError):
        return None  # the reader of models says what is wrong


def _describe_image(file: Path, axes: str | None, series: int | str | None, values: bool) -> dict[str, str]:
    with warnings.catch_warnings(action="ignore", category=SeriesWarning):  # the table has them all
        [image] = read_images([file], axes, series)
    layout = image.layout()
    rows = {
        "axes": image.axes,
        "shape": " x ".join(map(str, image.shape)),
        "data type": str(image.dtype),
        "frames": f"{layout.num_frames} of {layout.num_channels} channel(s)",
        "name": image.details.name,
        "series name": _name_of(image, series),
        "pixel size": _pixel_size(image),
        "channel names": ", ".join(image.channel_names),
        "frame interval": "" if image.frame_interval_s is None else f"{image.frame_interval_s:g} s",
    }
    if values:  # pixels take longer to read than all the rest
        rows |= _values(image)
    if series is None and image.num_series > 1:
        rows["series"] = f"{image.num_series} images, of which 0 is shown above"
        names = image.series_names or ("",) * image.num_series
        rows |= {f"series {number}": _series_line(file, axes, number, name) for number, name in enumerate(names)}
    unknown = {"pixel size": "not in the file"}
    return {name: words or unknown.get(name, "") for name, words in rows.items() if words or name in unknown}


def _pixel_size(image: "Image") -> str:
    return ", ".join(f"{axis} {size:g} µm" for axis, size in sorted(image.pixel_size_um.items()))


def _name_of(image: "Image", series: int | str | None) -> str:
    """Return the name of the image that was asked for, where it was not asked for by that."""
    number = 0 if series is None else series
    return image.series_names[number] if len(image.series_names) > 1 and isinstance(number, int) else ""


def _series_line(file: Path, axes: str | None, number: int, name: str) -> str:
    """Say in one line what one of many images is, or why it cannot be read."""
    try:
        [image] = read_images([file], axes, number)
    except QuietScopeError as error:
        told = [name, f"cannot be read: {error.got}"]
    else:
        sizes = f"{image.axes} {' x '.join(map(str, image.shape))}, {image.dtype}"
        told = [name, sizes, _pixel_size(image), ", ".join(image.channel_names)]
    return "; ".join(words for words in told if words)


def _values(image: "Image") -> dict[str, str]:
    """Return what a few planes hold, by channel; a terabyte is not read."""
    from quietscope.data.glance import glance

    try:
        lines = glance(image)
    except QuietScopeError as error:
        return {"values": f"cannot be read: {error.got}"}
    several = len(lines) > 1
    return {f"values of channel {number}" if several else "values": line for number, line in enumerate(lines)}
