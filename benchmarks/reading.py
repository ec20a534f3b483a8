"""Text on noisy pages, read from the noisy page, BM3D, a model's mean and most probable image, and all its samples.

``python benchmarks/reading.py --keep FOLDER`` renders 20 pages of random words (`pages.py`), adds noise of three
standard deviations, and has tesseract read each; the character error rate is the number of characters to be changed,
put in or taken out, over those of the text, lines joined by spaces. The scale of every image is settled by the same
rule. BM3D is told the noise, as the model is. Controls: one sample alone, the votes of samples at one distance from the
mean alone and at all of them, samples as they are (spread 1) among these, and that of the mean at four scales, which is
a vote without samples. The two spreads of the consensus were chosen on these pages.

Calibration (`reading_calibration.py`): how far the probabilities of words, and of all readings, are off.

Ambiguous words (`ambiguous.py`): pairs that differ in one letter are mixed, so that nothing tells which of the two it
is; the readings of a word should hold both.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ambiguous import all_ambiguous
from environment import write_result
from pages import Page
from quietscope.consensus.reading import SPREADS, nearer
from quietscope.consensus.reading_record import ReadPlace, plain_text, voted
from quietscope.consensus.reading_tesseract import SCALES, Look, Tesseract, find_tesseract, looked_at
from quietscope.consensus.reading_words import Word, distance
from reading_calibration import Answers, calibration, of_readings, of_words
from reading_images import Arrays, by_bm3d, by_model, kept, noisy_pages, test_pages, trained

Words = list[list[Word]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--method", default="instant", help="whose samples are read")
    parser.add_argument("--budget", default="4m", help="training time for each noise level, but for instant")
    parser.add_argument("--training-pages", type=int, default=60)
    parser.add_argument("--pages", type=int, default=20)
    parser.add_argument("--samples", type=int, default=12)
    parser.add_argument("--sigmas", type=float, nargs="+", default=[30.0, 45.0, 60.0])
    parser.add_argument("--keep", type=Path, help="folder in which images and readings are kept and looked for")
    parser.add_argument("--name", default="reading")
    args = parser.parse_args()
    tesseract, shown = find_tesseract(), test_pages(args.pages)
    levels = {f"{sigma:g}": level(tesseract, shown, sigma, args) for sigma in args.sigmas}
    pairs = kept_pairs(args.keep, tesseract) if args.method == "instant" else {}
    show(levels, pairs)
    about = {"method": args.method, "pages": args.pages, "samples": args.samples, "spreads": list(SPREADS)}
    characters = sum(len(flat(page.text)) for page in shown)
    payload = {**about, "tesseract": tesseract.version, "characters": characters, "noise": levels, "ambiguous": pairs}
    print(write_result(args.name, payload))


def level(tesseract: Tesseract, shown: list[Page], sigma: float, args: argparse.Namespace) -> dict[str, Any]:
    """Return the character error rates at one level of noise, by what was read, and the calibration of the words."""
    stack = noisy_pages(shown, sigma)
    images = kept(args.keep, f"bm3d_{sigma:g}", lambda: by_bm3d(stack, sigma))
    model = f"{args.method}_{sigma:g}"
    images |= kept(args.keep, model, lambda: by_model(trained(args, sigma, stack), stack, args.samples))
    images["noisy"] = stack
    found = [page_readings(tesseract, images, page, number, args, model) for number, page in enumerate(shown)]
    pages = [texts for texts, _, _ in found]
    wrong = {name: [distance(flat(page.text), flat(read[name])) for page, read in zip(shown, pages, strict=True)]
             for name in pages[0]}  # fmt: skip
    characters = sum(len(flat(page.text)) for page in shown)
    rates = {name: {"error_rate": sum(each) / characters, "wrong": each} for name, each in wrong.items()}
    said = {"words": [words for _, words, _ in found], "readings": [readings for _, _, readings in found]}
    return {"read from": rates, "calibration": {kind: calibration(answers) for kind, answers in said.items()}}


def page_readings(
    tesseract: Tesseract, images: Arrays, page: Page, number: int, args: argparse.Namespace, model: str
) -> tuple[dict[str, str], Answers, Answers]:
    """Return what is read of one page, by what it is read from, and which words and readings of the consensus hold."""
    words = kept_words(args.keep, f"words_{model}_{number}", lambda: words_of(tesseract, images, number, args.samples))
    words |= kept_words(args.keep, f"apart_{model}_{number}", lambda: apart_of(tesseract, images, number, args.samples))
    texts = {kind: plain_text(words[kind][0]) for kind in ("noisy", "bm3d", "mean", "map")}
    groups = {spread: words[f"samples, spread {spread:g}"] for spread in (1.0, *SPREADS)}
    texts["one sample"] = plain_text(groups[1.0][0])
    for spread, group in groups.items():
        texts[f"samples, spread {spread:g}"] = text_of(voted(group))
    texts["mean, four scales"] = text_of(voted(words["mean, four scales"]))
    texts["samples, all spreads"] = text_of(voted([each for group in groups.values() for each in group]))
    near = [each for spread in SPREADS for each in groups[spread]]
    places = voted(near, [*groups[1.0], *words["samples, another scale"]])
    texts["consensus"] = text_of(places)
    return texts, of_words(places, page), of_readings(places, page)


def words_of(tesseract: Tesseract, images: Arrays, number: int, num_samples: int) -> dict[str, Words]:
    """Read everything of one page; most probable image and samples are shown as the mean is."""
    pages = {kind: images[kind][number] for kind in ("noisy", "bm3d", "mean", "map")}
    looks = {kind: tesseract.settled(pages[kind], looked_at(pages[kind])) for kind in ("noisy", "bm3d", "mean")}
    found = {kind: tesseract.read([page], looks.get(kind, looks["mean"])) for kind, page in pages.items()}
    look, samples = looks["mean"], list(images["samples"][number][:num_samples])
    for spread in (1.0, *SPREADS):
        found[f"samples, spread {spread:g}"] = tesseract.read(nearer(pages["mean"], samples, [spread]), look)
    scaled = [Look(look.ink, look.low, look.high, scale) for scale in SCALES]
    found["mean, four scales"] = [tesseract.read([pages["mean"]], each)[0] for each in scaled]
    return found


def apart_of(tesseract: Tesseract, images: Arrays, number: int, num_samples: int) -> dict[str, Words]:
    """Read the samples of one page as they are, at the scale beside the usual one."""
    mean, samples = images["mean"][number], list(images["samples"][number][:num_samples])
    look = tesseract.settled(mean, looked_at(mean)).beside(mean.shape)
    return {"samples, another scale": tesseract.read(samples, look)}


def kept_words(folder: Path | None, name: str, make: Any) -> dict[str, Words]:
    """Return words from their file in a folder, or read them and keep them there; None keeps nothing."""
    file = None if folder is None else folder / f"{name}.json"
    if file is not None and file.exists():
        stored = json.loads(file.read_text(encoding="utf-8"))
        return {kind: [[Word(**{**each, "box": tuple(each["box"])}) for each in page] for page in pages]
                for kind, pages in stored.items()}  # fmt: skip
    found: dict[str, Words] = make()
    if file is not None:
        plain = {kind: [[asdict(each) for each in page] for page in pages] for kind, pages in found.items()}
        file.write_text(json.dumps(plain), encoding="utf-8")
    return found


def kept_pairs(folder: Path | None, tesseract: Tesseract) -> dict[str, Any]:
    """Return what is read of ambiguous words, from its file in a folder or anew."""
    file = None if folder is None else folder / "ambiguous.json"
    if file is not None and file.exists():
        stored: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return stored
    found = all_ambiguous(tesseract)
    if file is not None:
        file.write_text(json.dumps(found), encoding="utf-8")
    return found


def text_of(places: Sequence[ReadPlace]) -> str:
    return " ".join(place.text for place in places if place.text)


def flat(text: str) -> str:
    """Return a text in one line."""
    return " ".join(text.split())


def show(levels: dict[str, dict[str, Any]], pairs: dict[str, Any]) -> None:
    table = Table(title="character error rate", title_justify="left")
    for name in ("read from", *(f"sd {sigma}" for sigma in levels)):
        table.add_column(name, justify="right")
    for name in next(iter(levels.values()))["read from"]:
        table.add_row(name, *(f"{level['read from'][name]['error_rate']:.2%}" for level in levels.values()))
    for kind in ("words", "readings"):
        said = [level["calibration"][kind] for level in levels.values()]
        table.add_row(f"probabilities of {kind} are off by", *(f"{each['error']:.3f}" for each in said))
    Console().print(table)
    for each in [pairs["chosen on"], *pairs["fresh"]] if pairs else []:
        Console().print(f"ambiguous words whose readings hold both: {each['both']} of {each['words']}")


if __name__ == "__main__":
    main()
