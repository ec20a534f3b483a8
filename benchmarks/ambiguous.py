"""Words with two readings: pairs that differ in one letter, rendered and mixed so that the page is neither.

Each pair is mixed by the share at which tesseract changes its mind where there is no noise: halves would not do, as the
strokes of one letter may cover those of the other. `PAIRS` are those that the ways of reading were chosen on; `FRESH`
were written down and rendered afterwards.
"""

from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from pages import MARGIN, font, inked, noisy
from quietscope import Denoiser
from quietscope.consensus.reading import SPREADS, USUAL_SAMPLES, ReadingOptions, read_samples
from quietscope.consensus.reading_record import voted
from quietscope.consensus.reading_tesseract import Tesseract, looked_at

Pairs = tuple[tuple[str, str], ...]
PAIRS: Pairs = (
    ("casts", "costs"), ("hat", "hot"), ("lane", "lone"), ("deck", "duck"), ("band", "bond"), ("pack", "peck"),
    ("stack", "stock"), ("tall", "tell"), ("sand", "send"), ("ring", "rang"), ("beat", "boat"), ("lamb", "lamp"),
)  # fmt: skip
FRESH: tuple[Pairs, ...] = (
    (("bag", "beg"), ("cart", "curt"), ("fan", "fin"), ("log", "leg"), ("mast", "must"), ("nut", "net"),
     ("sack", "sock"), ("ship", "shop"), ("tack", "tick"), ("wall", "well"), ("bird", "bard"), ("farm", "firm")),
    (("mode", "made"), ("pale", "pole"), ("rose", "rise"), ("soap", "soup"), ("worm", "warm"), ("dish", "disk"),
     ("crab", "crib"), ("grin", "grim"), ("horn", "corn"), ("test", "text"), ("noon", "neon"), ("vast", "vest")),
)  # fmt: skip
COLUMNS, WIDTH, HEIGHT, SIZE = 3, 80, 28, 16
SIGMA = 25.0
SHARES = np.linspace(0.1, 0.9, 9)
LIKELY = 0.01
SEED, FRESH_SEED = 7, 11


def all_ambiguous(tesseract: Tesseract) -> dict[str, Any]:
    """Read the words that were chosen on, and fresh ones."""
    fresh = [ambiguous_words(tesseract, pairs, FRESH_SEED + number) for number, pairs in enumerate(FRESH)]
    return {"chosen on": ambiguous_words(tesseract, PAIRS, SEED), "fresh": fresh}


def ambiguous_words(tesseract: Tesseract, pairs: Pairs, seed: int, num_samples: int = USUAL_SAMPLES) -> dict[str, Any]:
    """Read a page of ambiguous words by samples of `instant`.

    Returns:
        How many words there are, and of how many the readings hold both members of the pair: all readings, those of a
        probability of at least `LIKELY`, those near the mean alone, and those of samples as they are alone; and the
        readings of each.
    """
    shares = undecided(tesseract, pairs)
    page = noisy(_mixed(shares, pairs), SIGMA, seed)
    denoiser = Denoiser(method="instant", noise=f"sigma={SIGMA:g}").fit(page, axes="YX", progress=False)
    mean = denoiser.denoise(page, axes="YX", num_samples=2).mean
    samples = list(denoiser.sample(page, axes="YX", num_samples=num_samples))
    look = tesseract.settled(mean, looked_at(mean))
    near, apart = read_samples(tesseract, mean, samples, look)
    plain, _ = read_samples(tesseract, mean, samples, look, ReadingOptions(spreads=(1.0,), alternatives=False))
    found, of_near, of_plain = (
        {"-".join(pair): _readings_at(places, number) for number, pair in enumerate(pairs)}
        for places in (voted(near, apart), voted(near), voted(plain))
    )
    likely = {name: {text: p for text, p in readings.items() if p >= LIKELY} for name, readings in found.items()}
    return {
        "words": len(pairs),
        "sigma": SIGMA,
        "samples": num_samples,
        "shares": dict(zip(found, shares, strict=True)),
        "both": _both(found),
        f"both, {LIKELY:.0%} at least": _both(likely),
        f"both, spreads {SPREADS} alone": _both(of_near),
        "both, samples as they are alone": _both(of_plain),
        "mean": [word.text for word in tesseract.read([mean], look)[0]],
        "readings": found,
    }


def _both(found: dict[str, dict[str, float]]) -> int:
    """Return of how many words the readings hold both members of the pair."""
    return sum({*pair.split("-")} <= {*readings} for pair, readings in found.items())


def undecided(tesseract: Tesseract, pairs: Pairs) -> list[float]:
    """Return the share of the second word of each pair at which a page without noise is read as neither or either."""
    pages = [_mixed([share] * len(pairs), pairs) for share in SHARES]
    read = [voted([words]) for words in tesseract.read(pages, tesseract.settled(pages[0], looked_at(pages[0])))]
    shares = []
    for number, (first, second) in enumerate(pairs):
        said = [next(iter(_readings_at(places, number)), "").lower() for places in read]
        still = max((share for share, text in zip(SHARES, said, strict=True) if text == first), default=0.0)
        later = [share for share, text in zip(SHARES, said, strict=True) if text == second and share > still]
        shares.append(round(float(0.5 * (still + min(later, default=1.0))), 3))
    return shares


def _mixed(shares: list[float], pairs: Pairs) -> np.ndarray:
    """Return a page on which each pair is mixed by its share of the second word."""
    first, second = (_page([pair[n] for pair in pairs]) for n in range(2))
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
            return {each.text: round(each.probability, 4) for each in place.readings}
    return {}


def _page(words: list[str]) -> np.ndarray:
    rows = -(-len(words) // COLUMNS)
    sheet = Image.new("L", (2 * MARGIN + COLUMNS * WIDTH, 2 * MARGIN + rows * HEIGHT), 255)
    for number, word in enumerate(words):
        row, column = divmod(number, COLUMNS)
        place = (MARGIN + column * WIDTH, MARGIN + row * HEIGHT)
        ImageDraw.Draw(sheet).text(place, word, fill=0, font=font("DejaVuSansMono.ttf", SIZE))
    return inked(np.asarray(sheet))
