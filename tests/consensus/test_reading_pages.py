"""Text by samples: drawn one page at a time, read in batches, voted on, written; and every mistake in one line."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from quietscope import Denoiser
from quietscope.consensus import ReadingOptions, read_text
from quietscope.consensus.reading_tesseract import Ink, Layout, Look, find_tesseract, looked_at
from quietscope.consensus.reading_vote import FURTHER_SHARE
from quietscope.consensus.reading_words import Word
from quietscope.errors import SettingsError, SizeError
from quietscope.io import as_image
from quietscope.methods.hdn import HDN
from quietscope.methods.noise2void import Noise2Void
from tests.consensus.by_heart import by_heart, noisy
from tests.tiny import denoiser

has_tesseract = pytest.mark.skipif(shutil.which("tesseract") is None, reason="the program tesseract is not installed")
PAPER, INK = 190.0, 60.0


def rendered(text: str, size: int = 15, *, light: bool = False) -> npt.NDArray[np.float32]:
    """A page with one line of text, (Y, X), in intensities."""
    import matplotlib as mpl
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.truetype(str(Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), size)
    page = Image.new("L", (round(font.getlength(text)) + 24, 2 * size + 10), 255)
    ImageDraw.Draw(page).text((12, 10), text, fill=0, font=font)
    grey = np.asarray(page, np.float32) / 255.0
    return (INK + (PAPER - INK) * (1.0 - grey if light else grey)).astype(np.float32)


def test_every_sample_is_read_and_votes(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = by_heart(monkeypatch, "mean", "map", *["casts"] * 21, *["costs"] * 12)
    steps: list[tuple[int, int]] = []
    options = ReadingOptions(num_samples=11, spreads=(1.0, 0.5, 0.25), alternatives=False)
    found = read_text(denoiser(HDN), noisy(), options, axes="YX", progress=lambda *step: steps.append(step))
    (page,) = found.pages
    assert (found.text, page.mean_text, page.map_text) == ("casts", "mean", "map")
    assert [(each.text, each.count) for each in page.places[0].readings] == [("casts", 21), ("costs", 12)]
    assert [len(each) for each in reader.shown] == [0, 2, 24, 9]
    expected = denoiser(HDN).sample(noisy(), num_samples=11, axes="YX")
    mean = reader.shown[1][0]
    np.testing.assert_allclose(mean, expected.mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose([*reader.shown[2][:8], *reader.shown[3][:3]], expected, rtol=1e-4)
    np.testing.assert_allclose(reader.shown[3][3:6], mean + 0.5 * (expected[8:] - mean), rtol=1e-4)
    np.testing.assert_allclose(reader.shown[3][6:], mean + 0.25 * (expected[8:] - mean), rtol=1e-4)
    assert steps[-1] == (22, 22)
    assert steps == sorted(steps)


def test_samples_as_they_are_add_readings_and_change_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    near, as_they_are = ["casts"] * 6, ["costs", "costs", "casts"]
    reader = by_heart(monkeypatch, "mean", "map", *near, *as_they_are, *as_they_are)
    found = read_text(denoiser(HDN), noisy(), ReadingOptions(num_samples=3), axes="YX")
    (place,) = found.pages[0].places
    assert found.text == "casts"
    assert [(each.text, each.count) for each in place.readings] == [("casts", 8), ("costs", 4)]
    assert [each.probability for each in place.readings] == [
        pytest.approx(1.0 - FURTHER_SHARE * 2 / 3),
        pytest.approx(FURTHER_SHARE * 2 / 3),
    ]
    expected = denoiser(HDN).sample(noisy(), num_samples=3, axes="YX")
    assert [len(each) for each in reader.shown] == [0, 2, 9, 3]
    for shown in (reader.shown[2][6:], reader.shown[3]):
        np.testing.assert_allclose(shown, expected, rtol=1e-4)
    assert [look.scale for look in reader.looks] == [2, 2, 3]


def test_a_scale_that_is_told_is_the_only_one(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = by_heart(monkeypatch, "word")
    read_text(denoiser(HDN), noisy(), ReadingOptions(num_samples=2, scale=4), axes="YX")
    assert [(len(shown), look.scale) for shown, look in zip(reader.shown[1:], reader.looks, strict=True)] == [
        (2, 4),
        (6, 4),
    ]


def test_a_page_of_the_largest_side_has_no_other_scale() -> None:
    look = looked_at(noisy())
    assert [look.beside(shape).scale for shape in ((24, 40), (24, 16_000), (24, 32_000))] == [3, 1, 1]
    assert replace(look, scale=1).beside((24, 32_000)).scale == 1


def test_frames_are_pages_and_channels_are_averaged(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = by_heart(monkeypatch, *["one"] * 4, *["two"] * 4)
    model = denoiser(HDN, scene={"channels": 2})
    found = read_text(
        model, noisy((2, 2, 24, 40)), ReadingOptions(num_samples=2, spreads=(1.0,), alternatives=False), axes="TCYX"
    )
    assert found.text == "one\ftwo"
    assert [page.number for page in found.pages] == [0, 1]
    samples = model.sample(noisy((2, 2, 24, 40))[0], num_samples=2, axes="CYX")
    np.testing.assert_allclose(reader.shown[2][:2], samples.mean(axis=1), rtol=1e-4)


def test_samples_lie_in_a_file_that_is_gone_afterwards(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    seen: list[int] = []
    reader = by_heart(monkeypatch, "word")
    read = reader.read

    def counting(pages: Sequence[npt.NDArray[Any]], look: Look) -> list[list[Word]]:
        seen.append(sum(each.stat().st_size for each in tmp_path.rglob("*.f32")))
        return read(pages, look)

    monkeypatch.setattr(reader, "read", counting)
    read_text(denoiser(HDN), noisy(), ReadingOptions(num_samples=5), axes="YX")
    assert seen == [5 * 24 * 40 * 4] * 3
    assert list(tmp_path.iterdir()) == []


def test_ink_is_told_from_paper() -> None:
    dark, light = rendered("some words here"), rendered("some words here", light=True)
    looks = looked_at(dark), looked_at(light)
    assert [look.ink for look in looks] == ["dark", "light"]
    np.testing.assert_allclose(looks[0].grey(dark), looks[1].grey(light), atol=1)
    assert looks[0].grey(dark).min() == 0
    assert looks[0].grey(dark).max() == 255
    assert looked_at(dark, "light").ink == "light"
    assert looked_at(np.full((20, 20), 7.0)).grey(np.full((20, 20), 7.0)).std() == 0.0


@has_tesseract
@pytest.mark.parametrize("ink", ["dark", "light"])
def test_tesseract_reads_what_is_there(ink: Ink) -> None:
    page = rendered("The quick brown fox", light=ink == "light")
    tesseract = find_tesseract()
    look = tesseract.settled(page, looked_at(page))
    first, second = tesseract.read([page, np.full_like(page, page[0, 0])], look)
    assert look.ink == ink
    assert [word.text for word in first] == ["The", "quick", "brown", "fox"]
    assert second == []
    assert all(word.confidence > 0.5 for word in first)
    ends = [(word.box[0], word.box[2]) for word in first]
    assert ends == sorted(ends)
    assert ends[0][0] == pytest.approx(12.0, abs=2.0)
    assert ends[-1][1] == pytest.approx(page.shape[1] - 12.0, abs=2.0)


@has_tesseract
def test_a_page_is_read_from_samples() -> None:
    page = rendered("green apples fall")
    page += np.random.default_rng(1).normal(0.0, 8.0, page.shape).astype(np.float32)
    model = Denoiser(method="instant", noise="sigma=8", steps=1, device="cpu").fit(page, axes="YX", progress=False)
    found = read_text(model, page, ReadingOptions(num_samples=3), axes="YX")
    assert found.text == "green apples fall"
    assert found.pages[0].mean_text == "green apples fall"
    assert [place.probability for place in found.pages[0].places] == [pytest.approx(1.0)] * 3


def test_a_point_method_is_told_which_methods_sample() -> None:
    with pytest.raises(SettingsError, match=r'a method that samples.*noise2void.*method="hdn"'):
        read_text(denoiser(Noise2Void), noisy(), axes="YX")


def test_models_that_see_more_than_a_plane_read_no_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    by_heart(monkeypatch, "word")
    with pytest.raises(SettingsError, match=r"a model of single planes.*one of volumes"):
        read_text(denoiser(HDN, dims=3), noisy((4, 24, 40)), axes="ZYX")


def test_a_page_of_a_few_pixels_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    by_heart(monkeypatch, "word")
    with pytest.raises(SizeError, match=r"8 to 32,000 pixels on each side.*7 x 40"):
        read_text(denoiser(HDN), noisy((7, 40)), axes="YX")
    with pytest.raises(SizeError, match="7 x 40"):
        looked_at(noisy((7, 40)))


def test_no_text_at_all_is_a_mistake_and_one_empty_page_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    by_heart(monkeypatch, "")
    with pytest.raises(SettingsError, match=r"text that tesseract can read in 2 samples.*none on 1 page"):
        read_text(denoiser(HDN), noisy(), ReadingOptions(num_samples=2), axes="YX")
    by_heart(monkeypatch, *[""] * 10, *["word"] * 10)
    found = read_text(denoiser(HDN), noisy((2, 24, 40)), ReadingOptions(num_samples=2), axes="TYX")
    assert found.text == "\fword"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"num_samples": 1}, "num_samples=30"),
        ({"ink": "red"}, "dark or light"),
        ({"scale": 0}, "1 to 8"),
        ({"scale": 9}, "1 to 8"),
        ({"spreads": ()}, "spreads above 0, up to 1"),
        ({"spreads": (1.0, 0.0)}, "spreads above 0, up to 1"),
    ],
)
def test_options_out_of_range(options: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        ReadingOptions(**options)


@has_tesseract
def test_languages_and_layouts_that_are_not_there() -> None:
    with pytest.raises(SettingsError, match=r"a language.*eng.*got 'xyz'.*apt install tesseract-ocr-xyz"):
        find_tesseract("eng+xyz")
    nonsense: Any = "circle"
    layout: Layout = nonsense
    with pytest.raises(SettingsError, match="block, line, word"):
        find_tesseract(layout=layout)


def test_without_the_program_one_line_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    pytesseract = pytest.importorskip("pytesseract", reason="pytesseract is not installed")

    def missing() -> str:
        raise pytesseract.TesseractNotFoundError

    monkeypatch.setattr(pytesseract, "get_tesseract_version", missing)
    with pytest.raises(SettingsError, match=r"the program tesseract.*apt install tesseract-ocr"):
        find_tesseract()


def test_what_a_mask_leaves_out_is_left_out_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    by_heart(monkeypatch, "words")
    pages = noisy((2, 24, 40))
    pages[:, 3:6, 4:9] = np.nan
    image = replace(as_image(pages, "TYX"), mask="nan")
    found = read_text(denoiser(HDN), image, ReadingOptions(num_samples=2))
    assert [page.text for page in found.pages] == ["words", "words"]
