"""What files are called, and the folder that they lie in."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from quietscope.errors import OutputError
from quietscope.io import FORMATS, Image
from quietscope.pipeline.inputs import name_of
from quietscope.wording import elsewhere

MODEL, BEST, LAST, DIRECT = "model.safetensors", "best.safetensors", "last.safetensors", "direct.safetensors"
CONFIG, OVERVIEW, REGIONS = "config.yaml", "overview.png", "regions.csv"


def split_name(name: str) -> tuple[str, str]:
    """Split a file's name into stem and extension: ``a.ome.tif`` into ``a`` and ``.ome.tif``."""
    known = {suffix for each in FORMATS.values() for suffix in each.suffixes}
    fitting = [suffix for suffix in known if name.lower().endswith(suffix)]
    length = len(max(fitting, key=len)) if fitting else len(Path(name).suffix)
    return name[: len(name) - length], name[len(name) - length :]


def files_beside(path: Path, kinds: Sequence[str], main: str) -> dict[str, Path]:
    """Name the results of one image: the estimate `main` at `path`, the others with a word before the extension."""
    stem, suffix = split_name(path.name)
    return {kind: path if kind == main else path.with_name(f"{stem}_{kind}{suffix}") for kind in kinds}


def files_in(
    folder: Path, images: Sequence[Image], kinds: Sequence[str], main: str, suffix: str
) -> list[dict[str, Path]]:
    """Name the results of many images: ``cells_denoised.ome.tif``, ``cells_std.ome.tif``, ...

    Args:
        folder: Where they go.
        images: The noisy images.
        kinds: What is to be saved.
        main: Which of it is the denoised image.
        suffix: Extension that picks the format, with or without its first dot.

    Returns:
        One mapping from kind to file per image. Where files of several folders have one name, those of their results
        begin with these folders: ``day1_cells_denoised.ome.tif``.

    Raises:
        OutputError: If two images would have the same results.
    """
    stems = _told_apart(images)
    again = next((image for image, stem in zip(images, stems, strict=True) if stems.count(stem) > 1), None)
    if again is not None:
        twice = split_name(name_of(again))[0]
        raise OutputError("images of different names", f"{twice!r} twice", "rename one, or denoise them one by one")
    ending = "." + suffix.strip().lstrip(".")
    words = {kind: "denoised" if kind == main else kind for kind in kinds}
    return [{kind: folder / f"{stem}_{word}{ending}" for kind, word in words.items()} for stem in stems]


def _told_apart(images: Sequence[Image]) -> list[str]:
    """Return names without extension, with as many of their folders as keep files of one name apart."""
    parts = [_parts(image) for image in images]
    names = [each[-1:] for each in parts]
    for depth in range(2, max(map(len, parts), default=1) + 1):
        twice = {name for name in names if names.count(name) > 1}
        names = [each[-depth:] if name in twice else name for each, name in zip(parts, names, strict=True)]
    return ["_".join(name) for name in names]


def _parts(image: Image) -> tuple[str, ...]:
    """Return the folders that an image lies in, outermost first, and its name without extension."""
    stem = split_name(name_of(image))[0]
    return (stem,) if image.path is None else (*image.path.absolute().parts[1:-1], stem)


def files_per_channel(path: Path, num_channels: int) -> list[Path]:
    """Name the noise files of several channels ``noise_c0.safetensors``, ...; one channel keeps the plain name."""
    if num_channels == 1:
        return [path]
    return [path.with_name(f"{path.stem}_c{channel}{path.suffix}") for channel in range(num_channels)]


@contextmanager
def result_folder(path: Path) -> Iterator[Path]:
    """Make a folder for results, and take it away again where the block fails and nothing came to lie in it.

    Args:
        path: The folder; parents are made, and taken away, too.

    Yields:
        The folder.

    Raises:
        OutputError: If it cannot be made, or a file stands in its place.
    """
    missing = [each for each in (path, *path.parents) if not each.exists()]
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        words = str(error.strerror) if missing else "a file of that name"
        raise OutputError(f"a folder at {path}", words, elsewhere()) from error
    try:
        yield path
    except BaseException:
        with suppress(OSError):
            for each in missing:
                each.rmdir()
        raise


@contextmanager
def trial_folder(path: Path) -> Iterator[None]:
    """Make a folder for a trial, and take it away again where there was none.

    Args:
        path: The folder.

    Raises:
        OutputError: If it cannot be made, or a file stands in its place.
    """
    with suppress(_TrialOverError), result_folder(path):
        yield
        raise _TrialOverError


class _TrialOverError(Exception):
    """The trial went well; the folder is to go."""
