"""The images of a run: opened lazily, and named where one cannot be."""

from collections.abc import Sequence
from pathlib import Path

from quietscope.errors import AxesError, QuietScopeError, SizeError
from quietscope.io import Image, ImageSource, as_image, series_beside
from quietscope.io.one_of_many import OneOfMany
from quietscope.io.part import ALL, Part
from quietscope.wording import typed


def open_images(
    sources: ImageSource | Sequence[ImageSource],
    axes: str | None = None,
    series: int | str | None = None,
    mask: ImageSource | None = None,
    part: Part = ALL,
) -> tuple[Image, ...]:
    """Open images, and name the one that cannot be.

    Args:
        sources: One image or a list of them: paths, arrays, or `Image` objects.
        axes: Their axes, where they do not name them.
        series: Which image of files that hold several, by number or name; the first, with a warning, if None.
        mask: Where pixels were measured, for all of them as they are in their files, see
            `quietscope.data.mask.masked`.
        part: What is wanted of every image.

    Returns:
        The images, lazily read.

    Raises:
        QuietScopeError: If there is none, one cannot be opened, or one has no such part.
    """
    several = sources if isinstance(sources, list | tuple) else [sources]
    if not several:
        raise SizeError("at least one image", "none", "name the noisy images")
    opened = [
        _masked((_open(each, axes, series),), mask, each.series if isinstance(each, OneOfMany) else series)
        for each in several
    ]
    return tuple(_part(part, image) for (image,) in opened)


def _part(part: Part, image: Image) -> Image:
    try:
        return part.of(image)
    except QuietScopeError as error:
        raise type(error)(f"{error.expected} in {name_of(image)}", error.got, error.fix) from error


def _masked(opened: tuple[Image, ...], mask: ImageSource | None, series: int | str | None) -> tuple[Image, ...]:
    if mask is None:
        return opened
    from quietscope.data.mask import masked

    return tuple(masked(image, mask, series) for image in opened)


def _open(source: ImageSource, axes: str | None, series: int | str | None) -> Image:
    try:
        return as_image(source, axes, series)
    except QuietScopeError as error:
        if not isinstance(source, str | Path) or str(source) in str(error):
            raise
        raise type(error)(error.expected, f"{source}: {error.got}", error.fix) from error


def open_together(
    sources: Sequence[ImageSource],
    axes: str | None = None,
    series: int | str | None = None,
    mask: ImageSource | None = None,
) -> tuple[Image, ...]:
    """Open images that go together: one that is alone in its file goes with any series of the others.

    Args:
        sources: Paths, arrays, or `Image` objects.
        axes: Their axes, where they do not name them.
        series: Which image of files that hold several, by number or name; the first, with a warning, if None.
        mask: Where pixels were measured, for all of them, see `quietscope.data.mask.masked`.

    Returns:
        The images, lazily read.

    Raises:
        QuietScopeError: If one cannot be opened, or none of the files has this series.
    """
    if not series or all(_open(source, axes, 0).num_series == 1 for source in sources):
        return open_images(list(sources), axes, series, mask)
    return _masked(tuple(open_beside(source, axes, series) for source in sources), mask, series)


def open_references(
    clean: ImageSource | Sequence[ImageSource] | None, noisy: Sequence[Image], series: int | str | None = None
) -> tuple[Image, ...]:
    """Open clean references, each by the axes of its noisy image where these fit it.

    Args:
        clean: One reference per noisy image; None or empty for none.
        noisy: The noisy images.
        series: Which image of files that hold several, as for the noisy ones.

    Returns:
        The references.

    Raises:
        SizeError: If there are more or fewer of them than noisy images.
        QuietScopeError: If one cannot be opened.
    """
    sources = [] if clean is None else clean if isinstance(clean, list | tuple) else [clean]
    if not sources:
        return ()
    if len(sources) != len(noisy):
        raise SizeError(
            "one clean reference per image",
            f"{len(sources)} for {len(noisy)}",
            f"name them all, e.g. `{typed(clean=['a.tif', 'b.tif'])}`",
        )
    return tuple(_reference(source, image, series) for source, image in zip(sources, noisy, strict=True))


def _reference(source: ImageSource, image: Image, series: int | str | None) -> Image:
    try:
        return open_beside(source, image.axes, series)
    except AxesError:
        return open_beside(source, None, series)


def open_beside(source: ImageSource, axes: str | None, series: int | str | None) -> Image:
    """Open an image that goes with another; alone in its file it is the one, whichever of many the other one is.

    Args:
        source: The image.
        axes: Its axes, where it does not name them.
        series: Which image of its file the other one is, by number or name; None where nobody said.

    Returns:
        The image, lazily read.

    Raises:
        QuietScopeError: If it cannot be opened, or its file holds several images and not this one.
    """
    return _open(source, axes, series_beside(source, series, axes))


def name_of(image: Image) -> str:
    """Return what an image is called: the name of its file, or "image"."""
    return image.path.name if image.path is not None else "image"
