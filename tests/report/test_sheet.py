"""The report of a run as a page: whole, escaped, small, and asking nothing of any network."""

import base64
import itertools
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from typing import Any

import imagecodecs
import numpy as np
import pytest

from quietscope.methods import METHODS
from quietscope.methods.citation import Citation
from quietscope.outside.plain_data import MalformedError
from quietscope.report.overview import Overview
from quietscope.report.scale_bar import scale_bar
from quietscope.report.sheet import RunRecord, page_of
from quietscope.report.sheet.channel_pictures import LEAST_SAMPLES, SIDE_OF_OTHERS, channels_of
from quietscope.report.sheet.paper import words_of
from quietscope.report.sheet.plotted import plot
from quietscope.report.sheet.reviewers import questions
from quietscope.report.sheet.shown_pixels import limits_of, picture_of, png_of
from tests.report.test_overview import overview

EVIL = "<script>alert('\"&</title>\x1b[2J.tif"
VOID = {"meta", "img", "br", "input", "link"}
MOST_BYTES = 3_000_000


class Page(HTMLParser):
    """What a page has in it; a tag that is closed in another order than it was opened is a mistake."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style", "script"):
            self.words.append(data)

    def all(self, *names: str) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.tags if tag in names]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def image(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": "cells.tif",
        "what": "64 x 64 YX uint16",
        "files": ("cells_denoised.ome.tif",),
        "seconds": 1.5,
        "level": "usable",
        "verdict": "usable",
        "unexplained": "1, 0.05 % of the image (1 too dark)",
        "regions": (("", "0", "8", "16", "4", "too dark", "7.9", "1.25"),),
        "neighbours": ((0.02, -0.01),),
        "lost": (0.004,),
    }
    return {**found, **changes}


def record(*, samples: int = 3, clean: bool = False, noise: bool = True, **changes: Any) -> RunRecord:
    shown = overview((40, 64), clean=clean)
    shown = Overview(**{**vars(shown), "samples": shown.samples[:samples]})
    scored = {"psnr": (20.5, 28.25), "ssim": (0.5, 0.75), "coverage": ((0.9, 0.88),), "honesty": "the 90 % ... 88 %"}
    curve = {"channel": "GFP", "words": "gain 0.5", "model": ((0.0, 9.0), (10.0, 14.0)), "measured": ((5.0, 11.0),)}
    values: dict[str, Any] = {
        "verb": "denoise",
        "created": "2026-01-02T03:04:05+00:00",
        "method": "hdn",
        "preset": "fast",
        "seed": 7,
        "steps": 1234,
        "training_seconds": 65.0,
        "learnt_from": ("cells.tif (64 x 64 YX uint16)",),
        "num_samples": 50 if samples else 0,
        "deviates": True,
        "level": "usable",
        "verdict": "usable",
        "images": (image(**(scored if clean else {})),),
        "channels": channels_of(shown),
        "noise": (curve,) if noise else (),
        "curves": ({"name": "validation/loss", "points": ((100.0, 2.0), (200.0, 1.0))},),
        "diagnosis": ("independent: that is so",),
        "notes": ("mind the gap",),
        "settings": (("network: filters", "(8, 8)"),),
        "versions": (("quietscope", "9.8.7"), ("torch", "2.99")),
        "hardware": (("device", "cuda:0"), ("graphics card", "Some Card")),
        "publications": (
            {"text": "QuietScope", "bibtex": "@software{quietscope}"},
            {"text": "Somebody, Paper, 2022", "link": "https://doi.org/10.1/x", "bibtex": "@misc{hdn}"},
        ),
    }
    return RunRecord.model_validate({**values, **changes})


def test_it_shows_all_that_the_record_has() -> None:
    page = Page(page_of(record(clean=True)))
    for words in (
        "1,234 steps",
        "mind the gap",
        "independent: that is so",
        "9.8.7",
        "Some Card",
        "gain 0.5",
        "28.25 dB",
    ):
        assert words in page.text
    for words in ("0.750", "88.0 %", "too dark", "(8, 8)", "@misc{hdn}", "Somebody, Paper, 2022", "1 min 5 s"):
        assert words in page.text
    titles = [attributes["id"] for attributes in page.all("h2")]
    assert titles == ["verdict", "before-after", "samples", "residual", "regions", "quality", "noise", "training",
                      "methods", "checklist", "settings"]  # fmt: skip
    assert len(page.all("svg")) == 4  # noise, training, coverage, autocorrelation


def test_what_there_is_not_is_left_out_or_said() -> None:
    bare = Page(page_of(record(samples=0, noise=False, missing=("Samples: none are drawn.",))))
    assert "samples" not in [attributes["id"] for attributes in bare.all("h2")]
    assert "quality" not in [attributes["id"] for attributes in bare.all("h2")]
    assert "no noise model" in bare.text
    assert "Not in this report: Samples: none are drawn." in bare.text
    assert not bare.all("button")
    trained = Page(page_of(record(verb="train", images=(), channels=())))
    assert not trained.all("img", "input")
    assert "No image was denoised" in trained.text


@pytest.mark.parametrize("clean", [False, True])
@pytest.mark.parametrize("samples", [0, 1, 3])
def test_it_is_for_everybody(clean: bool, samples: int) -> None:
    text = page_of(record(clean=clean, samples=samples))
    page = Page(text)
    assert page.all("html") == [{"lang": "en"}]
    assert all(attributes["alt"] for attributes in page.all("img"))
    assert all(attributes["role"] == "img" and attributes["aria-label"] for attributes in page.all("svg"))
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    names = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(names) == len(set(names))
    labels = {attributes["for"] for attributes in page.all("label")}
    assert {attributes["id"] for attributes in page.all("input")} == labels != set()
    assert all(attributes["type"] == "range" for attributes in page.all("input"))
    assert len(page.all("button")) == (samples > 1)
    assert {attributes["data-pair"] for attributes in page.all("input")} <= set(names)
    assert {attributes["data-flick"] for attributes in page.all("button")} <= set(names)
    assert {attributes["href"][1:] for attributes in page.all("a") if attributes["href"][0] == "#"} <= set(names)
    for rule in ("prefers-color-scheme: dark", "prefers-reduced-motion", "@media print"):
        assert rule in text


def test_nothing_is_asked_of_a_network() -> None:
    text = page_of(record(clean=True))
    page = Page(text)
    sources = [value for _, attributes in page.tags for name, value in attributes.items() if name in ("src", "srcset")]
    assert sources
    assert all(value.startswith("data:image/png;base64,") for value in sources)
    assert not page.all("link", "iframe", "object", "embed", "base", "form")
    links = [attributes["href"] for attributes in page.all("a") if not attributes["href"].startswith("#")]
    assert links == ["https://doi.org/10.1/x"]
    left = text.replace("https://doi.org/10.1/x", "").replace("http-equiv", "")
    assert "http" not in left
    assert not re.search(r"url\(|@import|fetch\(|XMLHttp", text)
    [policy] = [attributes["content"] for attributes in page.all("meta") if "http-equiv" in attributes]
    assert policy.startswith("default-src 'none'")


def test_names_from_outside_are_text_everywhere() -> None:
    plain = Page(page_of(record(clean=True)))
    channels = tuple(each.model_copy(update={"name": EVIL}) for each in record(clean=True).channels)
    changes: dict[str, Any] = dict.fromkeys(("created", "part", "pixel_size", "method", "preset", "verdict"), EVIL)
    changes |= dict.fromkeys(("learnt_from", "diagnosis", "notes"), (EVIL,))
    changes |= dict.fromkeys(("settings", "versions", "hardware"), ((EVIL, EVIL),))
    changes |= {"channels": channels, "intervals": EVIL, "quality": EVIL, "estimate": EVIL}
    changes["noise"] = ({"channel": EVIL, "words": EVIL, "note": EVIL, "model": ((0, 1), (1, 2))},)
    changes["curves"] = ({"name": EVIL, "points": ((1, 2), (2, 3))},)
    changes["publications"] = ({"text": EVIL, "bibtex": EVIL}, {"text": EVIL, "bibtex": EVIL})
    texts = dict.fromkeys(("name", "what", "verdict", "unexplained", "honesty"), EVIL)
    changes["images"] = (image(**texts, files=(EVIL,), regions=((EVIL,) * 8,), psnr=(1, 2), ssim=(0, 1)),)
    text = page_of(record(clean=True, **changes))
    page = Page(text)
    assert len(page.all("script")) == len(plain.all("script")) == 1
    assert len(page.all("title")) == 1
    assert "\x1b" not in text
    assert EVIL.replace("\x1b", r"\x1b") in page.text
    assert not {"alert", "2j.tif"} & {name for _, attributes in page.tags for name in attributes}


def test_a_record_comes_back_from_its_file_and_nothing_else_does() -> None:
    told = record(clean=True, missing=("x",))
    assert RunRecord.of_json(told.to_json()) == told
    assert page_of(RunRecord.of_json(told.to_json())) == page_of(told)
    for damaged in (b"{}", b"[1]", told.to_json()[:-20], told.to_json().replace(b'"png": "', b'"png": "\\" onload=')):
        with pytest.raises(MalformedError):
            RunRecord.of_json(damaged)
    link = told.to_json().replace(b"https://doi.org", b"javascript:alert")
    with pytest.raises(MalformedError):
        RunRecord.of_json(link)


def test_it_stays_small_whatever_is_shown() -> None:
    """Noise over all levels in six channels of the largest panels: nothing that could be packed well."""
    shown = overview((384, 384), clean=True)
    noise = np.random.default_rng(0).uniform(*limits_of(shown.noisy), (10, 384, 384))
    shown = Overview(**{**vars(shown), "deconvolved": shown.mean, "samples": noise.astype(np.float32)})
    shown = Overview(**{**vars(shown), "others": (shown,) * 5})
    told = record(channels=channels_of(shown), images=tuple(image(name=f"{n}.tif") for n in range(200)))
    assert told.channels[0].noisy.width == 384
    assert told.channels[1].noisy.width == SIDE_OF_OTHERS
    assert {len(channel.samples) for channel in told.channels} == {LEAST_SAMPLES}
    assert len(page_of(told).encode()) < MOST_BYTES
    assert RunRecord.of_json(told.to_json()) == told


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (40, 90)])
def test_pictures_of_any_size_and_of_missing_pixels(shape: tuple[int, int]) -> None:
    noisy = np.full(shape, 5.0, np.float32)
    noisy.flat[0] = np.nan
    [found] = channels_of(overview(shape, noisy=noisy, std=None, samples=np.empty((0, *shape), np.float32)))
    assert found.deviation is None
    assert (found.noisy.height, found.noisy.width) == shape
    assert found.noisy.low < found.noisy.high
    assert bool(found.correlation) == (min(shape) > 1)


def test_what_is_said_of_many_images_does_not_stand_before_the_pictures() -> None:
    images = tuple(image(name=f"{n}.tif", level="failed" if n == 7 else "usable") for n in range(13))
    page = Page(page_of(record(images=images)))
    told = [attributes["aria-label"] for attributes in page.all("div") if "aria-label" in attributes]
    assert told[:2] == ["images whose verdict is another", "verdict of each image"]
    assert "verdict of each image, all 13" in page.text
    assert "files of each image, all 13" in page.text
    assert "prediction 19.5 s" in page.text
    few = Page(page_of(record(images=images[:3])))
    assert "all 3" not in few.text


@pytest.mark.parametrize(("count", "shown"), [(0, 0), (1, 1), (3, 3), (10, 10)])
def test_samples_are_shown_as_many_as_there_is_room_for(count: int, shown: int) -> None:
    samples = np.full((count, 300, 300), 5.0, np.float32)
    [found] = channels_of(overview((300, 300), samples=samples))
    assert len(found.samples) == shown


@pytest.mark.parametrize(
    ("width", "size", "words", "share"),
    [
        (384, 0.108, "10 µm", 0.241),
        (400, 0.1, "10 µm", 0.25),
        (100, 0.001, "20 nm", 0.2),
        (100, 200.0, "5 mm", 0.25),
        (1, 1.0, "200 nm", 0.2),
    ],
)
def test_a_scale_bar_has_a_round_length(width: int, size: float, words: str, share: float) -> None:
    found = scale_bar(width, size)
    assert found.words == words
    assert found.share == pytest.approx(share, abs=0.001)


def test_pictures_have_a_scale_bar_where_pixels_have_a_size() -> None:
    assert "scale bar" not in page_of(record(clean=True))
    page = Page(page_of(record(clean=True, pixel_size_um=0.1)))
    bars = [attributes for attributes in page.all("div") if attributes.get("class") == "scale"]
    assert len(bars) == len(page.all("img"))
    assert {attributes["aria-label"] for attributes in bars} == {"scale bar: 1 µm"}
    assert bars[0]["style"] == "width: 15.62%"  # 10 of 64 pixels


def test_a_png_is_read_as_it_was_written() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(8, 32)
    np.testing.assert_array_equal(imagecodecs.png_decode(png_of(levels)), levels)
    plane = np.linspace(-1.0, 1.0, 256).reshape(16, 16)
    colored = imagecodecs.png_decode(base64.b64decode(picture_of(plane, (-1.0, 1.0), "signed").png))[..., :3]
    assert colored[0, 0, 2] > colored[0, 0, 0]  # blue below zero, red above, pale between
    assert colored[-1, -1, 0] > colored[-1, -1, 2]
    assert colored[8, 0].min() > 230
    assert limits_of(np.full((4, 4), np.nan)) == (0.0, 1.0)


def test_a_plot_is_well_formed_and_within_its_frame() -> None:
    drawn = plot(
        "<a> & b", "x", "y", line=[(0.0, 1.0), (1e6, 1e-9)], dots=[(5.0, 0.5)], trace=[(1.0, 0.25), (2.0, 0.75)]
    )
    root = ElementTree.fromstring(drawn)
    assert root.attrib["aria-label"] == "<a> & b"
    places = [each.split(",") for line in root.iter("polyline") for each in line.attrib["points"].split()]
    assert len(places) == 4
    assert all(0 <= float(x) <= 460 and 0 <= float(y) <= 260 for x, y in places)
    assert plot("none", "x", "y") == ""
    assert "NaN" not in plot("one", "x", "y", dots=[(3.0, 3.0)])


def test_the_paragraph_has_the_numbers_of_the_run() -> None:
    words = words_of(record(clean=True, spread=1.25))
    for told in ("9.8.7", "hdn [2], preset fast", "1 noisy image ", "1,234 steps", "cuda:0", "seed 7", "gain 0.5"):
        assert told in words
    for told in (
        "mean of 50 posterior samples",
        "multiplied by 1.25",
        "0.02 along x and -0.01 along y",
        "20.50 to 28.25",
    ):
        assert told in words
    fallen = words_of(record(images=(image(psnr=(30.0, 20.0), ssim=(0.5, 0.4)),)))
    assert "rose" not in fallen
    assert "went from 30.00 to 20.00" in fallen
    assert "posterior samples" not in words_of(record(samples=0))


def test_the_checklist_is_filled_in_and_does_not_praise() -> None:
    states = {each.asked: each for each in questions(record())}
    assert states["Was the noise in the residual checked?"].state == "answered"
    assert "0.4 %" in states["Was the noise in the residual checked?"].answer
    assert states["Is anything in the result that noise does not explain?"].state == "look at it"
    assert states["Is the uncertainty reported?"].state == "look at it"  # nobody has checked it
    doubtful = image(neighbours=((0.4, 0.0),), unexplained="none", honesty="the 90 % interval covers 88 %")
    states = {each.asked: each for each in questions(record(images=(doubtful,)))}
    assert states["Was the noise in the residual checked?"].state == "look at it"
    assert states["Is anything in the result that noise does not explain?"].state == "answered"
    assert states["Is the uncertainty reported?"].state == "answered"
    unknown = image(unexplained="not looked for, for want of a denoised mean", neighbours=(), lost=())
    states = {each.asked: each for each in questions(record(images=(unknown,), deviates=False))}
    assert {each.state for each in states.values() if "noise" in each.asked} == {"look at it"}
    assert "9.8.7" in states["Software version and seed?"].answer


@pytest.mark.parametrize("name", [name for name, method in METHODS.items() if method.citation is not None])
def test_every_method_of_a_paper_can_be_cited(name: str) -> None:
    cited = METHODS[name].citation
    assert cited is not None
    entry = cited.bibtex(name)
    assert entry.startswith(f"@misc{{{name},")
    assert entry.count("{") == entry.count("}")
    assert f"year = {{{cited.year}}}" in entry
    assert cited.doi in entry
    assert cited.link.startswith("https://")
    assert "author = {" in entry or not cited.authors


def test_a_citation_of_one_text_is_a_note() -> None:
    entry = Citation("Batson & Royer, Noise2Self, ICML 2019", "10.1/x").bibtex("n2s")
    assert (
        entry
        == "@misc{n2s,\n  note = {Batson \\& Royer, Noise2Self, ICML 2019},\n  year = {2019},\n  doi = {10.1/x}\n}"
    )
    assert Citation("of no year").year == ""


def test_a_network_that_comes_trained_is_said_to_be() -> None:
    own = words_of(record())
    assert "The model was trained on 1 noisy image (that which was denoised), without clean references" in own
    told = words_of(record(comes_trained=True))
    assert "Its network comes trained on other images; it was adapted to the noise of 1 noisy image" in told
    assert "for 1,234 steps" in told
    nothing = words_of(record(comes_trained=True, steps=0))
    assert "and learnt nothing more; it was told the noise of 1 noisy image" in nothing
    assert "steps" not in nothing
    [answer] = [each.answer for each in questions(record(comes_trained=True)) if "same model" in each.asked]
    assert "came trained and was adapted to 1 image" in answer
