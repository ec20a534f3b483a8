"""Exploring what a generative method has learnt: images from the prior, interpolation, levels, and new noise."""

from quietscope.explore.generate import Generation, generate, generate_into
from quietscope.explore.interpolate import interpolate
from quietscope.explore.levels import Levels, levels
from quietscope.explore.renoise import renoise

__all__ = [
    "Generation",
    "Levels",
    "generate",
    "generate_into",
    "interpolate",
    "levels",
    "renoise",
]
