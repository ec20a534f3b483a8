"""The part of the report that tells which objects `quietscope segment` has found in the folder of the run."""

from quietscope.consensus.counting import DOUBTFUL, SURE
from quietscope.report.sheet.markup import figure, folded, paragraph, section, table, text
from quietscope.report.sheet.run_record import RunRecord, SegmentedImage

COUNT_HEADS = ("frame", "objects", "interval", f"sure (p > {SURE})", f"doubtful (p < {DOUBTFUL})")

_WORDS = (
    "Objects by the consensus of posterior samples, each with the probability that it exists; counts have intervals. "
    "Outlines are green where an object is sure, and red where it is in doubt. More stands in segmentation.html and "
    "objects.csv of each folder."
)


def segmentations(record: RunRecord) -> str:
    """Return what was segmented: counts, and the outlines of the first image, those of others folded away."""
    each = "".join(_of(image, is_first=not number) for number, image in enumerate(record.segmentations))
    return section("objects", "Objects", paragraph(_WORDS) if each else "", each)


def _of(image: SegmentedImage, *, is_first: bool) -> str:
    counts = table(COUNT_HEADS, image.counts, f"objects of {image.name}")
    if image.overlay is None:
        return f"<h3>{text(image.name)}</h3>{counts}"
    alt = f"outlines of the objects of {image.name} on the mean of the samples"
    drawn = f'<div class="figures whole">{figure(image.overlay, image.name, alt, levels=False)}</div>'
    return f"<h3>{text(image.name)}</h3>{counts}{drawn if is_first else folded(f'outlines of {image.name}', drawn)}"
