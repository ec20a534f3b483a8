"""The table says what happened."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from quietscope.metrics import Score
from quietscope.report import Denoised, Summary, summary_table
from quietscope.report.table import duration


def test_the_table_names_files_noise_time_and_gain() -> None:
    before = Score(num_images=1, means={"psnr": 22.5, "ssim": 0.3})
    after = Score(num_images=1, means={"psnr": 30.25, "ssim": 0.85})
    image = Denoised(
        source=Path("a.tif"), what="2 x 8 x 8", files={"denoised": Path("b.tif")}, seconds=3, before=before, after=after
    )
    summary = Summary(
        method="hdn", noise=["Gaussian: sigma 3"], steps=7, training_seconds=65, num_samples=5, images=[image]
    )
    text = io.StringIO()
    Console(file=text, width=100).print(summary_table(summary))
    for words in ("a.tif", "b.tif", "sigma 3", "7 steps in 1 min 5 s", "5 samples", "+7.75 dB", "0.300 -> 0.850"):
        assert words in text.getvalue()


@pytest.mark.parametrize(
    ("seconds", "words"), [(4.21, "4.2 s"), (59.99, "60.0 s"), (245, "4 min 5 s"), (3720, "1 h 2 min")]
)
def test_duration(seconds: float, words: str) -> None:
    assert duration(seconds) == words
