"""The picture of a noise model: drawn for every kind, and of the right numbers."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from quietscope.errors import OutputError
from quietscope.noise import Gaussian, NoiseModel, PoissonGaussian
from quietscope.noise.censored import Censored
from quietscope.noise.fitting import fit_noise
from quietscope.report import write_noise_figure
from quietscope.report.noise_curves import log_likelihood, noise_figure

GAIN, OFFSET, READ = 5.0, 20.0, 3.0
RNG = np.random.default_rng(0)
SIGNAL = OFFSET + np.abs(RNG.normal(0, 60, (2, 160, 160)))
NOISY = GAIN * RNG.poisson((SIGNAL - OFFSET) / GAIN) + OFFSET + RNG.normal(0, READ, SIGNAL.shape)
CAMERA = PoissonGaussian(GAIN, OFFSET, READ)


@pytest.fixture(scope="module", params=["gaussian", "poisson-gaussian", "gaussian-mixture", "histogram", "censored"])
def model(request: pytest.FixtureRequest) -> NoiseModel:
    if request.param == "gaussian":
        return Gaussian(9.0)
    if request.param == "censored":
        return Censored(CAMERA, 10.0, 200.0, 1.0)
    few: dict[str, Any] = {"num_iterations": 20} if request.param == "gaussian-mixture" else {}
    return fit_noise(request.param, SIGNAL, NOISY, **few)


@pytest.mark.parametrize("evidence", ["none", "data", "pairs"])
def test_every_kind_is_drawn(tmp_path: Path, model: NoiseModel, evidence: str) -> None:
    if evidence == "data":
        y, x = np.mgrid[:160, :160]
        smooth = 80 + 40 * np.sin(x / 20) * np.cos(y / 23)
        planes = [smooth + np.random.default_rng(1).normal(0, 5, smooth.shape)]
        figure = noise_figure(model, file="camera $[1]$.safetensors", data=planes, source="cells.tif")
        assert figure.measured is not None
        assert "blind" in figure.measured.source
    elif evidence == "pairs":
        figure = noise_figure(model, file="a", data=list(NOISY), signal=list(SIGNAL), source="b")
        assert all(each.num_pairs >= 200 for each in figure.slices)
    else:
        figure = noise_figure(model, file="a")
        assert figure.measured is None
    assert (figure.fitted is None) == bool(np.isinf(model.signal_range[0]))
    write_noise_figure(tmp_path / "n.png", figure)
    assert (tmp_path / "n.png").read_bytes().startswith(b"\x89PNG")


def test_the_points_lie_on_the_curve_and_the_pixels_under_the_density() -> None:
    figure = noise_figure(CAMERA, file="a", data=list(NOISY), signal=list(SIGNAL), source="b")
    assert figure.measured is not None
    line = GAIN * (figure.measured.signal - OFFSET) + READ**2
    far = np.abs(figure.measured.variance - line) / figure.measured.error
    assert np.mean(far < 3) > 0.9
    np.testing.assert_allclose(figure.variance, CAMERA.variance(torch.from_numpy(figure.signal)).numpy(), rtol=1e-5)
    bright = figure.slices[-1]
    assert bright.measured is not None
    widths = np.diff(bright.measured.edges)
    assert np.sum(bright.measured.density * widths) == pytest.approx(1, abs=0.01)
    middles = bright.measured.edges[:-1] + widths / 2
    expected = np.interp(middles, bright.x, bright.density)
    assert np.sum(np.abs(expected - bright.measured.density) * widths) < 0.4  # 200 pixels in 45 bins


def test_bins_of_whole_numbers_hold_as_many_of_them() -> None:
    counts = RNG.poisson(60, SIGNAL.shape).astype(np.uint8)
    figure = noise_figure(Gaussian(8.0), file="a", data=list(counts), signal=[np.full(SIGNAL.shape[1:], 60.0)] * 2)
    measured = figure.slices[0].measured
    assert measured is not None
    edges = measured.edges
    assert set(np.diff(edges)) == {np.ceil(np.diff(edges)[0])}
    np.testing.assert_allclose(edges % 1, 0.5)


def test_log_likelihood_is_the_mean_over_all_pairs() -> None:
    variance = GAIN * (SIGNAL - OFFSET) + READ**2
    expected = -0.5 * np.mean(np.log(2 * np.pi * variance) + (NOISY - SIGNAL) ** 2 / variance)
    assert log_likelihood(CAMERA, SIGNAL, NOISY) == pytest.approx(expected, abs=0.01)


def test_an_existing_picture_is_kept(tmp_path: Path) -> None:
    (tmp_path / "n.png").write_bytes(b"old")
    with pytest.raises(OutputError, match="overwrite=True"):
        write_noise_figure(tmp_path / "n.png", noise_figure(Gaussian(3.0), file="a"))
    assert (tmp_path / "n.png").read_bytes() == b"old"
