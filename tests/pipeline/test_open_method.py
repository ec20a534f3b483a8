"""What is planned where the noise will choose the method, and only some methods can be chosen."""

from pathlib import Path

import pytest

from quietscope import plan_denoise
from quietscope.errors import SettingsError
from quietscope.pipeline.results import Results
from quietscope.samples import sample_path


def test_images_with_a_unit_each_get_what_every_choice_gives(tmp_path: Path) -> None:
    noisy = sample_path("confocal_fish_noisy")
    plan = plan_denoise(noisy, tmp_path / "each", {"normalize": "each"})
    assert plan.training.configuration.method == "auto"
    assert [sorted(target.files) for target in plan.targets] == [["mean"]]
    usual = plan_denoise(noisy, tmp_path / "together")
    assert [sorted(target.files) for target in usual.targets] == [["mean", "std"]]


def test_what_no_choice_is_sure_to_give_is_refused_before_training(tmp_path: Path) -> None:
    results = Results(kinds=("mean", "std"))
    with pytest.raises(SettingsError, match="std"):
        plan_denoise(sample_path("confocal_fish_noisy"), tmp_path / "out", {"normalize": "each"}, results=results)
    assert not (tmp_path / "out").exists()
