"""Compression: smaller and faster models whose loss in dB stays below a limit."""

from quietscope.compression.opinion_trial import SecondOpinion
from quietscope.compression.report import CompressionReport, Row
from quietscope.compression.steps import Compression, compress, is_compressed

__all__ = ["Compression", "CompressionReport", "Row", "SecondOpinion", "compress", "is_compressed"]
