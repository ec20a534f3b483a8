"""Compression from end to end, as a library: what is judged, what is written, what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quietscope import Denoiser
from quietscope.compression import Compression, compress, is_compressed
from quietscope.deploy.formats import open_session, read_card
from quietscope.errors import BudgetError, ChannelError, CompressionError, OutputError, SizeError
from tests.compression.little import judge_little
from tests.compression.networks import build

LENIENT: dict[str, Any] = {"max_loss_db": 90.0, "steps": 2}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    judge_little(monkeypatch)


def test_pruned_for_pytorch(planes: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    full = build("hdn")
    folder = tmp_path / "small"
    chosen = Compression(share=0.5, backend="torch", **LENIENT)
    report = compress(full, planes, folder, chosen, axes="QYX")
    assert "training 100%: step 2" in capsys.readouterr().err
    assert [path.name for path in sorted(folder.iterdir())] == ["model.safetensors", "report.json"]
    assert is_compressed(folder)
    again = Denoiser.load(folder / "model.safetensors", device="cpu")
    assert again.card.pruned_share == 0.5
    assert again.denoise(planes[0], axes="YX", num_samples=2).mean.shape == (48, 48)
    assert [row.name for row in report.rows] == ["full", "full", "pruned"]
    assert report.rows[2].parameters < 0.4 * report.rows[0].parameters
    assert report.rows[2].bytes == sum(path.stat().st_size for path in folder.glob("model*"))
    assert report.rows[2].deviation_change is not None
    assert report.trial == "rehearsal"
    assert report.steps == 2
    assert json.loads((folder / "report.json").read_text())["costs"].keys() == {"pruning"}
    assert full.card.pruned_share == 0.0


def test_pruned_and_int8_for_openvino_judged_by_a_clean_reference(planes: np.ndarray, tmp_path: Path) -> None:
    clean = planes.astype(np.float32)
    folder = tmp_path / "small"
    chosen = Compression(share=0.5, int8=True, **LENIENT)
    report = compress(build("noise2void"), planes, folder, chosen, clean=clean, axes="QYX")
    assert {path.name for path in folder.iterdir()} == {"model.xml", "model.bin", "report.json"}
    assert [row.name for row in report.rows][:3] == ["full", "full", "pruned"]
    assert report.rows[-1].runs_in == "OpenVINO int8"
    assert report.trial == "clean"
    assert list(report.costs) == ["pruning", "conversion", "int8"]
    assert sum(report.costs.values()) == pytest.approx(report.rows[-1].loss)
    card = read_card(folder / "model.xml")
    assert card.compression == ("50% of the channels pruned", "int8")
    assert card.precision == "float32"
    session = open_session(folder)
    x = planes[None, :1].astype(np.float32)
    assert session.run(x)["denoised"].shape == (1, 1, 48, 48)
    with pytest.raises(OutputError, match="overwrite=True"):
        compress(build("noise2void"), planes, folder, chosen, axes="QYX")


def test_what_loses_too_much_is_not_written(planes: np.ndarray, tmp_path: Path) -> None:
    chosen = Compression(share=0.5, backend="torch", steps=1, max_loss_db=0.0)
    with pytest.raises(CompressionError, match=r"at most 0 dB lost.*pruning cost \d"):
        compress(build("divnoising"), planes, tmp_path / "small", chosen, axes="QYX")
    assert not list(tmp_path.iterdir())


def test_images_that_do_not_fit_are_refused_before_any_work(planes: np.ndarray, tmp_path: Path) -> None:
    chosen = Compression(share=0.5, backend="torch", **LENIENT)
    two = np.stack([planes, planes], axis=1)
    with pytest.raises(ChannelError, match="1 channel"):
        compress(build("noise2void"), two, tmp_path / "small", chosen, axes="QCYX")
    with pytest.raises(SizeError, match="clean references"):
        compress(build("noise2void"), planes, tmp_path / "small", chosen, clean=planes[:3], axes="QYX")
    (tmp_path / "mine").mkdir()
    with pytest.raises(OutputError, match="another kind"):
        compress(build("noise2void"), planes, tmp_path / "mine", chosen, axes="QYX", overwrite=True)
    assert not (tmp_path / "small").exists()


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"share": 1.5}, CompressionError, "share=0.5"),
        ({"max_loss_db": -1.0}, CompressionError, "max_loss_db=0.1"),
        ({"max_loss_db": float("nan")}, CompressionError, "max_loss_db=0.1"),
        ({"backend": "tflite"}, CompressionError, 'backend="openvino"'),
        ({"backend": "torch"}, CompressionError, "share=0.5"),
        ({"share": 0.5, "budget": "soon"}, BudgetError, 'budget="10m"'),
    ],
)
def test_settings_out_of_range(
    settings: dict[str, Any],
    error: type[BudgetError] | type[CompressionError],
    words: str,
) -> None:
    with pytest.raises(error) as caught:
        Compression(**settings)
    assert words in str(caught.value)
