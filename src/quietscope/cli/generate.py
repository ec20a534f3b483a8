"""``quietscope generate``: images from what a model has learnt."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from quietscope.cli.options import Axes, Flag, Output, read_images
from quietscope.cli.screen import Screen
from quietscope.errors import SettingsError
from quietscope.io import open_writer

if TYPE_CHECKING:
    from quietscope import Denoiser


def generate(
    model: Annotated[Path, Parameter(help="Model file of HDN or DivNoising.")],
    /,
    *,
    output: Annotated[Path, Output, Parameter(help="Result; its extension picks the format.")],
    num: Annotated[int, Parameter(help="Number of images.")] = 16,
    size: Annotated[str, Parameter(help="Pixels: 256, or 200,300 for Y and X, or 8,256,256 for a volume.")] = "256",
    seed: Annotated[int, Parameter(help="Seed; image n of a seed is always the same.")] = 0,
    temperature: Annotated[float, Parameter(help="Below 1: more typical, less varied.")] = 1.0,
    with_noise: Annotated[bool, Flag, Parameter(help="Add a draw of the noise model.")] = False,
    between: Annotated[
        tuple[Path, Path] | None,
        Parameter(negative="", help="Two noisy images: go from one to the other in NUM steps instead."),
    ] = None,
    axes: Axes = None,
    device: Annotated[str | None, Parameter(help="cpu or cuda. Default: cuda where there is one.")] = None,
    overwrite: Annotated[bool, Flag, Parameter(help="Replace a result that exists.")] = False,
) -> None:
    """Draw images from what a model has learnt, or go from one image to another through it."""
    from quietscope import Denoiser

    screen = Screen()
    denoiser = Denoiser.load(model, device=device)
    if between is None:
        with screen.predicting("generating") as progress:
            images = denoiser.generate(
                num,
                _pixels(size),
                seed=seed,
                temperature=temperature,
                with_noise=with_noise,
                progress=progress,
            )
    else:
        if with_noise or temperature != 1.0 or size != "256":
            raise SettingsError(
                "--between alone", "--size, --temperature or --with-noise beside it", "leave them out: the ends decide"
            )
        first, second = read_images(list(between), axes)
        with screen.predicting("interpolating") as progress:
            images = denoiser.interpolate(first, second, num, seed=seed, progress=progress)
    _write(output, images, denoiser, overwrite)
    screen.show(f"{num} images of {' x '.join(map(str, images.shape[1:]))}: {output}")


def _pixels(text: str) -> int | tuple[int, ...]:
    try:
        numbers = tuple(int(word) for word in text.split(","))
    except ValueError as error:
        raise SettingsError("whole numbers after --size", repr(text), "pass e.g. `--size 256`") from error
    return numbers[0] if len(numbers) == 1 else numbers


def _write(path: Path, images: Any, denoiser: "Denoiser", overwrite: bool) -> None:
    spatial = "YX" if denoiser.method.spatial_dims == 2 else "ZYX"
    axes = "T" + ("C" if images.ndim == 2 + len(spatial) else "") + spatial
    card = denoiser.card
    with open_writer(
        path,
        images.shape,
        images.dtype,
        axes,
        pixel_size_um={axis: size for axis, size in card.pixel_size_um.items() if axis in spatial},
        channel_names=card.channel_names,
        overwrite=overwrite,
    ) as sink:
        sink[tuple(slice(None) for _ in images.shape)] = images
