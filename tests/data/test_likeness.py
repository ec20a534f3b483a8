"""An image beside those that a model has learnt from: what is told, and what is refused."""

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from quietscope.data.likeness import Seen, differences
from quietscope.data.look import look_at
from quietscope.io import Image

LEARNT = Seen(dtype="uint16", low=200.0, middle=400.0, high=4000.0, noise=100.0, pixel_size_um=0.1)


def test_a_record_holds_what_was_measured_and_goes_through_json() -> None:
    pixels = np.random.default_rng(0).normal(500.0, 20.0, (3, 2, 64, 64)).astype(np.float32)
    pixels[:, 1] *= 2
    first, second = look_at([Image(pixels, "TCYX", pixel_size_um={"X": 0.2})], 2)
    assert (first.middle, first.noise, first.pixel_size_um) == pytest.approx((500.0, 20.0, 0.2), rel=0.05)
    assert second.noise == pytest.approx(40.0, rel=0.05)
    unknown = replace(first, noise=math.nan)
    assert math.isnan(Seen.of_values(json.loads(json.dumps(unknown.values(), allow_nan=False))).noise)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("value", "share"), [(np.nan, 1.0), (np.inf, 0.1), (np.nan, 0.1)])
def test_what_is_no_number_is_left_out_without_a_word(value: float, share: float) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.normal(500.0, 20.0, (64, 64)).astype(np.float32)
    pixels[rng.random(pixels.shape) < share] = value
    [seen] = look_at([Image(pixels, "YX")], 2)
    wanted = (math.nan, math.nan) if share == 1.0 else (500.0, 20.0)
    assert (seen.middle, seen.noise) == pytest.approx(wanted, rel=0.05, nan_ok=True)
    assert differences(replace(seen, low=400.0, middle=500.0, high=600.0, noise=20.0), seen) == ()


@pytest.mark.parametrize(
    ("changes", "words", "hopeless"),
    [
        ({}, [], []),
        ({"low": 210.0, "middle": 300.0, "high": 2000.0, "noise": 60.0}, [], []),
        ({"dtype": "uint8", "low": 5.0, "middle": 90.0, "high": 250.0, "noise": 95.0}, ["200 to 4000"], [True]),
        ({"dtype": "uint8", "low": 180.0, "middle": 210.0, "high": 255.0}, ["uint16 and uint8"], [True]),
        ({"low": 20000.0, "middle": 22000.0, "high": 24000.0}, ["20000|2e+04"], [True]),
        ({"middle": 210.0, "high": 600.0, "noise": 20.0}, ["200 to 600", "noise of about 100"], [False, False]),
        ({"pixel_size_um": 0.25}, ["0.1 um", "0.25 um"][:1], [False]),
    ],
)
def test_what_differs(changes: dict[str, Any], words: list[str], hopeless: list[bool]) -> None:
    found = differences(LEARNT, replace(LEARNT, **changes))
    assert [each.is_hopeless for each in found] == hopeless
    for word, each in zip(words, found, strict=True):
        assert any(part in each.words for part in word.split("|"))
