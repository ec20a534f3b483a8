"""Text on noisy pages, read from the noisy page, BM3D, a model's mean and most probable image, and all its samples.

``python benchmarks/reading.py --keep FOLDER`` renders 20 pages of random words (`pages.py`), adds noise of three
standard deviations, and has tesseract read each; the character error rate is the number of characters to be changed,
put in or taken out, over those of the text, lines joined by spaces. The scale of every image is settled by the same
rule. BM3D is told the noise, as the model is. Controls: one sample alone, the votes of samples at one distance from the
mean alone and at all of them, samples as they are (spread 1) among these, and that of the mean at four scales, which is
a vote without samples. The two spreads of the consensus were chosen on these pages.

Ambiguous words (`ambiguous.py`): twelve pairs that differ in one letter are mixed, so that nothing tells which of the
two it is; the readings of a word should hold both.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ambiguous import ambiguous_words
from environment import write_result
from pages import Page
from quietscope.consensus.reading import SPREADS, nearer
from quietscope.consensus.reading_record import ReadPlace, plain_text, voted
from quietscope.consensus.reading_tesseract import SCALES, Look, Tesseract, find_tesseract, looked_at
from quietscope.consensus.reading_words import Word, distance
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
    pairs = kept_pairs(args.keep, tesseract)
    show(levels, pairs)
    about = {"method": args.method, "pages": args.pages, "samples": args.samples, "spreads": list(SPREADS)}
    characters = sum(len(flat(page.text)) for page in shown)
    payload = {**about, "tesseract": tesseract.version, "characters": characters, "noise": levels, "ambiguous": pairs}
    print(write_result(args.name, payload))


def level(tesseract: Tesseract, shown: list[Page], sigma: float, args: argparse.Namespace) -> dict[str, Any]:
    """Return the character error rates at one level of noise, by what was read, and how many characters were wrong."""
    stack = noisy_pages(shown, sigma)
    images = kept(args.keep, f"bm3d_{sigma:g}", lambda: by_bm3d(stack, sigma))
    model = f"{args.method}_{sigma:g}"
    images |= kept(args.keep, model, lambda: by_model(trained(args, sigma, stack), stack, args.samples))
    images["noisy"] = stack
    pages = [page_readings(tesseract, images, number, args, f"words_{model}") for number in range(len(shown))]
    wrong = {name: [distance(flat(page.text), flat(read[name])) for page, read in zip(shown, pages, strict=True)]
             for name in pages[0]}  # fmt: skip
    characters = sum(len(flat(page.text)) for page in shown)
    return {name: {"error_rate": sum(each) / characters, "wrong": each} for name, each in wrong.items()}


def page_readings(
    tesseract: Tesseract, images: Arrays, number: int, args: argparse.Namespace, name: str
) -> dict[str, str]:
    """Return what is read of one page, by what it is read from."""
    words = kept_words(args.keep, f"{name}_{number}", lambda: words_of(tesseract, images, number, args.samples))
    texts = {kind: plain_text(words[kind][0]) for kind in ("noisy", "bm3d", "mean", "map")}
    groups = {spread: words[f"samples, spread {spread:g}"] for spread in (1.0, *SPREADS)}
    texts["one sample"] = plain_text(groups[1.0][0])
    for spread, group in groups.items():
        texts[f"samples, spread {spread:g}"] = text_of(voted(group))
    texts["mean, four scales"] = text_of(voted(words["mean, four scales"]))
    texts["samples, all spreads"] = text_of(voted([each for group in groups.values() for each in group]))
    texts["consensus"] = text_of(voted([each for spread in SPREADS for each in groups[spread]]))
    return texts


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
    found = ambiguous_words(tesseract)
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
    for name in next(iter(levels.values())):
        table.add_row(name, *(f"{level[name]['error_rate']:.2%}" for level in levels.values()))
    Console().print(table)
    Console().print(f"ambiguous words whose readings hold both: {pairs['both']} of {pairs['words']}")


if __name__ == "__main__":
    main()
