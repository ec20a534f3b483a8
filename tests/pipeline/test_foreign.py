"""A model on an image unlike those that it learnt from: refused where the result must be wrong, else told."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from quietscope import DenoisePlan, Denoiser, Image, Note, Request, plan_predict, read_image, run
from quietscope.errors import PixelError
from quietscope.pipeline.events import Event

FEW = Request(num_samples=2)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, plan_of: Callable[..., DenoisePlan]) -> Path:
    folder = tmp_path_factory.mktemp("model") / "out"
    run(plan_of(folder))
    return folder / "model.safetensors"


def test_another_scale_is_refused_unless_one_insists(model: Path, cells: Path, tmp_path: Path) -> None:
    pixels = np.asarray(read_image(cells / "a.tif"))
    foreign = Image((pixels * 60.0 + 9000.0).astype(np.uint16), "TYX")
    target = tmp_path / "f.tif"
    with pytest.raises(PixelError, match=r"learnt from.*insist=True"):
        run(plan_predict(model, foreign, target, device="cpu", request=FEW))
    assert not target.exists()
    told: list[Event] = []
    run(plan_predict(model, foreign, target, device="cpu", request=FEW, insist=True), told.append)
    assert any(isinstance(event, Note) and "intensities of" in event.text for event in told)
    assert target.exists()


def test_of_an_image_of_the_same_kind_nothing_is_said(model: Path, cells: Path, tmp_path: Path) -> None:
    assert len(Denoiser.load(model, device="cpu").card.seen) == 1
    told: list[Event] = []
    run(plan_predict(model, cells / "b.tif", tmp_path / "b.tif", device="cpu", request=FEW), told.append)
    assert not [event for event in told if isinstance(event, Note)]
