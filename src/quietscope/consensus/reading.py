"""Text read from all samples of a noisy page, instead of from one image: what it says, and how sure that is.

Prakash, Krull, Jug, "Fully Unsupervised Diversity Denoising with Convolutional Variational Autoencoders", ICLR 2021,
arXiv 2006.06072, reads an ambiguous page from diverse samples and from the most probable image, a mode of their density
found by mean shift (`quietscope.prediction.mean_shift`). Here the readings vote, place by place.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from quietscope.consensus.posterior_samples import FEWEST_SAMPLES, stored_samples
from quietscope.consensus.reading_record import ReadPage, ReadText, plain_text, voted
from quietscope.consensus.reading_tesseract import (
    LARGEST_SIDE,
    SMALLEST_SIDE,
    Ink,
    Layout,
    Look,
    Tesseract,
    find_tesseract,
    looked_at,
)
from quietscope.consensus.reading_words import Word
from quietscope.data.measured import MeasuredArray, as_measured
from quietscope.errors import SettingsError, SizeError
from quietscope.io import Image, ImageSource, as_image
from quietscope.methods.abilities import require
from quietscope.methods.base import SamplingMethod
from quietscope.model.trained import TrainedModel
from quietscope.wording import numbered, typed

USUAL_SAMPLES = 30
AT_ONCE = 8
"""Samples that tesseract gets in one call, which are what memory holds of them."""
SPREADS = (0.5, 0.25)
"""Shares of a sample's distance from the mean that it is read at; chosen on the pages of ``benchmarks/reading.py``."""
AS_IT_IS = 1.0

Progress: TypeAlias = Callable[[int, int], None]


@dataclass(frozen=True)
class ReadingOptions:
    """How to read.

    Attributes:
        num_samples: Samples that are read, 2 at least.
        seed: Their seed.
        language: Name of the language as tesseract has it, such as "eng" or "eng+deu".
        layout: What a page is: a "block" of lines, a "line", or a "word".
        ink: Whether letters are "dark" or "light"; told by the page if None.
        scale: Factor by which pages are enlarged, 1 to 8; told by the page if None.
        spreads: Every sample is read once for each of these: that share of its distance from the mean is kept, above 0
            to 1. A reader stumbles over textures of samples that the model has not learnt well; nearer to the mean it
            reads better, and still errs in other ways each time. 1 is for samples as they are.
        alternatives: Whether samples are read as they are, too, at two scales, which takes twice the time: they change
            no text, and find ways to read a word that are lost nearer to the mean.
        tile: Side of a tile of the prediction in pixels; chosen from the free memory if None.

    Raises:
        SettingsError: If a value lies outside its range.
    """

    num_samples: int = USUAL_SAMPLES
    seed: int = 0
    language: str = "eng"
    layout: Layout = "block"
    ink: Ink | None = None
    scale: int | None = None
    spreads: tuple[float, ...] = SPREADS
    alternatives: bool = True
    tile: int | None = None

    def __post_init__(self) -> None:
        if self.num_samples < FEWEST_SAMPLES:
            fix = f"pass e.g. `{typed(num_samples=USUAL_SAMPLES)}`"
            raise SettingsError(f"at least {FEWEST_SAMPLES} samples to read", f"{self.num_samples}", fix)
        if self.ink not in (None, "dark", "light"):
            raise SettingsError("dark or light ink", repr(self.ink), f"leave it out, or pass `{typed(ink='light')}`")
        if self.scale is not None and not 1 <= self.scale <= 8:
            raise SettingsError("a scale from 1 to 8", f"{self.scale}", f"leave it out, or pass `{typed(scale=2)}`")
        if not self.spreads or not all(0.0 < each <= 1.0 for each in self.spreads):
            raise SettingsError(
                "spreads above 0, up to 1", f"{self.spreads}", f"leave them out, or pass spreads={SPREADS}"
            )


USUAL_READING = ReadingOptions()


def read_text(
    model: TrainedModel,
    image: ImageSource,
    options: ReadingOptions = USUAL_READING,
    *,
    axes: str | None = None,
    progress: Progress | None = None,
) -> ReadText:
    """Read what stands on a noisy page by all samples of it.

    Every frame of the image is a page. Its samples lie in a file while it is read, and eight of them in memory at a
    time. Channels are averaged.

    Args:
        model: A trained model that samples.
        image: The noisy image.
        options: How to read.
        axes: Axes of the image where it does not name them.
        progress: Called with (done, total), in samples drawn and read.

    Returns:
        What was read.

    Raises:
        SettingsError: If the model does not sample, tesseract is not installed, or no text is found on any page.
        SizeError: If a page is too small.
        QuietScopeError: If the image does not fit the model.
    """
    why = "whose samples are what is read"
    require(model.method, SamplingMethod, why=why, got="which gives one image alone")
    tesseract = find_tesseract(options.language, options.layout)
    opened = as_measured(as_image(image, axes))
    count = len(list(_frames(opened, model, check_only=True)))
    pages = []
    for number, frame in enumerate(_frames(opened, model)):
        started = 2 * options.num_samples * number

        def tell(done: int, started: int = started) -> None:
            if progress is not None:
                progress(started + done, 2 * options.num_samples * count)

        pages.append(_read_page(model, frame, number, tesseract, options, tell))
    about = {
        "image": None if opened.path is None else opened.path.name,
        "method": model.method.name,
        "samples": options.num_samples,
        "spreads": list(options.spreads),
        "alternatives": options.alternatives,
        "seed": options.seed,
        "reader": f"tesseract {tesseract.version}",
        "language": options.language,
        "layout": options.layout,
    }
    found = ReadText(tuple(pages), about)
    if not found.text.strip():
        raise SettingsError(
            f"text that tesseract can read in {numbered(options.num_samples, 'sample')}",
            f"none on {numbered(count, 'page')}",
            f"look at the samples; letters may be light: `{typed(ink='light')}`, or one line: `{typed(layout='line')}`",
        )
    return found


def _frames(image: Image, model: TrainedModel, *, check_only: bool = False) -> Iterator[Image]:
    """Yield the pages of an image one by one.

    Raises:
        SettingsError: If the model needs more than one frame at a time.
        SizeError: If a page is too small, or too large for tesseract.
    """
    if model.method.spatial_dims != 2 or model.history.context.neighbours:
        got = "one of volumes" if model.method.spatial_dims != 2 else "one that sees neighbouring frames too"
        raise SettingsError("a model of single planes to read pages by", got, "train with the usual settings")
    layout = image.layout(2)
    sides = layout.spatial_shape
    if min(sides) < SMALLEST_SIDE or max(sides) > LARGEST_SIDE:
        raise SizeError(
            f"a page of {SMALLEST_SIDE} to {LARGEST_SIDE:,} pixels on each side",
            f"{sides[0]} x {sides[1]} pixels",
            "read another part of the image, or scan it at a finer resolution",
        )
    for number in range(layout.num_frames):
        yield image if check_only else _page(image, layout.take(image.data, number))


def _page(image: Image, pixels: npt.NDArray[Any]) -> Image:
    """Return one page of an image; NaN was never measured there, if the image came with a mask."""
    mask = "nan" if image.mask is not None or isinstance(image.data, MeasuredArray) else None
    return Image(pixels, "CYX", path=image.path, mask=mask)


def _read_page(
    model: TrainedModel,
    frame: Image,
    number: int,
    tesseract: Tesseract,
    options: ReadingOptions,
    tell: Callable[[int], None],
) -> ReadPage:
    """Read one page, (C, Y, X)."""
    estimates = {kind: np.empty(frame.shape, np.float32) for kind in ("mean", "map")}
    with stored_samples(
        model,
        frame,
        num_samples=options.num_samples,
        seed=options.seed,
        tile=options.tile,
        estimates=estimates,
        progress=lambda done, total: tell(options.num_samples * done // max(total, 1)),
    ) as samples:
        mean = _grey(estimates["mean"])
        look = tesseract.settled(mean, looked_at(mean, options.ink), options.scale)
        mean_words, map_words = tesseract.read([mean, _grey(estimates["map"])], look)
        words: list[list[Word]] = []
        further: list[list[Word]] = []
        for start in range(0, options.num_samples, AT_ONCE):
            numbers = range(start, min(start + AT_ONCE, options.num_samples))
            some = [_grey(samples.read(number)) for number in numbers]
            near, apart = read_samples(tesseract, mean, some, look, options)
            words += near
            further += apart
            tell(options.num_samples + start + len(some))
    return ReadPage(number, voted(words, further), plain_text(mean_words), plain_text(map_words), look)


def read_samples(
    tesseract: Tesseract,
    mean: npt.NDArray[np.float32],
    samples: Sequence[npt.NDArray[np.float32]],
    look: Look,
    options: ReadingOptions = USUAL_READING,
) -> tuple[list[list[Word]], list[list[Word]]]:
    """Read samples of a page.

    Args:
        tesseract: What reads.
        mean: The mean, (Y, X).
        samples: Samples of the same shape.
        look: How they are shown.
        options: How to read.

    Returns:
        The words that the text is made of, and those of samples as they are, of which other ways to read it come.
    """
    if not options.alternatives:
        return tesseract.read(nearer(mean, samples, options.spreads), look), []
    spreads = options.spreads if AS_IT_IS in options.spreads else (*options.spreads, AS_IT_IS)
    words = tesseract.read(nearer(mean, samples, spreads), look)
    near, apart = words[: len(samples) * len(options.spreads)], words[len(samples) * len(options.spreads) :]
    other = look if options.scale is not None else look.beside(mean.shape)
    return near, apart if other == look else [*apart, *tesseract.read(samples, other)]


def nearer(
    mean: npt.NDArray[np.float32], samples: Sequence[npt.NDArray[np.float32]], spreads: Sequence[float]
) -> list[npt.NDArray[np.float32]]:
    """Return samples nearer to their mean.

    Args:
        mean: The mean m, (Y, X).
        samples: Samples x of the same shape.
        spreads: Shares a of their distances that are kept.

    Returns:
        ``m + a (x - m)``, all of a spread together.
    """
    return [sample if spread == 1.0 else mean + spread * (sample - mean) for spread in spreads for sample in samples]


def _grey(page: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return a page, (C, Y, X), as one plane; what was never measured becomes paper."""
    plane: npt.NDArray[np.float32] = np.nanmean(page, axis=0) if len(page) > 1 else np.array(page[0])
    if np.isnan(plane).any():
        plane[np.isnan(plane)] = np.nanmedian(plane)
    return plane
