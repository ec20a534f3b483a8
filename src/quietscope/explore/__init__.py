"""What a generative method has learnt: images from its prior, and ways between two images."""

from quietscope.explore.generate import Generation, generate, generate_into
from quietscope.explore.generative import as_generative
from quietscope.explore.interpolate import interpolate

__all__ = ["Generation", "as_generative", "generate", "generate_into", "interpolate"]
