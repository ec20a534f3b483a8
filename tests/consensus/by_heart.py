"""A reader that knows by heart what it reads, in place of tesseract; and pages to show it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from quietscope.consensus import reading, reading_tesseract
from quietscope.consensus.reading_tesseract import Look
from quietscope.consensus.reading_words import Word


class ByHeart:
    """Stands in for tesseract: knows by heart what it reads, whatever it is shown, and keeps what that was."""

    version = "5.0"

    def __init__(self, *said: str) -> None:
        self.said, self.shown = said, [[]]  # type: tuple[str, ...], list[list[npt.NDArray[Any]]]
        self.looks: list[Look] = []

    def settled(self, page: npt.NDArray[Any], look: Look, scale: int | None = None) -> Look:
        return look if scale is None else replace(look, scale=scale)

    def read(self, pages: Sequence[npt.NDArray[Any]], look: Look) -> list[list[Word]]:
        first = sum(map(len, self.shown))
        self.looks.append(look)
        self.shown.append([np.array(page) for page in pages])
        said = [self.said[(first + number) % len(self.said)] for number in range(len(pages))]
        return [[Word(each, 0.9, (2.0, 2.0, 20.0, 10.0))] if each else [] for each in said]


def by_heart(monkeypatch: pytest.MonkeyPatch, *said: str) -> ByHeart:
    reader = ByHeart(*said)
    monkeypatch.setattr(reading, "find_tesseract", lambda language, layout: reader)
    monkeypatch.setattr(reading_tesseract, "find_tesseract", lambda language, layout: reader)
    return reader


def noisy(shape: tuple[int, ...] = (24, 40)) -> npt.NDArray[np.float32]:
    return np.random.default_rng(0).normal(150.0, 20.0, shape).astype(np.float32)
