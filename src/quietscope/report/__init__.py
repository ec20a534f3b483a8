"""What a person looks at after a run: one picture and one table. Data come in; nothing is read from files here."""

from quietscope.report.noise_figure import NoiseFigure, write_noise_figure
from quietscope.report.overview import Overview, write_overview
from quietscope.report.table import Denoised, Summary, score_words, summary_table

__all__ = [
    "Denoised",
    "NoiseFigure",
    "Overview",
    "Summary",
    "score_words",
    "summary_table",
    "write_noise_figure",
    "write_overview",
]
