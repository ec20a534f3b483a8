"""``quietscope generate``: images from what a model has learnt."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import numpy.typing as npt
from cyclopts import Parameter

from quietscope.cli.options import Axes, Flag, Mask, Output, Series, read_measured
from quietscope.cli.screen import Screen
from quietscope.errors import OutputError, SettingsError
from quietscope.io import Sink, open_writer, write_image
from quietscope.io.atomic import check_target

if TYPE_CHECKING:
    from quietscope import Denoiser
    from quietscope.explore import Generation

DEFAULT_SIZE = "256"


def generate(
    model: Annotated[Path, Parameter(help="Model file of HDN, DivNoising, DVLAE or GAP.")],
    /,
    *,
    output: Annotated[Path, Output, Parameter(help="Result; its extension picks the format. .png: a picture in grey.")],
    num: Annotated[int, Parameter(help="Number of images.")] = 16,
    size: Annotated[
        str, Parameter(help="Pixels: 256, or 200,300 for Y and X, or 8,256,256 for a volume.")
    ] = DEFAULT_SIZE,
    seed: Annotated[int, Parameter(help="Seed; image n of a seed is always the same.")] = 0,
    temperature: Annotated[float, Parameter(help="Below 1: more typical, less varied; gap knows 1 alone.")] = 1.0,
    with_noise: Annotated[
        bool, Flag, Parameter(help="Add noise as the model has learnt it, or as its noise model has it.")
    ] = False,
    noise_of: Annotated[
        Path | None,
        Parameter(help="A noisy image: draw NUM new exposures of its scene, with new noise, instead. Default: none."),
    ] = None,
    between: Annotated[
        tuple[Path, Path] | None,
        Parameter(negative="", help="Two noisy images: go from one to the other in NUM steps instead. Default: none."),
    ] = None,
    axes: Axes = None,
    series: Series = None,
    mask: Mask = None,
    device: Annotated[str | None, Parameter(help="cpu or cuda. Default: cuda where there is one.")] = None,
    overwrite: Annotated[bool, Flag, Parameter(help="Replace a result that exists.")] = False,
) -> None:
    """Draw images from what a model has learnt, or go from one image to another through it."""
    from quietscope import Denoiser

    screen = Screen()
    # New exposures have noise in any case, so --with-noise beside --noise-of asks for what it gets.
    is_plain = temperature == 1.0 and size == DEFAULT_SIZE and (noise_of is not None or not with_noise)
    _check_together(between, noise_of, axes, is_plain=is_plain)
    check_target(output, overwrite)
    denoiser = Denoiser.load(model, device=device)
    if _is_picture(output):
        _check_picture(output, denoiser)
    if noise_of is not None:
        [image] = read_measured([noise_of], axes, series, mask, screen.note)
        with screen.predicting("drawing noise") as progress:
            images = denoiser.renoise(image, num, seed=seed, progress=progress)
        shape = _write(output, images, denoiser, screen, overwrite)
    elif between is None:
        chosen = denoiser.generation(
            num=num, size=_pixels(size), seed=seed, temperature=temperature, with_noise=with_noise
        )
        shape = _from_prior(denoiser, chosen, output, screen, overwrite)
    else:
        first, second = read_measured(list(between), axes, series, mask, screen.note, together=True)
        with screen.predicting("interpolating") as progress:
            images = denoiser.interpolate(first, second, num, seed=seed, progress=progress)
        shape = _write(output, images, denoiser, screen, overwrite)
    screen.show(f"{num} images of {' x '.join(map(str, shape[1:]))}: {output}")


def _from_prior(
    denoiser: "Denoiser", generation: "Generation", path: Path, screen: Screen, overwrite: bool
) -> tuple[int, ...]:
    """Draw images of any size into their file, and return its shape."""
    shape = denoiser.shape_of(generation)
    if _is_picture(path):
        images = np.zeros(shape, np.float32)
        with screen.predicting("generating") as progress:
            denoiser.generate_into(generation, images, progress=progress)
        return _write_picture(path, images, denoiser, screen, overwrite)
    with _writer(path, shape, denoiser, overwrite) as sink, screen.predicting("generating") as progress:
        denoiser.generate_into(generation, sink, progress=progress)
    return shape


def _check_together(
    between: tuple[Path, Path] | None, noise_of: Path | None, axes: str | None, *, is_plain: bool
) -> None:
    """Refuse options that say nothing beside each other."""
    given = [name for name, value in (("--between", between), ("--noise-of", noise_of)) if value is not None]
    if not given and axes is not None:
        raise SettingsError("--axes with --between or --noise-of", "--axes alone", "leave it out")
    if len(given) > 1:
        raise SettingsError("one of --between and --noise-of", "both", "leave one out")
    if given and not is_plain:
        raise SettingsError(
            f"{given[0]} alone", "--size, --temperature or --with-noise beside it", "leave them out: the image decides"
        )


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() == ".png"


def _check_picture(path: Path, denoiser: "Denoiser") -> None:
    """Refuse, before anything is drawn, what a picture in grey cannot show."""
    dims, channels = denoiser.method.spatial_dims, denoiser.method.statistics.num_channels
    if dims != 2 or channels != 1:
        got = f"{'planes' if dims == 2 else 'volumes'} of {channels} channel{'s' * (channels != 1)}"
        raise OutputError(f"planes of one channel for {path.name}", got, f"write to {path.with_suffix('.tif').name}")


def _write_picture(
    path: Path, images: npt.NDArray[np.float32], denoiser: "Denoiser", screen: Screen, overwrite: bool
) -> tuple[int, ...]:
    """Write images side by side as one grey picture, say which range its greys are, and return the images' shape."""
    low, high = (float(end) for end in np.quantile(images, (0.001, 0.999)))
    across = int(np.ceil(np.sqrt(len(images))))
    rows = -(-len(images) // across)
    grey = np.clip((images - low) / max(high - low, 1e-12) * 255.0, 0.0, 255.0).round().astype(np.uint8)
    sheet = np.zeros((rows * across, *images.shape[1:]), np.uint8)
    sheet[: len(grey)] = grey
    height, width = images.shape[1:]
    sheet = sheet.reshape(rows, across, height, width).swapaxes(1, 2).reshape(rows * height, across * width)
    write_image(path, sheet, "YX", overwrite=overwrite)
    greys = f"{low:.5g} (black) to {high:.5g} (white)"
    screen.note(f"the greys of {path.name} go from {greys}; other formats keep the intensities")
    return images.shape


def _write(
    path: Path, images: npt.NDArray[np.float32], denoiser: "Denoiser", screen: Screen, overwrite: bool
) -> tuple[int, ...]:
    """Write images that are all there, and return their shape."""
    if _is_picture(path):
        return _write_picture(path, images, denoiser, screen, overwrite)
    with _writer(path, images.shape, denoiser, overwrite) as sink:
        sink[tuple(slice(None) for _ in images.shape)] = images
    return images.shape


def _pixels(text: str) -> int | tuple[int, ...]:
    try:
        numbers = tuple(int(word) for word in text.split(","))
    except ValueError as error:
        raise SettingsError("whole numbers after --size", repr(text), "pass e.g. `--size 256`") from error
    return numbers[0] if len(numbers) == 1 else numbers


def _writer(path: Path, shape: tuple[int, ...], denoiser: "Denoiser", overwrite: bool) -> AbstractContextManager[Sink]:
    spatial = "YX" if denoiser.method.spatial_dims == 2 else "ZYX"
    axes = "T" + ("C" if len(shape) == 2 + len(spatial) else "") + spatial
    card = denoiser.card
    return open_writer(
        path,
        shape,
        np.dtype(np.float32),
        axes,
        pixel_size_um={axis: size for axis, size in card.pixel_size_um.items() if axis in spatial},
        channel_names=card.channel_names,
        overwrite=overwrite,
    )
