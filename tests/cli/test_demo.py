"""``quietscope demo``: the sample of the package, denoised and compared."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quietscope import read_image, sample_path
from tests.cli.command_line import Quietscope, refused


def test_it_denoises_the_sample_and_compares_it(quietscope: Quietscope, images: Path, tmp_path: Path) -> None:
    out = tmp_path / "demo"
    words = ("--config", images / "tiny.yaml", "--steps", "2", "--samples", "2", "--device", "cpu")
    status, printed, err = quietscope("demo", "-o", out, *words)
    assert status == 3, err  # of two steps nothing can be expected, and it is said; the files are there all the same
    for word in ("failed: give --", "PSNR", "SSIM", "2 steps", "Confocal_FISH_noisy", "4 x 512 x 512"):
        assert word in printed
    written = {"Confocal_FISH_noisy_denoised.ome.tif", "Confocal_FISH_noisy_std.ome.tif"}
    beside = {"config.yaml", "model.safetensors", "overview.png", "regions.csv", "report.html", "report.json"}
    assert {path.name for path in out.iterdir()} == written | beside
    sample, found = (read_image(path) for path in (sample_path("confocal_fish_noisy"), out / min(written)))
    assert found.shape == sample.shape
    assert bool(np.isfinite(np.asarray(found)).all())
    refused(quietscope("demo", "-o", out, *words), "--overwrite")


@pytest.mark.parametrize(
    ("words", "expected"),
    [((), (None, None)), (("--steps", "7"), (None, 7)), (("--budget", "1m"), ("1m", None))],
)
def test_it_denoises_as_denoise_does_where_nothing_else_is_said(
    quietscope: Quietscope,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    expected: tuple[str | None, int | None],
) -> None:
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr("quietscope.cli.verbs.demo.denoise", lambda _paths, **options: asked.append(options))
    assert quietscope("demo", "-o", tmp_path / "demo", *words)[0] == 0
    [options] = asked
    assert (options["training"].budget, options["training"].steps) == expected
    assert options["clean"] == [sample_path("confocal_fish_clean")]
