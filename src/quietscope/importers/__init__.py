"""Checkpoints that other programs wrote, as models of QuietScope: one file for each program, see `import_model`."""

from quietscope.importers.import_model import import_model

__all__ = ["import_model"]
