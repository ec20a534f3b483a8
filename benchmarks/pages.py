"""Pages of text to be read: rendered with fonts that come with matplotlib, so that every machine has the same ones.

Ink of 60 on paper of 190 (in intensities, as an 8-bit scan has them), letters of 13 to 17 pixels, random words of
``page_words.txt`` in random order, so that no word tells the next one.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

FONTS = ("DejaVuSans.ttf", "DejaVuSerif.ttf", "DejaVuSansMono.ttf", "STIXGeneral.ttf", "STIXGeneralItalic.ttf")
PAPER, INK = 190.0, 60.0
SHAPE = (120, 224)
"""Rows and columns of a page."""
MARGIN = 12


@dataclass(frozen=True)
class Page:
    """A page: its pixels without noise, (Y, X), float32; the text on it, lines ended by line feeds; boxes of its words.

    Boxes are left, top, right, bottom in pixels, from the edge of the first letter to that of the last.
    """

    clean: npt.NDArray[np.float32]
    text: str
    boxes: tuple[tuple[float, float, float, float], ...]


def pages(count: int, seed: int) -> list[Page]:
    """Return pages in fonts and sizes that take turns.

    Args:
        count: How many.
        seed: Seed of the words; other seeds, other pages.
    """
    return [
        page(np.random.default_rng((seed, number)), FONTS[number % len(FONTS)], 13 + number % 4 + number % 2)
        for number in range(count)
    ]


def page(random: np.random.Generator, name: str, size: int) -> Page:
    """Render random words in one font until the page is full.

    Args:
        random: Chooses the words.
        name: File name of a font of matplotlib.
        size: Height of the font in pixels.
    """
    letters = font(name, size)
    sheet = Image.new("L", SHAPE[::-1], 255)
    pen = ImageDraw.Draw(sheet)
    lines: list[str] = []
    boxes: list[tuple[float, float, float, float]] = []
    height = round(1.7 * size)
    while MARGIN + height * (len(lines) + 1) <= SHAPE[0] - MARGIN // 2:
        line = str(random.choice(words()))
        while letters.getlength(longer := f"{line} {random.choice(words())}") <= SHAPE[1] - 2 * MARGIN:
            line = longer
        top = MARGIN + height * len(lines)
        pen.text((MARGIN, top), line, fill=0, font=letters)
        ends = [letters.getlength(line[:at]) for at in range(len(line) + 1)]
        starts = [at for at in range(len(line)) if at == 0 or line[at - 1] == " "]
        boxes += [
            (MARGIN + ends[at], top, MARGIN + ends[at + len(line[at:].split()[0])], top + height) for at in starts
        ]
        lines.append(line)
    return Page(inked(np.asarray(sheet)), "\n".join(lines), tuple(boxes))


def inked(grey: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return a black and white picture in the intensities of ink and paper."""
    return (INK + (PAPER - INK) / 255.0 * grey).astype(np.float32)


def noisy(clean: npt.NDArray[np.float32], sigma: float, seed: int) -> npt.NDArray[np.float32]:
    """Add Gaussian noise of a standard deviation, in intensities, neither rounded nor clipped."""
    return clean + np.random.default_rng(seed).normal(0.0, sigma, clean.shape).astype(np.float32)


@cache
def words() -> tuple[str, ...]:
    """Return the words that pages are made of."""
    return tuple(Path(__file__).with_name("page_words.txt").read_text(encoding="utf-8").split())


@cache
def font(name: str, size: int) -> ImageFont.FreeTypeFont:
    """Return a font of matplotlib by its file name."""
    import matplotlib

    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name), size)
