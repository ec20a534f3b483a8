"""Reading pictures with tesseract: how it is asked, and what a page has to look like for it.

Tesseract wants dark letters of some 30 pixels on light paper. So every sample of a page is turned the same way round,
stretched to the same range of greys and enlarged by the same factor, all of it settled once from the page's mean.
"""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from quietscope.consensus.reading_words import Word, mean_confidence
from quietscope.errors import SettingsError, SizeError
from quietscope.optional import imported
from quietscope.wording import typed

Layout: TypeAlias = Literal["block", "line", "word"]
"""What a page is: a block of lines, one line, or one word."""
Ink: TypeAlias = Literal["dark", "light"]

LAYOUTS: dict[Layout, int] = {"block": 6, "line": 7, "word": 8}
"""Layouts by tesseract's number of them (its page segmentation mode)."""
SCALES = (2, 3, 4, 1)
"""Factors by which pages may be enlarged; of equals the first one is taken."""
SMALLEST_SIDE, LARGEST_SIDE = 8, 32_000
"""Sides of a page, in pixels: below, no letter can be told from another, and tesseract takes no larger ones."""
_ENDS = (0.002, 0.998)
"""Quantiles of a page's mean that become black and white."""
_ENOUGH_WORDS = 0.02
SECONDS = 600
"""Seconds that tesseract may take for one call."""


@dataclass(frozen=True)
class Look:
    """How pages are shown to tesseract.

    Attributes:
        ink: Whether letters are darker or lighter than the paper.
        low: Intensity of what becomes the darkest ink, or the darkest paper.
        high: Intensity at the other end.
        scale: Factor by which pages are enlarged.
    """

    ink: Ink
    low: float
    high: float
    scale: int = SCALES[0]

    def beside(self, shape: Sequence[int]) -> "Look":
        """Return the same at another scale, the best one of those that tesseract takes: there it errs in other ways.

        Args:
            shape: Sides of the page in pixels.
        """
        choices = [each for each in SCALES if each != self.scale and each * max(shape) <= LARGEST_SIDE]
        return replace(self, scale=choices[0]) if choices else self

    def grey(self, page: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        """Return a page, (Y, X) in intensities, as dark letters on light paper, 0 to 255; not yet enlarged."""
        share = np.clip((page.astype(np.float32) - self.low) / max(self.high - self.low, 1e-12), 0.0, 1.0)
        grey: npt.NDArray[np.uint8] = np.round(255.0 * (share if self.ink == "dark" else 1.0 - share)).astype(np.uint8)
        return grey


def looked_at(page: npt.NDArray[Any], ink: Ink | None = None) -> Look:
    """Tell ink from paper: what is farther from the middle of the greys is ink, for there is more paper than ink.

    Args:
        page: A page with little noise, such as the mean of samples, (Y, X).
        ink: What is known of it already.

    Raises:
        SizeError: If the page is too small, or too large for tesseract.
    """
    if min(page.shape) < SMALLEST_SIDE or max(page.shape) > LARGEST_SIDE:
        raise SizeError(
            f"a page of {SMALLEST_SIDE} to {LARGEST_SIDE:,} pixels on each side",
            f"{page.shape[0]} x {page.shape[1]}",
            "read another part of the image",
        )
    low, middle, high = (float(each) for each in np.quantile(page, (_ENDS[0], 0.5, _ENDS[1])))
    return Look(ink or ("dark" if middle - low >= high - middle else "light"), low, high)


@dataclass(frozen=True)
class Tesseract:
    """Tesseract, ready to read.

    Attributes:
        language: Its name of the language, such as "eng", or several as "eng+deu".
        layout: What a page is.
        version: Version of tesseract.
    """

    language: str
    layout: Layout
    version: str

    def read(self, pages: Sequence[npt.NDArray[Any]], look: Look) -> list[list[Word]]:
        """Read pages in one call, which takes a second less for each page than calls one by one.

        Args:
            pages: Pages (Y, X), in intensities.
            look: How they are shown.

        Returns:
            The words of each page, boxes in its pixels.

        Raises:
            SettingsError: If tesseract fails.
        """
        pytesseract = _pytesseract()
        with tempfile.TemporaryDirectory(prefix="quietscope-read-") as folder, _one_thread():
            names = [str(_written(Path(folder) / f"{number}.png", page, look)) for number, page in enumerate(pages)]
            listed = Path(folder) / "pages.txt"
            listed.write_text("\n".join(names) + "\n", encoding="utf-8")
            try:
                rows = pytesseract.image_to_data(
                    str(listed),
                    lang=self.language,
                    config=f"-c tessedit_pageseg_mode={LAYOUTS[self.layout]}",
                    output_type=pytesseract.Output.DICT,
                    timeout=SECONDS,
                )
            except (pytesseract.TesseractError, RuntimeError) as error:
                said = " ".join(str(error).split()) or type(error).__name__
                raise SettingsError("tesseract to read the page", said[:200], "look at the page that it got") from error
        return _words(rows, len(pages), look.scale)

    def settled(self, page: npt.NDArray[Any], look: Look, scale: int | None = None) -> Look:
        """Choose how much a page is enlarged: by what tesseract reads most, and is surest of.

        Args:
            page: A page with little noise.
            look: How it is shown.
            scale: The factor, where it is known already.

        Returns:
            The same with the factor.
        """
        choices = [each for each in SCALES if each * max(page.shape) <= LARGEST_SIDE] if scale is None else [scale]
        looks = [Look(look.ink, look.low, look.high, each) for each in choices]
        if len(looks) == 1:
            return looks[0]
        return max(looks, key=lambda each: _worth(self.read([page], each)[0]))


def find_tesseract(language: str = "eng", layout: Layout = "block") -> Tesseract:
    """Find tesseract and what it knows of languages.

    Raises:
        SettingsError: If tesseract, pytesseract or the language is not installed, or the layout is unknown.
    """
    if layout not in LAYOUTS:
        choices = ", ".join(LAYOUTS)
        raise SettingsError(f"a layout among {choices}", repr(layout), f"pass e.g. `{typed(layout='block')}`")
    pytesseract = _pytesseract()
    known = [each for each in pytesseract.get_languages() if each != "osd"]
    missing = [each for each in language.split("+") if each not in known]
    if missing:
        raise SettingsError(
            f"a language that tesseract knows ({', '.join(known) or 'none'})",
            repr(missing[0]),
            f"on Debian and Ubuntu run `apt install tesseract-ocr-{missing[0] or 'eng'}`",
        )
    return Tesseract(language, layout, str(pytesseract.get_tesseract_version()))


def _pytesseract() -> Any:
    """Return the module of that name, where it and the program it runs are installed."""
    try:
        module = imported("pytesseract", SettingsError, "text")
        module.get_tesseract_version()
    except SettingsError as error:
        raise SettingsError(error.expected, error.got, _INSTALL) from error
    except module.TesseractNotFoundError as error:
        raise SettingsError("the program tesseract to be installed", "none on the PATH", _INSTALL) from error
    return module


_INSTALL = (
    'run `pip install "quietscope[text]"`, and for the program `apt install tesseract-ocr` (Debian, Ubuntu), '
    "`brew install tesseract` (macOS), or see tesseract-ocr.github.io"
)


def _written(path: Path, page: npt.NDArray[Any], look: Look) -> Path:
    from PIL import Image

    picture = Image.fromarray(look.grey(page))
    large = picture.resize((picture.width * look.scale, picture.height * look.scale), Image.Resampling.BICUBIC)
    large.save(path, dpi=(300, 300), compress_level=1)
    return path


def _words(rows: dict[str, list[Any]], count: int, scale: int) -> list[list[Word]]:
    """Return the words of each page out of the columns of tesseract's table."""
    pages: list[list[Word]] = [[] for _ in range(count)]
    lines: dict[tuple[int, ...], int] = {}
    names = ("page_num", "block_num", "par_num", "line_num", "text", "conf", "left", "top", "width", "height")
    for page, block, paragraph, line, text, sure, left, top, width, height in zip(
        *(rows[n] for n in names), strict=True
    ):
        said = "".join(str(text).split())
        if not said or float(sure) < 0.0 or not 1 <= page <= count:
            continue
        key = lines.setdefault((page, block, paragraph, line), len(lines))
        box = (left / scale, top / scale, (left + width) / scale, (top + height) / scale)
        pages[page - 1].append(Word(said, min(float(sure) / 100.0, 1.0), box, key))
    return pages


def _worth(words: Sequence[Word]) -> float:
    """Return how much was read, each character as sure as it is, squared: nonsense is long, and unsure."""
    return sum(len(word.text) * word.confidence**2 for word in words) * (mean_confidence(words) > _ENOUGH_WORDS)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Have tesseract use one thread, where nobody said how many: several wait for each other more than they read."""
    name = "OMP_THREAD_LIMIT"
    earlier = os.environ.get(name)
    os.environ.setdefault(name, "1")
    try:
        yield
    finally:
        if earlier is None:
            os.environ.pop(name, None)
