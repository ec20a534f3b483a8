"""The Gaussian PSF is the Gaussian's integral over every pixel."""

import numpy as np
import pytest
from scipy.integrate import quad

from quietscope.errors import PsfError
from quietscope.psf.gaussian_psf import gaussian_psf


@pytest.mark.parametrize("sigma", [0.25, 0.7, 2.0])
def test_pixels_hold_the_integral(sigma: float) -> None:
    profile = gaussian_psf(sigma, 9).values.sum(axis=0)
    exact = [quad(lambda x: np.exp(-((x / sigma) ** 2) / 2), k - 0.5, k + 0.5)[0] for k in range(-4, 5)]
    np.testing.assert_allclose(profile, np.array(exact) / np.sum(exact), atol=1e-6)


def test_every_axis_has_its_sigma_and_size() -> None:
    psf = gaussian_psf((3.0, 1.0, 2.0), (None, 7, None), {"X": 0.1})
    assert psf.values.shape == (25, 7, 17)
    assert dict(psf.pixel_size_um) == {"X": 0.1}
    profile = psf.values.sum(axis=(0, 1))
    assert np.sqrt(profile @ np.arange(-8, 9) ** 2) == pytest.approx(np.sqrt(4 + 1 / 12), rel=0.01)


def test_the_default_box_holds_nearly_all() -> None:
    assert gaussian_psf(1.2).values.shape == (11, 11)
    wide = gaussian_psf(1.2, 41).values
    assert wide[15:26, 15:26].sum() > 1 - 2e-4


@pytest.mark.parametrize(
    ("sigma", "size", "word"),
    [
        (0.0, None, "above zero"),
        (-1.0, None, "above zero"),
        (float("nan"), None, "above zero"),
        ((1.0,), None, "one or one per axis"),
        ((1.0, 1.0), (5, 5, 5), "one size"),
        (1.0, 8, "size=(7, 7)"),
        (1.0, 1, "size=(3, 3)"),
        ((1.0, 1.0, 1.0), (4, 5, 5), "size=(3, 5, 5)"),
        (3000.0, None, "at most"),
    ],
)
def test_what_cannot_be_made_is_refused(
    sigma: float | tuple[float, ...], size: int | tuple[int, ...] | None, word: str
) -> None:
    with pytest.raises(PsfError) as caught:
        gaussian_psf(sigma, size)
    assert word in str(caught.value)
