"""How many samples a run draws of each image, and which of them pair."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from quietscope import DenoisePlan, Request, plan_predict, read_image, run
from quietscope.pipeline.results import Results

MakePlan = Callable[..., DenoisePlan]


@pytest.mark.parametrize(
    ("kinds", "first", "others"),
    [(None, (20, 5), (20, 5)), (("mean",), (20, 5), (20, 10)), (("std", "samples", "mean"), (20, 0), (20, 0))],
)
def test_the_first_image_has_what_its_picture_needs(
    tmp_path: Path, plan_of: MakePlan, kinds: tuple[str, ...] | None, first: tuple[int, int], others: tuple[int, int]
) -> None:
    plan = plan_of(tmp_path / "out", "a", "b", results=Results(kinds=kinds), request=Request(num_samples=20))
    found = [(target.request.num_samples, target.request.pairs) for target in plan.targets]
    assert found == [first, others]


def test_denoise_writes_what_predict_gives_and_shows_independent_samples(
    tmp_path: Path, cells: Path, plan_of: MakePlan
) -> None:
    request, results = Request(num_samples=8), Results(kinds=("mean", "std"))
    plan = plan_of(tmp_path / "out", "a", request=request)
    run(plan)
    model, files = tmp_path / "out" / "model.safetensors", plan.targets[0].files
    again = plan_predict(model, cells / "a.tif", tmp_path / "again.tif", results=results, request=request, device="cpu")
    assert again.targets[0].request == plan.targets[0].request
    assert again.targets[0].request.pairs == 2
    # The picture shows the samples 0 to 2.
    assert [again.targets[0].request.drawn_pairs.source(n) for n in range(3)] == [(n, 1.0) for n in range(3)]
    run(again)
    for kind in ("mean", "std"):
        one, other = (np.asarray(read_image(path).data) for path in (files[kind], again.targets[0].files[kind]))
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-3)
