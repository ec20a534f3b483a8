"""Words with two readings: pairs that differ in one letter, rendered and mixed so that the page is neither.

Each pair is mixed by the share at which tesseract changes its mind where there is no noise: halves would not do, as the
strokes of one letter may cover those of the other.
"""

from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from pages import MARGIN, font, inked, noisy
from quietscope import Denoiser
from quietscope.consensus.reading import SPREADS, nearer
from quietscope.consensus.reading_record import voted
from quietscope.consensus.reading_tesseract import Tesseract, looked_at

PAIRS = (
    ("casts", "costs"), ("hat", "hot"), ("lane", "lone"), ("deck", "duck"), ("band", "bond"), ("pack", "peck"),
    ("stack", "stock"), ("tall", "tell"), ("sand", "send"), ("ring", "rang"), ("beat", "boat"), ("lamb", "lamp"),
)  # fmt: skip
COLUMNS, WIDTH, HEIGHT, SIZE = 3, 80, 28, 16
SIGMA = 25.0
SHARES = np.linspace(0.1, 0.9, 9)
SAMPLES = 24


def ambiguous_words(tesseract: Tesseract, num_samples: int = SAMPLES) -> dict[str, Any]:
    """Read a page of ambiguous words by samples of `instant`.

    Returns:
        How many words there are, of how many the readings hold both members of the pair and of how many those of
        samples as they are, and the readings of each.
    """
    shares = undecided(tesseract)
    page = noisy(_mixed(shares), SIGMA, 7)
    denoiser = Denoiser(method="instant", noise=f"sigma={SIGMA:g}").fit(page, axes="YX", progress=False)
    mean = denoiser.denoise(page, axes="YX", num_samples=2).mean
    samples = list(denoiser.sample(page, axes="YX", num_samples=num_samples))
    look = tesseract.settled(mean, looked_at(mean))
    places = voted(tesseract.read(nearer(mean, samples, SPREADS), look))
    plain = voted(tesseract.read(samples, look))
    found = {"-".join(pair): _readings_at(places, number) for number, pair in enumerate(PAIRS)}
    of_samples = {"-".join(pair): _readings_at(plain, number) for number, pair in enumerate(PAIRS)}
    return {
        "words": len(PAIRS),
        "sigma": SIGMA,
        "samples": num_samples,
        "shares": dict(zip(found, shares, strict=True)),
        "both": sum({*pair} <= {*found["-".join(pair)]} for pair in PAIRS),
        "both, samples as they are": sum({*pair} <= {*of_samples["-".join(pair)]} for pair in PAIRS),
        "mean": [word.text for word in tesseract.read([mean], look)[0]],
        "readings": found,
    }


def undecided(tesseract: Tesseract) -> list[float]:
    """Return the share of the second word of each pair at which a page without noise is read as neither or either."""
    pages = [_mixed([share] * len(PAIRS)) for share in SHARES]
    read = [voted([words]) for words in tesseract.read(pages, tesseract.settled(pages[0], looked_at(pages[0])))]
    shares = []
    for number, (first, second) in enumerate(PAIRS):
        said = [next(iter(_readings_at(places, number)), "").lower() for places in read]
        still = max((share for share, text in zip(SHARES, said, strict=True) if text == first), default=0.0)
        later = [share for share, text in zip(SHARES, said, strict=True) if text == second and share > still]
        shares.append(round(float(0.5 * (still + min(later, default=1.0))), 3))
    return shares


def _mixed(shares: list[float]) -> np.ndarray:
    """Return a page on which each pair is mixed by its share of the second word."""
    first, second = (_page([pair[n] for pair in PAIRS]) for n in range(2))
    weight = np.zeros_like(first)
    for number, share in enumerate(shares):
        row, column = divmod(number, COLUMNS)
        top, left = MARGIN + row * HEIGHT, MARGIN + column * WIDTH
        weight[top : top + HEIGHT, left : left + WIDTH] = share
    mixed: np.ndarray = (1.0 - weight) * first + weight * second
    return mixed


def _readings_at(places: Any, number: int) -> dict[str, float]:
    """Return the readings, with their probabilities, of the place that holds the middle of a word."""
    row, column = divmod(number, COLUMNS)
    x, y = MARGIN + column * WIDTH + 15, MARGIN + row * HEIGHT + SIZE // 2
    for place in places:
        if place.box[0] <= x <= place.box[2] and abs(0.5 * (place.box[1] + place.box[3]) - y) < HEIGHT / 2:
            return {each.text: round(each.probability, 3) for each in place.readings}
    return {}


def _page(words: list[str]) -> np.ndarray:
    rows = -(-len(words) // COLUMNS)
    sheet = Image.new("L", (2 * MARGIN + COLUMNS * WIDTH, 2 * MARGIN + rows * HEIGHT), 255)
    for number, word in enumerate(words):
        row, column = divmod(number, COLUMNS)
        place = (MARGIN + column * WIDTH, MARGIN + row * HEIGHT)
        ImageDraw.Draw(sheet).text(place, word, fill=0, font=font("DejaVuSansMono.ttf", SIZE))
    return inked(np.asarray(sheet))
