"""Smaller and faster models that lose no more than they are allowed to."""

from quietscope.compression.report import CompressionReport, Row
from quietscope.compression.steps import Compression, compress, is_compressed

__all__ = ["Compression", "CompressionReport", "Row", "compress", "is_compressed"]
