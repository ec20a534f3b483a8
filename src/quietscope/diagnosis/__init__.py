"""Which kind of noise is in an image, and which denoising method suits it."""

from quietscope.diagnosis.advice import Advice, deterministic_levels
from quietscope.diagnosis.channel import Diagnosis, diagnose
from quietscope.diagnosis.words import notes, processing, reason, verdict

__all__ = ["Advice", "Diagnosis", "deterministic_levels", "diagnose", "notes", "processing", "reason", "verdict"]
