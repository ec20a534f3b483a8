"""Pictures and tables for a person, drawn from data that are passed in; no files are read here."""

from quietscope.report.noise_figure import NoiseFigure, write_noise_figure
from quietscope.report.overview import Overview, write_overview
from quietscope.report.table import Denoised, Summary, psnr_words, summary_table

__all__ = [
    "Denoised",
    "NoiseFigure",
    "Overview",
    "Summary",
    "psnr_words",
    "summary_table",
    "write_noise_figure",
    "write_overview",
]
