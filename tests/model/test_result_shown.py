"""A result in a notebook: a line, a small picture beside a table, a figure, a comparison, an array with named axes."""

import re
import sys
from base64 import b64decode
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest

from quietscope import Denoiser, Image, Result, write_image
from quietscope.errors import PixelError, SettingsError, SizeError
from quietscope.metrics import calibration_of_moments, psnr, ssim
from quietscope.model.shown_result import THUMBNAIL_SIDE
from quietscope.version import __version__
from tests.tiny import configuration

RNG = np.random.default_rng(0)
CLEAN = (100 + 50 * np.sin(np.arange(24) / 3)[:, None] * np.cos(np.arange(40) / 5)).astype(np.float32)
SCENE = (100 + 50 * np.sin(np.arange(64) / 3)[:, None] * np.cos(np.arange(64) / 5)).astype(np.float32)


def result(**changes: Any) -> Result:
    """Return a result of three frames of two channels, whose noisy image is known."""
    clean = np.stack([CLEAN * (1 + channel) for channel in range(2)])
    mean = (clean + RNG.normal(0, 2, (3, *clean.shape))).astype(np.float32)
    noisy = Image((clean + RNG.normal(0, 20, mean.shape)).astype(np.float32), "TCYX")
    known: dict[str, Any] = {"pixel_size_um": {"X": 0.1, "Y": 0.2}, "frame_interval_s": 2.5, "method": "hdn"}
    estimates = {"mean": mean, "std": np.full_like(mean, 2.0)}
    return Result(**{"estimates": estimates, "axes": "TCYX", "noisy": noisy, **known, **changes})


def clean_of(found: Result) -> np.ndarray:
    """Return the clean image of `result`, of its shape."""
    return np.broadcast_to(np.stack([CLEAN, 2 * CLEAN]), found.mean.shape)


def test_a_result_says_what_it_is_in_a_line() -> None:
    assert repr(result()) == "<Result of hdn: mean, deviation of 3 x 2 x 24 x 40 TCYX; usable>"
    assert repr(Result(estimates={"mean": CLEAN}, axes="YX")) == "<Result: mean of 24 x 40 YX; usable>"


def test_in_a_notebook_it_is_a_small_picture_and_a_table_by_themselves() -> None:
    wide = np.zeros((500, 1000), np.float32)
    wide[:, 500:] = 1.0
    wide[0, 0] = 1e9  # a hot pixel
    html = Result(estimates={"mean": wide}, axes="YX", method="hdn")._repr_html_()
    found = re.search(r'src="data:image/png;base64,([^"]*)"', html)
    assert found is not None
    picture = imagecodecs.png_decode(b64decode(found[1]))
    assert max(picture.shape) <= THUMBNAIL_SIDE
    assert picture[20, 10] == 0
    assert picture[20, -10] == 255
    assert len(html) < 60_000
    assert not re.search(r"https?:|<script|<link|@import", html)


def test_what_a_file_tells_is_text_in_a_notebook_and_no_markup() -> None:
    html = result(channel_names=('<script>alert("x")</script>', "a\x1b[2J&b"))._repr_html_()
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "\x1b" not in html
    assert "a\\x1b[2J&amp;b" in html


@pytest.mark.parametrize("value", [0.0, 7.0, np.nan])
def test_an_image_without_contrast_is_shown_all_the_same(value: float) -> None:
    assert "data:image/png" in Result(estimates={"mean": np.full((5, 7), value, np.float32)}, axes="YX")._repr_html_()


def test_the_figure_has_the_noisy_image_the_mean_and_the_deviation() -> None:
    found = result()
    figure = found.show(frame=2, channel=1)
    drawn = [axes for axes in figure.axes if axes.get_title()]
    assert [axes.get_title() for axes in drawn] == ["noisy", "mean", "deviation"]
    noisy = found.noisy
    assert noisy is not None
    for axes, pixels in zip(drawn, (noisy.data, found.mean, found.std), strict=True):
        assert pixels is not None
        np.testing.assert_allclose(axes.images[0].get_array(), pixels[2, 1], rtol=1e-6)
    ranges = [axes.images[0].get_clim() for axes in drawn]
    assert ranges[0] == ranges[1] == pytest.approx(tuple(np.percentile(found.mean[2, 1], (0.5, 99.8))))
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_the_figure_has_what_is_known_and_shows_what_there_is() -> None:
    alone = Result(estimates={"mean": CLEAN}, axes="YX").show()
    assert [axes.get_title() for axes in alone.axes if axes.get_title()] == ["mean"]
    with pytest.raises(SizeError, match="a channel from 0 to 1"):
        result().show(channel=2)
    with pytest.raises(SizeError, match="a frame from 0 to 2"):
        result().show(frame=-1)


def test_a_comparison_is_that_of_the_metrics() -> None:
    found = result()
    clean = clean_of(found)
    compared = found.compare(clean)
    assert found.std is not None
    assert found.noisy is not None
    for channel, each in enumerate(compared.channels):
        planes = [(found.mean[n, channel], clean[n, channel]) for n in range(3)]
        assert each.after["psnr"] == pytest.approx(np.mean([psnr(*pair) for pair in planes]))
        assert each.after["ssim"] == pytest.approx(np.mean([ssim(*pair) for pair in planes]))
        noisy = [psnr(found.noisy.data[n, channel], clean[n, channel]) for n in range(3)]
        assert each.before is not None
        assert each.before["psnr"] == pytest.approx(np.mean(noisy))
        assert each.calibration == calibration_of_moments([(mean, np.full_like(mean, 2.0), c) for mean, c in planes])
    assert compared.psnr == pytest.approx(np.mean([each.after["psnr"] for each in compared.channels]))
    assert compared.coverage == pytest.approx(0.9, abs=0.03)


def test_a_comparison_prints_as_a_table() -> None:
    found = result(channel_names=("DAPI", "<b>"))
    text = repr(found.compare(clean_of(found))).splitlines()
    assert re.split("  +", text[0]) == ["channel", "PSNR (dB)", "SSIM", "90 % intervals hold"]
    assert [line.split()[:2] for line in text[1:]] == [[n, w] for n in ("DAPI", "<b>") for w in ("noisy", "denoised")]
    html = found.compare(clean_of(found))._repr_html_()
    assert html.count("<tr>") == 5
    assert "&lt;b&gt;" in html
    assert "<b>" not in html


def test_a_reference_may_be_a_file_and_has_to_fit(tmp_path: Path) -> None:
    found = result()
    write_image(tmp_path / "clean.tif", np.ascontiguousarray(clean_of(found)), "TCYX")
    assert found.compare(tmp_path / "clean.tif").psnr == pytest.approx(found.compare(clean_of(found)).psnr)
    with pytest.raises(SizeError, match="a clean image like"):
        found.compare(CLEAN, axes="YX")
    with pytest.raises(PixelError):
        found.compare(np.zeros_like(found.mean))


def test_few_samples_are_allowed_for_and_too_few_are_not_judged() -> None:
    clean = clean_of(result())
    shares = [result(num_samples=n).compare(clean).channels[0].calibration for n in (None, 5, 2)]
    assert shares[2] is None
    assert shares[0] is not None
    assert shares[1] is not None
    assert shares[1].num_samples == 5
    assert shares[1].measured[2] > shares[0].measured[2]  # intervals of five samples are wider
    assert result(num_samples=2).compare(clean).coverage is None


def test_an_array_has_named_axes_and_coordinates_in_micrometres_and_seconds() -> None:
    pytest.importorskip("xarray", reason="an optional library")
    found = result(channel_names=("DAPI", "GFP"))
    array = found.to_xarray()
    assert array.dims == ("T", "C", "Y", "X")
    assert array.name == "mean"
    np.testing.assert_allclose(array.coords["X"], 0.1 * np.arange(40))
    np.testing.assert_allclose(array.coords["Y"], 0.2 * np.arange(24))
    np.testing.assert_allclose(array.coords["T"], [0.0, 2.5, 5.0])
    assert list(array.coords["C"].values) == ["DAPI", "GFP"]
    assert [array.coords[axis].attrs["units"] for axis in "TYX"] == ["s", "um", "um"]
    assert array.attrs["method"] == "hdn"
    assert array.attrs["version"] == f"quietscope {__version__}"
    assert "intensity" in array.attrs["units"]
    assert np.shares_memory(array.values, found.mean)
    assert found.to_xarray("std").name == "std"
    with pytest.raises(SettingsError, match="mean or std"):
        found.to_xarray("map")


def test_quantiles_and_samples_have_an_axis_of_their_own() -> None:
    pytest.importorskip("xarray", reason="an optional library")
    estimates = {"mean": CLEAN, "quantiles": np.stack([CLEAN] * 2), "samples": np.stack([CLEAN] * 4)}
    found = Result(estimates=estimates, axes="YX", probabilities=(0.1, 0.9))
    quantiles, samples = found.to_xarray("quantiles"), found.to_xarray("samples")
    assert quantiles.dims == ("quantile", "Y", "X")
    assert list(quantiles.coords["quantile"].values) == [0.1, 0.9]
    assert samples.dims == ("sample", "Y", "X")
    assert "X" not in samples.coords  # no pixel size is known


def test_without_xarray_a_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(SettingsError, match=r'pip install "quietscope\[xarray\]"'):
        result().to_xarray()


def test_a_denoiser_gives_results_that_know_their_method_their_image_and_their_samples() -> None:
    noisy = RNG.poisson(SCENE).astype(np.uint16)
    settings = configuration("hdn").model_copy(update={"steps": 2, "budget": None})
    hdn = Denoiser.from_configuration(settings, device="cpu").fit(noisy, progress=False)
    found = hdn.denoise(noisy, num_samples=6)
    assert found.method == "hdn"
    assert found.noisy is not None
    assert found.noisy.data is noisy  # not a copy
    assert found.num_samples is not None
    assert 2 <= found.num_samples <= 6
    assert len(found.compare(SCENE).channels) == 1
    settings = configuration("noise2void").model_copy(update={"steps": 2, "budget": None})
    plain = Denoiser.from_configuration(settings, device="cpu").fit(noisy, progress=False).denoise(noisy)
    assert (plain.num_samples, plain.std) == (None, None)
    assert plain.compare(SCENE).coverage is None


def test_pixels_that_were_never_measured_are_left_out_of_figure_and_comparison() -> None:
    noisy, mask = RNG.poisson(SCENE).astype(np.float32), np.ones(SCENE.shape, np.uint8)
    mask[:, :8] = 0
    settings = configuration("noise2void").model_copy(update={"steps": 2, "budget": None})
    model = Denoiser.from_configuration(settings, device="cpu").fit(noisy, mask=mask, progress=False)
    found = model.denoise(noisy, mask=mask)
    wrong = SCENE.copy()
    wrong[:, :4] = 1e6
    assert found.compare(wrong).psnr == pytest.approx(found.compare(SCENE).psnr)
    drawn = found.show().axes[0].images[0].get_array()
    assert np.isnan(np.ma.filled(drawn, np.nan)[:, :8]).all()
