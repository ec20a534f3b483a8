"""The report as a browser shows it: what moves, what is read out, what is printed, and that it keeps to itself."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quietscope.report.overview import Overview
from quietscope.report.sheet import RunRecord, page_of
from quietscope.report.sheet.channel_pictures import channels_of
from tests.report.chromium import PROGRAM, Tab, chromium
from tests.report.test_overview import overview
from tests.report.test_sheet import record

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="there is no Chromium to open the report in")

NUM_SAMPLES = 5
SCHEMES = ("light", "dark")

CONTRAST = """(() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
  const rgba = color => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const light = color => { const [r, g, b] = rgba(color).map(v => { v /= 255;
      return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = each => { for (; each; each = each.parentElement) {
      const color = getComputedStyle(each).backgroundColor; if (rgba(color)[3] === 255) return color; }
    return getComputedStyle(document.documentElement).colorScheme.includes("dark") ? "#000" : "#fff"; };
  const ratio = (a, b) => { const [low, high] = [light(a), light(b)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05); };
  return {light, behind, ratio};
})()"""

TEXTS = f"""(() => {{ const {{behind, ratio}} = {CONTRAST}; const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {{ const each = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || each.closest("script, style")) continue;
    const style = getComputedStyle(each);
    found.push([ratio(each.closest("svg") ? style.fill : style.color, behind(each)), walk.currentNode.data.trim()]);
  }} return found; }})()"""

FOCUS = f"""(() => {{ const {{behind, ratio}} = {CONTRAST}; const each = document.activeElement;
  const style = getComputedStyle(each);
  return {{what: each.outerHTML.slice(0, 80), body: each === document.body, style: style.outlineStyle,
    width: parseFloat(style.outlineWidth), ratio: ratio(style.outlineColor, behind(each.parentElement))}}; }})()"""

HIDDEN = """[...document.querySelectorAll("main img, main svg, main td, main p, main li, main figcaption")]
  .filter(each => !each.closest(".tool")).filter(each => { const box = each.getBoundingClientRect();
    const cut = getComputedStyle(each.closest("figure") ?? each).clipPath;
    const gone = !each.checkVisibility({contentVisibilityAuto: true, visibilityProperty: true});
    return gone || cut !== "none" || !(box.width && box.height);
  }).map(each => each.outerHTML.slice(0, 60))"""


def told() -> RunRecord:
    """A run of two channels, with everything that there is to show."""
    shown = overview((96, 128), clean=True)
    samples = np.random.default_rng(1).uniform(shown.noisy.min(), shown.noisy.max(), (NUM_SAMPLES, 96, 128))
    one = Overview(**{**vars(shown), "samples": samples.astype(np.float32), "deconvolved": shown.mean})
    both = Overview(**{**vars(one), "channel": "DAPI", "others": (Overview(**{**vars(one), "channel": "GFP"}),)})
    notes: dict[str, Any] = {"missing": ("The third channel.",), "pixel_size_um": 0.1, "quality": "about 30 dB"}
    return record(clean=True, channels=channels_of(both), level="failed", **notes)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(page_of(told()), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser.tab()


@pytest.fixture
def tab(window: Tab, page: Path) -> Tab:
    """The report, as a browser shows it that nobody has told anything."""
    window.media()
    window.size(1280, 900)
    window.call("Emulation.setScriptExecutionDisabled", value=False)
    window.open(page)
    return window


def middle_of(tab: Tab, selector: str, share: float = 0.5) -> tuple[float, float]:
    """Scroll to an element, and return a place in it: a share of its width, half of its height."""
    box = tab.value(f"""(() => {{ const each = document.querySelector({selector!r});
      each.scrollIntoView({{block: "center"}}); const box = each.getBoundingClientRect();
      return [box.left, box.top, box.width, box.height]; }})()""")
    return box[0] + share * box[2], box[1] + 0.5 * box[3]


def cut(tab: Tab) -> tuple[float, float]:
    """Return how much of the noisy image the slider says is shown, and how much is, in percent."""
    shown = tab.value("getComputedStyle(document.querySelectorAll('#pair-0 figure')[1]).clipPath")
    return float(tab.value("document.querySelector('#cut-0').value")), float(shown.rpartition(" ")[2].rstrip("%)"))


def test_the_slider_moves_by_keyboard_and_the_picture_with_it(tab: Tab) -> None:
    assert cut(tab) == (50.0, 50.0)
    middle_of(tab, "#pair-0")
    tab.value("document.querySelector('#cut-0').focus({preventScroll: true})")
    before = tab.picture()
    for _ in range(5):
        tab.press("ArrowLeft", 37)
    assert cut(tab) == (45.0, 45.0)
    tab.press("End", 35)
    assert cut(tab) == (100.0, 100.0)
    assert tab.value("document.querySelector('#cut-0').getAttribute('aria-valuetext')") == "100 % noisy"
    assert tab.picture() != before


def test_the_slider_moves_by_mouse_and_so_does_the_picture_itself(tab: Tab) -> None:
    for selector in ("#cut-0", "#pair-0"):
        tab.mouse("mousePressed", *middle_of(tab, selector, 0.2))
        low = cut(tab)
        tab.mouse("mouseMoved", *middle_of(tab, selector, 0.8))
        tab.mouse("mouseReleased", *middle_of(tab, selector, 0.8))
        high = cut(tab)
        assert low == pytest.approx((20.0, 20.0), abs=2.5)
        assert high == pytest.approx((80.0, 80.0), abs=2.5)
    tab.mouse("mouseMoved", *middle_of(tab, "#pair-0", 0.3))
    assert cut(tab) == high  # nobody holds it


def shown_samples(tab: Tab, seconds: float) -> list[str]:
    """Return the captions of what is seen of the samples at the beginning and at every change, for some time."""
    return list(
        tab.value(f"""new Promise(done => {{ const found = [], until = performance.now() + {1000 * seconds};
      const look = () => {{ const seen = [...document.querySelectorAll("#flick-0 figure")]
          .filter(each => each.checkVisibility()).map(each => each.querySelector("figcaption").textContent).join();
        if (found.at(-1) !== seen) found.push(seen);
        performance.now() < until ? setTimeout(look, 50) : done(found); }}; look(); }})""")
    )


def test_samples_flicker_until_somebody_stops_them(tab: Tab) -> None:
    seen = shown_samples(tab, 2.8)
    assert seen[:5] == [f"sample {n} of {NUM_SAMPLES}" for n in range(1, 6)]
    assert len(seen) <= 7  # three flashes a second are too many for some people
    tab.value("document.querySelector('[data-flick=flick-0]').focus()")
    tab.press("Enter", 13)
    assert tab.value("document.activeElement.textContent") == "Play the samples"
    assert len(shown_samples(tab, 0.8)) == 1
    tab.press(" ", 32)
    assert len(shown_samples(tab, 0.8)) > 1


def test_nothing_flickers_for_those_who_want_no_motion(window: Tab, page: Path, tab: Tab) -> None:
    window.media(prefers_reduced_motion="reduce")
    window.open(page)
    assert len(shown_samples(window, 0.8)) == 1
    assert tab.value("document.querySelector('[data-flick=flick-0]').textContent") == "Play the samples"


def test_it_asks_nothing_of_anybody_and_complains_of_nothing(tab: Tab) -> None:
    asked = [event["params"]["request"]["url"] for event in tab.events if "requestWillBeSent" in event["method"]]
    assert len([address for address in asked if address.startswith("file:")]) == 1
    assert all(address.startswith(("file:", "data:image/png;base64,")) for address in asked)
    said = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
    assert [event for event in tab.events if event["method"] in said] == []
    assert tab.value("performance.getEntriesByType('resource').filter(each => !each.name.startsWith('data:'))") == []
    loaded = tab.value("[...document.images].map(each => each.complete && each.naturalWidth)")
    assert len(loaded) == 2 * (6 + NUM_SAMPLES)
    assert all(loaded)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_text_stands_out_from_its_ground(tab: Tab, scheme: str) -> None:
    tab.media(prefers_color_scheme=scheme)
    found = tab.value(TEXTS)
    assert len(found) > 200
    assert [(round(ratio, 2), text) for ratio, text in found if ratio < 4.5] == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_whoever_uses_the_keyboard_sees_where_they_are(tab: Tab, scheme: str) -> None:
    tab.media(prefers_color_scheme=scheme)
    seen: list[dict[str, Any]] = []
    for _ in range(100):
        tab.press("Tab", 9)
        found = tab.value(FOCUS)
        if found["body"]:
            break
        seen.append(found)
    assert [each for each in seen if each["style"] == "none" or each["width"] < 2 or each["ratio"] < 3] == []
    whole = " ".join(each["what"] for each in seen)
    for words in ('id="cut-0"', 'id="cut-1"', 'data-flick="flick-1"', "<summary>", 'href="#checklist"', "https://"):
        assert words in whole


def test_everything_has_a_name_for_those_who_do_not_see_it(tab: Tab) -> None:
    nodes = tab.call("Accessibility.getFullAXTree")["nodes"]
    roles: dict[str, list[str]] = {}
    for node in nodes:
        if not node["ignored"]:
            roles.setdefault(node["role"]["value"], []).append(node.get("name", {}).get("value", ""))
    for role in ("image", "slider", "button", "heading", "link", "main", "navigation", "table", "group"):
        assert role in roles
    named = ("image", "slider", "button", "heading", "link", "table", "navigation")
    assert [role for role in named if not all(roles[role])] == []
    assert "scale bar: 2 µm" in roles["image"]
    assert roles["slider"] == [f"How much of the noisy image is shown, {name}" for name in ("DAPI", "GFP")]
    levels = tab.value("[...document.querySelectorAll('h1,h2,h3,h4')].map(each => Number(each.tagName[1]))")
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert tab.value("document.documentElement.lang") == "en"


@pytest.mark.parametrize("width", [320, 1280, 2560])
def test_it_fits_into_windows_of_any_width(tab: Tab, width: int) -> None:
    tab.size(width, 740)
    assert tab.value("document.documentElement.scrollWidth") == width


def test_all_of_it_is_printed(tab: Tab) -> None:
    assert tab.value(HIDDEN) != []  # what flickers and what is folded away
    tab.media("print", prefers_color_scheme="dark")
    assert tab.value(HIDDEN) == []
    ground, ink = (tab.value(f"getComputedStyle(document.body).{name}") for name in ("backgroundColor", "color"))
    assert (ground, ink) == ("rgb(255, 255, 255)", "rgb(0, 0, 0)")
    assert tab.value("document.querySelector('.tool').checkVisibility()") is False
    tab.media()
    printed = tab.pdf()
    assert printed.startswith(b"%PDF-")
    assert len(printed) > 20_000


def test_all_of_it_is_there_without_scripts(window: Tab, page: Path, tab: Tab) -> None:
    window.call("Emulation.setScriptExecutionDisabled", value=True)
    window.open(page)
    shown = tab.value("[...document.images].filter(each => !each.checkVisibility()).length")
    assert shown == 0
    assert tab.value("getComputedStyle(document.querySelector('#pair-0')).display") == "grid"
    assert tab.value("document.querySelector('.tool').checkVisibility()") is False
