"""Which kind of noise is in an image, and which method suits it."""

from quietscope.diagnosis.advice import Advice, deterministic_levels
from quietscope.diagnosis.diagnosis import Diagnosis, diagnose

__all__ = ["Advice", "Diagnosis", "deterministic_levels", "diagnose"]
