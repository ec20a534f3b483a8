"""What a generative method has learnt: images from its prior, and ways between two images."""

from quietscope.explore.generate import Generation, generate, generate_into
from quietscope.explore.interpolate import interpolate

__all__ = ["Generation", "generate", "generate_into", "interpolate"]
