"""What a trained model knows, laid open: shapes with and without channels, and what is refused."""

import pytest

from quietscope import Denoiser
from quietscope.errors import ModelFileError, SettingsError, SizeError
from tests.model.methods import Same, denoiser, noisy


def test_generated_images_have_a_channel_axis_only_where_there_are_channels() -> None:
    assert denoiser().generate(2, 20).shape == (2, 20, 20)
    assert denoiser(channels=2).generate(1, (12, 20)).shape == (1, 2, 12, 20)
    volume = denoiser(dims=3)
    assert volume.generate(1, 12).shape == (1, 16, 12, 12)
    assert volume.generate(1, (3, 12, 9), temperature=0.5, with_noise=True).shape == (1, 3, 12, 9)


def test_interpolation_takes_images_of_one_frame() -> None:
    made, a, b = denoiser(channels=2), noisy(2, 12, 20), noisy(2, 12, 20)
    assert made.interpolate(a, b, 3, axes="CYX").shape == (3, 2, 12, 20)
    with pytest.raises(SizeError, match="one frame"):
        made.interpolate(noisy(3, 2, 12, 20), b, axes="TCYX")
    assert denoiser().interpolate(a[0], b[0], 2).shape == (2, 12, 20)


def test_levels_are_those_of_one_frame_counted_from_zero() -> None:
    made, image = denoiser(), noisy(2, 16, 20)
    assert made.levels(image, frame=1, num_samples=2, axes="TYX").prior.shape == (1, 16, 20)
    with pytest.raises(SizeError, match="frame=1"):
        made.levels(image, frame=2, axes="TYX")


def test_mistakes_are_one_line() -> None:
    made, image = denoiser(Same()), noisy(20, 24)
    with pytest.raises(SettingsError, match=r'same.*method="hdn"'):
        made.generate(1)
    with pytest.raises(SettingsError, match=r'same.*method="hdn"'):
        made.interpolate(image, image)
    with pytest.raises(SettingsError, match="temperature="):
        denoiser().generate(1, 16, temperature=0)
    with pytest.raises(ModelFileError, match="fit"):
        Denoiser().generate(1)
