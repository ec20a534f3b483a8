"""Regions that noise does not explain, from the verbs: evaluate lists them, denoise and predict count and keep them."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from quietscope.io import write_image
from tests.cli.command_line import Quietscope


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean image, a noisy one, and a result with a spot that neither has."""
    place, rng = tmp_path_factory.mktemp("made_up"), np.random.default_rng(0)
    y, x = np.indices((96, 96))
    clean = 200.0 + 100.0 * np.sin(x / 9.0) * np.cos(y / 8.0)
    result = clean + np.where((y - 60) ** 2 + (x - 30) ** 2 <= 16, 80.0, 0.0)
    for name, pixels in (("clean", clean), ("noisy", rng.poisson(clean)), ("result", result)):
        write_image(place / f"{name}.tif", pixels.astype(np.float32), "YX")
    return place


def test_evaluate_finds_what_was_made_up(quietscope: Quietscope, folder: Path) -> None:
    words = ("evaluate", folder / "result.tif", folder / "clean.tif")
    status, printed, err = quietscope(*words, "--noisy", folder / "noisy.tif")
    assert status == 0, err
    assert "regions that noise does not explain: none" not in printed
    assert "% of the image (" in printed
    assert "too bright" in printed
    assert "does not explain" not in quietscope(*words)[1]
    status, printed, _ = quietscope("evaluate", *[folder / "clean.tif"] * 2, "--noisy", folder / "noisy.tif")
    assert "regions that noise does not explain: none" in printed


def test_denoise_and_predict_count_regions_and_say_where_they_are(
    quietscope: Quietscope, images: Path, model: Path, tmp_path: Path
) -> None:
    status, printed, err = quietscope(
        "denoise", images / "cells.tif", "-o", tmp_path / "out", "--config", images / "tiny.yaml", "--steps", "2",
        "--samples", "2", "--device", "cpu", "--json",
    )  # fmt: skip
    assert status in (0, 3), err
    (found,) = (image["not_noise"] for image in json.loads(printed)["images"])
    with (tmp_path / "out" / "regions.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert found["count"] == len(found["regions"]) == len(rows) > 0  # two steps leave the structure in the residual
    assert {(int(row["y"]), int(row["x"]), row["kind"]) for row in rows} == {
        (each["y"], each["x"], each["kind"]) for each in found["regions"]
    }
    assert all(row["plane"].startswith("T=") for row in rows)
    words = ("predict", model, images / "cells.tif", "-o", tmp_path / "a.npy", "--samples", "2", "--device", "cpu")
    status, printed, err = quietscope(*words)
    assert status in (0, 3), err
    assert "regions that noise does not explain: " in printed
    assert "regions that noise does not explain: none" not in printed
