"""Compression: smaller and faster models whose loss in dB stays below a limit."""

from quietscope.compression.report import CompressionReport, Row
from quietscope.compression.steps import Compression, compress, is_compressed

__all__ = ["Compression", "CompressionReport", "Row", "compress", "is_compressed"]
