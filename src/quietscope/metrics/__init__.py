"""The quality of an image, measured with and without a clean reference.

A new metric against a clean reference is one file that defines a `Metric`, and one word in `quietscope.metrics.score`.
"""

from quietscope.metrics.autocorrelation import autocorrelation
from quietscope.metrics.coverage import (
    LEVELS,
    MIN_SAMPLES,
    Calibration,
    Exposure,
    calibration_of_moments,
    calibration_of_samples,
    coverage,
    percent,
    spread_factor,
)
from quietscope.metrics.frc import RingCorrelation, ring_correlation
from quietscope.metrics.metric import Metric
from quietscope.metrics.psnr import affine_fit, psnr, psnr_affine
from quietscope.metrics.score import METRICS, Score, evaluate, evaluate_pairs
from quietscope.metrics.ssim import ssim
from quietscope.metrics.stripes import stripe_correlation, stripe_power, stripes_left

__all__ = [
    "LEVELS",
    "METRICS",
    "MIN_SAMPLES",
    "Calibration",
    "Exposure",
    "Metric",
    "RingCorrelation",
    "Score",
    "affine_fit",
    "autocorrelation",
    "calibration_of_moments",
    "calibration_of_samples",
    "coverage",
    "evaluate",
    "evaluate_pairs",
    "percent",
    "psnr",
    "psnr_affine",
    "ring_correlation",
    "spread_factor",
    "ssim",
    "stripe_correlation",
    "stripe_power",
    "stripes_left",
]
