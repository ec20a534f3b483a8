"""Are words said with a probability p right in p of the cases? Counted by where words stand on rendered pages."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pages import Page
from quietscope.consensus.existence import fit_existence
from quietscope.consensus.reading_record import ReadPlace

Answers = npt.NDArray[np.float64]
"""A line for each word or reading: its probability, and 1 where it is right, 0 where it is not."""
BINS = 10


def of_words(places: Sequence[ReadPlace], page: Page) -> Answers:
    """Return the answers of the words that are said; places of which nothing is said are left out."""
    said = [(place.probability, place.text == _truth(place, page)) for place in places if place.text]
    return np.array(said, np.float64).reshape(-1, 2)


def of_readings(places: Sequence[ReadPlace], page: Page) -> Answers:
    """Return the answers of all readings of all places, nothing among them."""
    said = [(each.probability, each.text == _truth(place, page)) for place in places for each in place.readings]
    return np.array(said, np.float64).reshape(-1, 2)


def _truth(place: ReadPlace, page: Page) -> str:
    """Return the word that stands where a place is; nothing where none does."""
    left, top, right, bottom = place.box
    shared = [
        max(0.0, min(right, box[2]) - max(left, box[0])) * max(0.0, min(bottom, box[3]) - max(top, box[1]))
        for box in page.boxes
    ]
    best = int(np.argmax(shared))
    return page.text.split()[best] if shared[best] > 0.0 else ""


def calibration(pages: Sequence[Answers]) -> dict[str, Any]:
    """Return how well the probabilities of pages hold: their number and mean, the share that is right, and by bins."""
    answers = np.concatenate(list(pages))
    bins = [answers[_bins(answers) == number] for number in range(BINS)]
    return {
        "number": len(answers),
        "mean_probability": float(answers[:, 0].mean()),
        "right": float(answers[:, 1].mean()),
        "error": expected_error(answers),
        "error, corrected by the other pages": held_out_error(pages),
        "bins": [[len(part), *part.mean(axis=0).round(4).tolist()] if len(part) else [0, None, None] for part in bins],
    }


def _bins(answers: Answers) -> npt.NDArray[np.int64]:
    return np.minimum((answers[:, 0] * BINS).astype(np.int64), BINS - 1)


def expected_error(answers: Answers) -> float:
    """Return the expected calibration error: how far probabilities are off, over ten bins, by their numbers."""
    each = [answers[_bins(answers) == number] for number in range(BINS)]
    return float(sum(abs(part[:, 0].sum() - part[:, 1].sum()) for part in each) / max(len(answers), 1))


def held_out_error(pages: Sequence[Answers]) -> float:
    """Return the same after a correction that is learnt, for every page, from all the others."""
    corrected = []
    for number, page in enumerate(pages):
        others = np.concatenate([each for at, each in enumerate(pages) if at != number])
        if len(page):
            learnt = fit_existence(others[:, 0], others[:, 1])
            corrected.append(np.stack([learnt.apply(page[:, 0]), page[:, 1]], axis=1))
    return expected_error(np.concatenate(corrected))
