"""What a model has learnt from, and how far, goes with it into exported files, and counts there as in its own."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quietscope import Denoiser, Deployed, Image, Note, Request, plan_predict, run
from quietscope.data.likeness import Seen
from quietscope.deploy.card import Card, History
from quietscope.errors import ModelFileError, PixelError
from quietscope.export import export_model
from quietscope.methods.noise2void import Noise2Void
from quietscope.metrics.verdict import Effort
from quietscope.pipeline.events import Event
from tests.exported import GetExported
from tests.tiny import denoiser

FEW = Request(num_samples=2)
SEEN = Seen(dtype="uint16", low=80.0, middle=140.0, high=240.0, noise=40.0)
TRAINING = {"steps": 40.0, "training_seconds": 80.0, "fall_of_the_loss_at_the_end": 0.2}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A model that saw intensities of 80 to 240, and was trained too briefly; the same exported."""
    folder = tmp_path_factory.mktemp("history")
    model = denoiser(Noise2Void, card={"seen": (SEEN,), "training": TRAINING, "axes": "YX"})
    model.save(folder / "model.safetensors")
    export_model(model, folder / "model.onnx", check=False)
    return folder / "model.safetensors", folder / "model.onnx"


def image(scale: float = 1.0, offset: float = 0.0) -> Image:
    rng = np.random.default_rng(0)
    pixels = rng.uniform(90.0, 230.0, (64, 64)) + rng.normal(0.0, 10.0, (64, 64))
    return Image((pixels * scale + offset).astype(np.uint16), "YX")


def test_an_exported_model_knows_what_the_model_knows(files: tuple[Path, Path]) -> None:
    own, exported = Denoiser.load(files[0], device="cpu").history, Deployed.load(files[1]).history
    assert own == exported
    assert own.seen == (SEEN,)
    assert own.effort == Effort(steps=40, needed=own.effort.needed if own.effort else 0, seconds=80.0, falling=0.2)


@pytest.mark.parametrize("number", [0, 1], ids=["model.safetensors", "model.onnx"])
def test_a_foreign_image_is_refused_and_a_brief_training_told(
    files: tuple[Path, Path], tmp_path: Path, number: int
) -> None:
    foreign, target = image(60.0, 9000.0), tmp_path / "f.tif"
    with pytest.raises(PixelError, match=r"learnt from.*insist=True"):
        run(plan_predict(files[number], foreign, target, device="cpu", request=FEW))
    assert not target.exists()
    told: list[Event] = []
    run(plan_predict(files[number], foreign, target, device="cpu", request=FEW, insist=True), told.append)
    assert any("intensities of 80 to 240" in event.text for event in told if isinstance(event, Note))
    told.clear()
    outcome = run(plan_predict(files[number], image(), tmp_path / "b.tif", device="cpu", request=FEW), told.append)
    assert not [event for event in told if isinstance(event, Note)]
    assert "train again with `budget=" in outcome.verdict.advice
    assert any("40 steps of about" in reason for reason in outcome.verdict.reasons)


def test_a_card_of_an_earlier_version_has_no_history(exported: GetExported, tmp_path: Path) -> None:
    card = Deployed.load(exported("hdn").path).session.card
    values = json.loads(card.to_json())
    del values["history"]
    assert Card.from_json(json.dumps(values), tmp_path).history == History()
    cases: tuple[dict[str, Any], ...] = (
        {"seen": [{"low": "x"}]},
        {"seen": 3},
        {"effort": {"steps": -1}},
        {"seen": [{}]},
    )
    for broken in cases:
        with pytest.raises(ModelFileError, match="does not make sense"):
            Card.from_json(json.dumps({**values, "history": broken}), tmp_path)


def test_what_is_unknown_is_left_out_of_files() -> None:
    seen = Seen(low=1.0, middle=2.0, high=3.0)
    assert json.loads(json.dumps(seen.values(), allow_nan=False)) == {"dtype": "", "low": 1, "middle": 2, "high": 3}
    earlier = {**seen.values(), "noise": None, "pixel_size_um": None}
    assert repr(Seen.of_values(earlier)) == repr(seen)
