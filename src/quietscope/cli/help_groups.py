"""The headings that options stand below in ``--help``: what everybody needs first."""

from cyclopts import Group

BASIC = Group("Basic", sort_key=1)
NOISE = Group("Noise", sort_key=2)
TRAINING = Group("Training", sort_key=3)
PREDICTION = Group("Prediction", sort_key=4)
OUTPUT = Group("Output", sort_key=5)
IMAGES = Group("Which images, and which part of them", sort_key=6)
PROCESSES = Group("One image in many processes", sort_key=7)
