"""A mask that is named goes with every image of a plan, and one that does not fit is refused before anything starts."""

from pathlib import Path

import numpy as np
import pytest
import torch

from quietscope.cli import run
from quietscope.data.frames import Frames
from quietscope.errors import SizeError
from quietscope.io import as_images, write_image
from quietscope.noise.noise_file import load_noise_model
from quietscope.pipeline.effort import part_of
from quietscope.pipeline.planning import plan_denoise


def write(folder: Path) -> tuple[list[Path], Path]:
    """Write two recordings that hold something else than signal at their right, and a mask that says so."""
    rng, mask = np.random.default_rng(0), np.ones((64, 96), np.uint8)
    mask[:, 72:] = 0
    images = []
    for name in ("a", "b"):
        pixels = (100 + 30 * rng.normal(size=(64, 96)) * np.where(mask, 1, 20)).clip(0).astype(np.uint16)
        write_image(folder / f"{name}.tif", pixels, axes="YX")
        images.append(folder / f"{name}.tif")
    write_image(folder / "mask.tif", mask, axes="YX")
    return images, folder / "mask.tif"


def test_every_image_of_a_plan_has_the_mask(tmp_path: Path) -> None:
    images, mask = write(tmp_path)
    plan = plan_denoise(images, tmp_path / "out", {"steps": 2}, mask=mask)
    for image in (*plan.training.images, *(target.image for target in plan.targets)):
        assert np.mean(image.mask) == 0.75
    write_image(tmp_path / "small.tif", np.ones((64, 64), np.uint8), axes="YX")
    with pytest.raises(SizeError, match="mask of 64 x 96"):
        plan_denoise(images, tmp_path / "out", {"steps": 2}, mask=tmp_path / "small.tif")
    assert not (tmp_path / "out").exists()


def test_the_noise_is_estimated_without_what_a_mask_leaves_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images, mask = write(tmp_path)
    assert (
        run(["noise", "estimate", *map(str, images), "-o", str(tmp_path / "n.safetensors"), "--mask", str(mask)]) == 0
    )
    out = capsys.readouterr()
    assert "25.00% of the pixels count as never measured" in out.out + out.err

    sigma = float(load_noise_model(tmp_path / "n.safetensors").variance(torch.tensor([100.0])).sqrt())
    assert sigma == pytest.approx(30, rel=0.1)


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_what_was_never_measured_is_no_hindrance_to_a_dry_run(share: float) -> None:
    pixels = np.full((1, 40, 40), 7.0, np.float32)
    pixels[:, : round(40 * share)] = np.nan
    part = part_of(Frames.of(as_images(pixels, "TYX"), 2), (32, 32))
    assert part.shape == (1, 32, 32)
    assert np.unique(part).tolist() == [7.0 if share < 1.0 else 0.0]
