"""Help: options below headings, what everybody needs first; every default; and names for several images."""

import re
from collections.abc import Iterator
from typing import Any, get_origin

import pytest

from quietscope.cli import NOISE_VERBS, PSF_VERBS, VERBS, make_app
from tests.cli.command_line import Quietscope

WORDS = [
    *([verb] for verb in VERBS),
    *(["noise", verb] for verb in NOISE_VERBS),
    *(["psf", verb] for verb in PSF_VERBS),
]
ORDER = ["Arguments", "Basic", "Noise", "Training", "Prediction", "Output", "Which images, and which part of them"]


def arguments(words: list[str]) -> Iterator[Any]:
    """Yield what a verb takes, as cyclopts sees it."""
    app = make_app()
    for word in words:
        app = app[word]
    return iter(app.assemble_argument_collection())


def headings(text: str) -> list[str]:
    """Return the headings of a help, from top to bottom."""
    return re.findall(r"^╭─ (.*?) ─*╮$", text, re.MULTILINE)


def test_what_everybody_needs_comes_first(quietscope: Quietscope) -> None:
    _, out, _ = quietscope("denoise", "--help")
    assert headings(out) == ORDER
    basic = out[out.index("Basic ─") : out.index("Noise ─")]
    assert [word for word in ("--output", "--method", "--budget", "--resume", "--dry-run") if word not in basic] == []
    assert "--tile" not in basic


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_headings_come_in_one_order(quietscope: Quietscope, words: list[str]) -> None:
    status, out, _ = quietscope(*words, "--help")
    assert status == 0
    order = [*ORDER, "One image in many processes"]
    assert [*headings(out)] == [each for each in order if each in headings(out)]


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_every_option_says_what_it_is_without_it(words: list[str]) -> None:
    shown = [each for each in arguments(words) if each.show and not each.required]
    silent = [each.name for each in shown if not each.show_default and "Default" not in (each.parameter.help or "")]
    assert silent == []


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_where_many_are_taken_the_usage_says_so(quietscope: Quietscope, words: list[str]) -> None:
    many = [
        each
        for each in arguments(words)
        if get_origin(each.hint) is list and each.field_info.kind is each.field_info.POSITIONAL_ONLY
    ]
    _, out, _ = quietscope(*words, "--help")
    usage = next(line for line in out.splitlines() if line.startswith("Usage"))
    assert [each.name for each in many] == ["IMAGES..."] * len(many)
    assert usage.endswith("IMAGES...") == bool(many)


def test_several_verbs_take_many() -> None:
    taking = [words for words in WORDS if any(each.name == "IMAGES..." for each in arguments(words))]
    for words in (["denoise"], ["train"], ["predict"], ["diagnose"], ["distill"], ["noise", "estimate"]):
        assert words in taking
