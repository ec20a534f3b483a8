"""How good an image is, with the truth at hand and without."""

from quietscope.metrics.autocorrelation import autocorrelation
from quietscope.metrics.psnr import affine_fit, psnr, psnr_affine
from quietscope.metrics.score import METRICS, Score, evaluate
from quietscope.metrics.ssim import ssim

__all__ = [
    "METRICS",
    "Score",
    "affine_fit",
    "autocorrelation",
    "evaluate",
    "psnr",
    "psnr_affine",
    "ssim",
]
