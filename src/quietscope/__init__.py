"""QuietScope removes noise from microscopy images without clean training data, and says how sure it is."""

__version__ = "0.1.0"
