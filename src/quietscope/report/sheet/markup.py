"""Pieces of HTML; whatever text comes in is escaped here, and nowhere else."""

import html
from collections.abc import Iterable, Sequence

from quietscope.outside.shown import shown_lines
from quietscope.report.scale_bar import scale_bar
from quietscope.report.sheet.run_record import Picture


def text(words: object) -> str:
    """Return words in which nothing is markup, and nothing moves a cursor."""
    return html.escape(shown_lines(str(words)), quote=True)


def paragraph(words: object, kind: str = "") -> str:
    """Return a paragraph of plain words, of a class where one is named; nothing where there are no words."""
    named = f' class="{kind}"' if kind else ""
    return f"<p{named}>{text(words)}</p>" if words else ""


def section(name: str, title: str, *parts: str) -> str:
    """Return a section under a heading of the second level; none where it has nothing in it."""
    inside = "\n".join(part for part in parts if part)
    heading = f'<h2 id="{name}">{text(title)}</h2>'
    return f'<section aria-labelledby="{name}">\n{heading}\n{inside}\n</section>' if inside else ""


def listed(lines: Iterable[object]) -> str:
    """Return a list of plain words; nothing where there are none."""
    items = "".join(f"<li>{text(line)}</li>" for line in lines)
    return f"<ul>{items}</ul>" if items else ""


def rows(pairs: Iterable[tuple[object, object]], caption: str) -> str:
    """Return a table of names and words; nothing where there are none."""
    inside = "".join(f'<tr><th scope="row">{text(name)}</th><td>{text(words)}</td></tr>' for name, words in pairs)
    return f"{_opened(caption)}<tbody>{inside}</tbody></table></div>" if inside else ""


def table(head: Sequence[object], lines: Iterable[Sequence[object]], caption: str) -> str:
    """Return a table with a line of headings; nothing where there are no other lines."""
    top = "".join(f'<th scope="col">{text(name)}</th>' for name in head)
    inside = "".join(f"<tr>{''.join(f'<td>{text(cell)}</td>' for cell in line)}</tr>" for line in lines)
    whole = f"{_opened(caption)}<thead><tr>{top}</tr></thead><tbody>{inside}</tbody></table></div>"
    return whole if inside else ""


def _opened(caption: str) -> str:
    return f'<div class="wide" tabindex="0" role="group" aria-label="{text(caption)}"><table>' + (
        f"<caption>{text(caption)}</caption>"
    )


def image(picture: Picture, alt: str, pixel_size_um: float | None = None) -> str:
    """Return a picture with the words that stand for it where it is not seen, and a scale bar.

    Args:
        picture: The picture.
        alt: The words.
        pixel_size_um: Micrometres from one column to the next; None where that is not known, and no bar is drawn.
    """
    size = f'width="{picture.width}" height="{picture.height}"'
    return (
        f'<div class="seen"><img src="data:image/png;base64,{picture.png}" {size} alt="{text(alt)}">'
        f"{'' if pixel_size_um is None else _scale(picture.width, pixel_size_um)}</div>"
    )


def _scale(width: int, pixel_size_um: float) -> str:
    bar = scale_bar(width, pixel_size_um)
    words = f'role="img" aria-label="scale bar: {text(bar.words)}"'
    return f'<div class="scale" style="width: {100 * bar.share:.2f}%" {words}><span>{text(bar.words)}</span></div>'


def figure(picture: Picture, title: str, alt: str, pixel_size_um: float | None = None, *, levels: bool = True) -> str:
    """Return a picture above its title and, where wanted, the intensities of its darkest and brightest pixels."""
    scale = f"<br><small>{text(levels_of(picture))}</small>" if levels else ""
    return f"<figure>{image(picture, alt, pixel_size_um)}<figcaption>{text(title)}{scale}</figcaption></figure>"


def levels_of(picture: Picture) -> str:
    """Say which intensities are shown darkest and brightest."""
    return f"{picture.low:.4g} to {picture.high:.4g}, in the units of the file"


def folded(title: str, *parts: str) -> str:
    """Return what is shown when somebody asks for it."""
    inside = "\n".join(part for part in parts if part)
    return f"<details><summary>{text(title)}</summary>\n{inside}\n</details>" if inside else ""
