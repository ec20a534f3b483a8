"""Where results go: their names, the check before any work is done, and the writers."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from quietscope.cli.options import PredictionOptions
from quietscope.errors import OutputError, SettingsError
from quietscope.io import FORMATS, Image, Sink, open_writer
from quietscope.tiling.kinds import kind_of, kinds_within, names_of_kinds

if TYPE_CHECKING:
    from quietscope.methods.base import Method

# Letters without a meaning of their own come first; OME-TIFF takes them as extra dimensions.
SAMPLE_LETTERS = "RQPHAE"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be written for one image.

    Attributes:
        image: The noisy image.
        files: File of each result that was asked for.
        main: Which of them is the denoised image.
        options: Data type, number of samples, quantiles, whether results that exist may be replaced.
    """

    image: Image
    files: Mapping[str, Path]
    main: str
    options: PredictionOptions

    def dtype_of(self, kind: str) -> np.dtype[Any]:
        """Return the data type of a result; some kinds are never rounded, see `quietscope.tiling.kinds`."""
        rounded = self.options.dtype == "input" and kind_of(kind).is_rounded and self.image.dtype.kind in "biuf"
        return self.image.dtype if rounded else np.dtype(np.float32)

    @contextmanager
    def writers(self) -> Iterator[dict[str, Sink]]:
        """Open all results; they appear under their names when the block ends well, and not at all otherwise."""
        with ExitStack() as stack:
            yield {
                kind: self._rounded(kind, stack.enter_context(self._writer(kind, path)))
                for kind, path in self.files.items()
            }

    def check(self) -> None:
        """Try everything that could keep the results from being written, and leave nothing behind.

        Raises:
            OutputError: If a result exists, its format cannot hold the image, or the disk has no room or no right.
        """
        for path in self.files.values():
            if self.image.path is not None and path.exists() and path.samefile(self.image.path):
                raise OutputError("a result beside the input", f"{path}, the input itself", "choose another name")
        with suppress(_RehearsalOverError), self.writers():
            raise _RehearsalOverError

    def _writer(self, kind: str, path: Path) -> Any:
        shape, axes = self.image.shape, self.image.axes
        leading = kind_of(kind).leading(self.options.samples, len(self.options.probabilities))
        if leading:
            free = next(letter for letter in SAMPLE_LETTERS if letter not in axes)
            shape, axes = (*leading, *shape), free + axes
        return open_writer(
            path,
            shape,
            self.dtype_of(kind),
            axes,
            pixel_size_um=self.image.pixel_size_um,
            channel_names=self.image.channel_names,
            frame_interval_s=self.image.frame_interval_s,
            overwrite=self.options.overwrite,
        )

    def _rounded(self, kind: str, sink: Sink) -> Sink:
        dtype = self.dtype_of(kind)
        return sink if dtype.kind == "f" else Rounded(sink, dtype)


class _RehearsalOverError(Exception):
    """Everything could be opened; now let go of it."""


class Rounded:
    """A sink that rounds to the nearest integer and clips to the range of the type.

    Args:
        sink: What is written to.
        dtype: An integer type, or bool.
    """

    def __init__(self, sink: Sink, dtype: np.dtype[Any]) -> None:
        self._sink, self._dtype = sink, dtype

    def __setitem__(self, key: Any, block: Any, /) -> None:
        """Write a block."""
        low, high = (0, 1) if self._dtype.kind == "b" else (np.iinfo(self._dtype).min, np.iinfo(self._dtype).max)
        # In float64: float32 rounds the ends of 32-bit integers up, out of their range.
        rounded = np.clip(np.rint(np.asarray(block, np.float64)), low, high)
        self._sink[key] = rounded.astype(self._dtype)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is to be written.

    Attributes:
        main: The estimate that is the denoised image.
        kinds: All results, in the order in which kinds are listed.
    """

    main: str
    kinds: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Abilities:
    """What a model can give.

    Attributes:
        method: Name of its method.
        kinds: The results.
    """

    method: str
    kinds: frozenset[str]

    @classmethod
    def of(cls, method: "type[Method]") -> "Abilities":
        """Return the abilities of a method."""
        from quietscope.methods.base import DeconvolvingMethod, PosteriorMethod

        return cls.named(
            method.name, samples=issubclass(method, PosteriorMethod), deconvolves=issubclass(method, DeconvolvingMethod)
        )

    @classmethod
    def named(cls, method: str, *, samples: bool, deconvolves: bool) -> "Abilities":
        """Return the abilities of a method that samples, deconvolves, or does not."""
        able = kinds_within(samples=samples, deconvolves=deconvolves)
        return cls(method=method, kinds=frozenset(kind.name for kind in able))


def choose_results(options: PredictionOptions, able: Abilities, default: Sequence[str]) -> Wanted:
    """Read what is to be saved, such as ``mean,std``, in the light of what the method can give.

    Args:
        options: What was typed; the estimate after --estimate is always among the results.
        able: What the model can give.
        default: Results besides the estimate where nothing was typed, as far as the method gives them.

    Returns:
        What is to be written.

    Raises:
        SettingsError: If it names anything else, more than the method can give, or how to make what is not wanted.
    """
    save, estimate = options.save, options.estimate
    main = estimate or "mean"
    words = set() if save is None else {word for word in re.split(r"[,\s]+", save.strip().lower()) if word}
    if save is not None and (not words or not words <= set(names_of_kinds())):
        raise SettingsError(f"{', '.join(names_of_kinds())} after --save", repr(save), "pass e.g. `--save mean,std`")
    if save is None:
        words = {main, *(kind for kind in default if kind in able.kinds)}
    elif estimate is not None:
        words.add(estimate)
    beyond = [kind for kind in names_of_kinds() if kind in words and kind not in able.kinds]
    if beyond == ["deconvolved"]:
        raise SettingsError(
            "no deconvolved image from a method that is shown no PSF",
            able.method,
            "use `--method deconoising --psf psf.tif`",
        )
    if beyond:
        possible = " and ".join(kind for kind in names_of_kinds() if kind in able.kinds)
        raise SettingsError(
            f"{possible} alone from {able.method}, which draws no samples",
            next(kind for kind in beyond if kind != "deconvolved"),
            "use `--save mean` or --method hdn",
        )
    for option, given, kind in (
        ("--bandwidth", options.bandwidth, "map"),
        ("--quantiles", options.quantiles, "quantiles"),
    ):
        if given is not None and kind not in words:
            raise SettingsError(f"{option} for {kind}", f"no {kind} among the results", f"add {kind} to `--save`")
    return Wanted(main=main, kinds=tuple(kind for kind in names_of_kinds() if kind in words))


def split_name(path: Path) -> tuple[str, str]:
    """Split a file's name into stem and extension: ``a.ome.tif`` into ``a`` and ``.ome.tif``."""
    known = {suffix for each in FORMATS.values() for suffix in each.suffixes}
    fitting = [suffix for suffix in known if path.name.lower().endswith(suffix)]
    length = len(max(fitting, key=len)) if fitting else len(path.suffix)
    return path.name[: len(path.name) - length], path.name[len(path.name) - length :]


def files_beside(path: Path, wanted: Wanted) -> dict[str, Path]:
    """Name the results of `predict`: the estimate at `path`, the others with a word before the extension."""
    stem, suffix = split_name(path)
    return {kind: path if kind == wanted.main else path.with_name(f"{stem}_{kind}{suffix}") for kind in wanted.kinds}


def files_in(folder: Path, images: Sequence[Image], wanted: Wanted, suffix: str) -> list[dict[str, Path]]:
    """Name the results of `denoise`: ``cells_denoised.ome.tif``, ``cells_std.ome.tif``, ...

    Args:
        folder: Where they go.
        images: The noisy images.
        wanted: What is to be saved.
        suffix: Extension that picks the format, with or without its first dot.

    Returns:
        One mapping per image.

    Raises:
        OutputError: If two images would have the same results.
    """
    stems = [split_name(image.path)[0] if image.path is not None else "image" for image in images]
    twice = next((stem for stem in stems if stems.count(stem) > 1), None)
    if twice is not None:
        raise OutputError("images of different names", f"{twice!r} twice", "rename one, or denoise them one by one")
    ending = "." + suffix.strip().lstrip(".")
    words = {kind: "denoised" if kind == wanted.main else kind for kind in wanted.kinds}
    return [{kind: folder / f"{stem}_{word}{ending}" for kind, word in words.items()} for stem in stems]


def files_per_channel(path: Path, num_channels: int) -> list[Path]:
    """Name the noise files of several channels ``noise_c0.safetensors``, ...; one channel keeps the plain name."""
    if num_channels == 1:
        return [path]
    return [path.with_name(f"{path.stem}_c{channel}{path.suffix}") for channel in range(num_channels)]


@contextmanager
def result_folder(path: Path) -> Iterator[Path]:
    """Make a folder for results, and take it away again where nothing came to lie in it.

    Args:
        path: The folder; parents are made too.

    Yields:
        The folder.

    Raises:
        OutputError: If it cannot be made, or a file stands in its place.
    """
    existed = path.exists()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        words = "a file of that name" if existed else str(error.strerror)
        raise OutputError(f"a folder at {path}", words, "choose another place with `--output`") from error
    try:
        yield path
    except BaseException:
        if not existed:
            with suppress(OSError):
                path.rmdir()
        raise
