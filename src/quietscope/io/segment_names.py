"""What the results of a segmentation are called."""

LABELS, AGREEMENT, PROBABILITY, OBJECTS, COUNTS, OVERLAY, ZARR = (
    "labels.tif",
    "agreement.tif",
    "probability.tif",
    "objects.csv",
    "counts.csv",
    "overlay.png",
    "labels.ome.zarr",
)
COMPARISON = "comparison.html"
"""What tells whether two groups of images differ."""
ALWAYS = (LABELS, AGREEMENT, PROBABILITY, OBJECTS, COUNTS, OVERLAY)
TABLES = frozenset({OBJECTS, COUNTS})
PICTURES = frozenset({LABELS, AGREEMENT, PROBABILITY, OVERLAY, ZARR})
SEGMENTATION = "segmentation.html"
"""What the command line leaves beside them, not in the way of the report of a run."""
