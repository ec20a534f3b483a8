"""A set of files that is written one after another, with the metadata of all in each."""

import warnings
from pathlib import Path

import numpy as np
import pytest

from quietscope import ImageDone, Request, Stop, Waiting, plan_watch, read_image, run
from quietscope.errors import MissingPixelsWarning
from quietscope.methods import METHODS
from quietscope.pipeline.company import Company
from quietscope.pipeline.events import Event
from tests import tiny
from tests.io.test_tiff_missing import write_set


def test_a_set_is_denoised_again_once_its_other_files_are_there(tmp_path: Path) -> None:
    tiny.denoiser(METHODS["noise2void"]).save(tmp_path / "m.safetensors")
    (tmp_path / "in").mkdir()
    write_set(tmp_path / "in", 3)
    late = (tmp_path / "in" / "t1.ome.tif").rename(tmp_path / "late")
    plan = plan_watch(
        tmp_path / "in",
        tmp_path / "m.safetensors",
        tmp_path / "in",
        settle=0.05,
        device="cpu",
        insist=True,
        request=Request(num_samples=2),
    )
    done: list[str] = []
    calm = [0]

    def listen(event: Event) -> None:
        if isinstance(event, ImageDone):
            done.append(Path(event.what).name)
        calm[0] = calm[0] + 1 if isinstance(event, Waiting) and not event.growing else 0
        if calm[0] == 6:
            if not late.exists():
                raise Stop
            late.rename(tmp_path / "in" / "t1.ome.tif")

    with pytest.warns(MissingPixelsWarning, match="1 of the 3 planes"):
        run(plan, listen)
    assert done[:2] == ["t0.ome.tif", "t2.ome.tif"]
    assert sorted(done[2:]) == ["t0.ome.tif", "t1.ome.tif", "t2.ome.tif"], "and no more, though results lie beside them"
    for number in range(3):
        result = np.asarray(read_image(tmp_path / "in" / f"t{number}_denoised.ome.tif"))
        assert np.isfinite(result).all()
        assert result[1].any(), "the plane that was missing"


def test_whoever_lacked_planes_is_due_when_others_come() -> None:
    company, told = Company(), []
    with warnings.catch_warnings(action="always"):
        warnings.showwarning = lambda message, *rest, **named: told.append(str(message))
        with company.noticed("a/0", ["a/0"]):
            warnings.warn("2 planes", MissingPixelsWarning, stacklevel=1)
        with company.noticed("a/1", ["a/1"]):
            warnings.warn("nothing of it", UserWarning, stacklevel=1)
    assert told == ["2 planes", "nothing of it"]
    assert company.due(["a/0", "a/1", "b/0"]) == ["a/0"]
    assert company.due(["a/0", "b/0"]) == []
    assert company.due(["a/1"]) == [], "it is gone"
    with company.noticed("a/0", ["a/0", "a/1"]):
        pass
    assert company.due(["a/0"]) == []
