"""``quietscope read``: the text on noisy pages, read from many samples of them."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from rich.table import Table

from quietscope.cli.analysed_images import open_sampler
from quietscope.cli.analysis_options import SamplingModel
from quietscope.cli.drawing_time import DrawingTime
from quietscope.cli.help_groups import OUTPUT, PREDICTION
from quietscope.cli.options import Axes, Flag, Group, Mask, Output, Series, read_measured
from quietscope.cli.part_options import NO_PART, PartOptions
from quietscope.cli.screen import Screen
from quietscope.errors import OutputError
from quietscope.io.atomic import atomic_path, check_target
from quietscope.outside.shown import shown

if TYPE_CHECKING:
    from quietscope.consensus.reading_record import ReadText

MOST_SHOWN = 12
"""Words that are listed on the screen with their readings; the file has all."""


def read(
    model: SamplingModel,
    image: Annotated[Path, Parameter(help="Noisy image; every frame or plane of it is a page.")],
    /,
    *,
    output: Annotated[Path, Output, Parameter(help="What was read, .json; or the text alone, .txt.")],
    samples: Annotated[int, Parameter(help="Posterior samples that are read, 2 or more.")] = 30,
    language: Annotated[str, Parameter(help="As tesseract names it, e.g. eng, or eng+deu.")] = "eng",
    layout: Annotated[
        Literal["block", "line", "word"], Parameter(help="What a page is: a block of lines, one line, or one word.")
    ] = "block",
    ink: Annotated[
        Literal["dark", "light"] | None, Parameter(help="Whether letters are dark or light. Default: told by the page.")
    ] = None,
    scale: Annotated[
        int | None,
        Parameter(help="Enlarge pages 1 to 8 times before they are read. Default: what reads best of 1 to 4."),
    ] = None,
    seed: Annotated[int, Parameter(group=PREDICTION), Parameter(help="Seed of the samples.")] = 0,
    tile: Annotated[
        int | None,
        Parameter(group=PREDICTION),
        Parameter(help="Side of a tile in pixels. Default: as large as memory allows."),
    ] = None,
    axes: Axes = None,
    series: Series = None,
    mask: Mask = None,
    part: Annotated[PartOptions, Group] = NO_PART,
    device: Annotated[str | None, Parameter(help="cpu or cuda. Default: cuda where there is one.")] = None,
    overwrite: Annotated[bool, Parameter(group=OUTPUT), Flag, Parameter(help="Replace a result that exists.")] = False,
) -> None:
    """Read the text on noisy pages with tesseract, from many samples of them.

    Every sample is read twice, nearer to their mean than it is, and the readings vote word by word; samples as they are
    are read twice more, for other ways to read a word. What is written has
    every word with its box, the ways to read it with their probabilities, and what they agree on; beside that what is
    read of the mean and of the most probable image. Tesseract and pytesseract have to be installed.
    """
    from quietscope.consensus.reading import ReadingOptions, read_text
    from quietscope.consensus.reading_tesseract import find_tesseract

    screen = Screen()
    if output.suffix.lower() not in (".json", ".txt"):
        raise OutputError("a name that ends in .json or .txt", str(output), f"write to {output.with_suffix('.json')}")
    check_target(output, overwrite)
    options = ReadingOptions(
        num_samples=samples, seed=seed, language=language, layout=layout, ink=ink, scale=scale, tile=tile
    )
    find_tesseract(language, layout)
    denoiser = open_sampler(model, samples, device)
    (opened,) = read_measured([image], axes, series, mask, screen.note, part=part.part)
    with DrawingTime(screen, samples, share=0.5).shown(f"reading {image.name}") as progress:
        found = read_text(denoiser, opened, options, progress=progress)
    with atomic_path(output, overwrite=overwrite) as temporary:
        text = json.dumps(found.as_dict(), ensure_ascii=False, indent=2)
        temporary.write_text((text if output.suffix.lower() == ".json" else found.text) + "\n", encoding="utf-8")
    _tell(found, screen)
    screen.show(f"text: {output}")


def _tell(found: "ReadText", screen: Screen) -> None:
    """Print the text, and the words that are least certain with the ways to read them."""
    for page in found.pages:
        for line in page.text.splitlines() or ["(nothing)"]:
            screen.show(shown(line))
        screen.show()
    doubtful = [(page.number, place) for page in found.pages for place in page.places if len(place.readings) > 1]
    if not doubtful:
        return
    doubtful.sort(key=lambda each: each[1].probability)
    table = Table(title="least certain words", title_justify="left", title_style="bold")
    for name in ("page", "line", "text", "readings"):
        table.add_column(name, overflow="fold")
    for page_number, place in doubtful[:MOST_SHOWN]:
        ways = ", ".join(f"{each.text or '(nothing)'} {each.probability:.0%}" for each in place.readings[:4])
        table.add_row(str(page_number), str(place.line), shown(place.text) or "(nothing)", shown(ways))
    screen.show(table)
