"""What samples are for: any analysis over all of them, with how sure its result is."""

from quietscope.consensus.analysis import MeasuredTable, over_samples
from quietscope.consensus.instances import Consensus, consensus_labels
from quietscope.consensus.reading import ReadingOptions, read_text
from quietscope.consensus.segmenting import Segmented, segment
from quietscope.consensus.spread import Interval

__all__ = [
    "Consensus",
    "Interval",
    "MeasuredTable",
    "ReadingOptions",
    "Segmented",
    "consensus_labels",
    "over_samples",
    "read_text",
    "segment",
]
