"""The report of a run, put together of its parts."""

import re
from collections.abc import Sequence

from quietscope.report.sheet.appearance import SCRIPT, STYLE
from quietscope.report.sheet.markup import paragraph, text
from quietscope.report.sheet.measured_parts import noise, quality, settings, training, unexplained, verdict
from quietscope.report.sheet.paper import methods
from quietscope.report.sheet.pictured import before_and_after, judged, samples
from quietscope.report.sheet.reviewers import checklist
from quietscope.report.sheet.run_record import RunRecord
from quietscope.report.sheet.segmented_part import segmentations

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'"
"""What a browser lets the page do: nothing but show itself."""

GENERATOR = '<meta name="generator" content="QuietScope">'
"""What tells such a report from other files."""

_PARTS = (
    verdict,
    before_and_after,
    samples,
    judged,
    unexplained,
    quality,
    segmentations,
    noise,
    training,
    methods,
    checklist,
    settings,
)
_HEADING = re.compile(r'<h2 id="([^"]*)">(.*?)</h2>')


def page_of(record: RunRecord) -> str:
    """Return the report as HTML that needs no other file.

    Args:
        record: What the run has to tell.

    Returns:
        The text of the file.
    """
    sections = [found for part in _PARTS if (found := part(record))]
    about = f"{record.method}, preset {record.preset}; {said_when(record.created)}"
    return page_with(f"QuietScope: {_subject(record)}", about, sections)


def said_when(created: str) -> str:
    """Return a time in UTC, ISO 8601, as a reader has it."""
    return created.replace("T", ", ").replace("+00:00", " UTC")


def page_with(title: str, about: str, sections: Sequence[str]) -> str:
    """Return sections as HTML that needs no other file.

    Args:
        title: What it is a report of, plain words.
        about: A line below that, plain words.
        sections: The sections, HTML, as `quietscope.report.sheet.markup.section` makes them.

    Returns:
        The text of the file.
    """
    headings = [_HEADING.search(each) for each in sections]
    entries = "".join(f'<li><a href="#{found[1]}">{found[2]}</a></li>' for found in headings if found)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{text(POLICY)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
{GENERATOR}
<meta name="referrer" content="no-referrer">
<title>{text(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<header>
<h1>{text(title)}</h1>
{paragraph(about)}
</header>
<nav aria-label="Sections"><ul>{entries}</ul></nav>
<main>
{"".join(sections)}
</main>
<script>{SCRIPT}</script>
</body>
</html>
"""


def _subject(record: RunRecord) -> str:
    """Return what the report is of."""
    names = [image.name for image in record.images] or list(record.learnt_from)
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    found = f"{names[0]}{more}" if names else ""
    if record.images:
        return found
    return f"a model trained on {found}" if found else "a trained model"
