"""Exported models denoise as their denoisers do, with and without PyTorch."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from quietscope.deploy import open_session
from quietscope.deploy.predict import LeanPredictor
from quietscope.errors import AxesError, ChannelError, PixelError, SettingsError
from quietscope.io import Image, write_image
from quietscope.methods.base import PosteriorMethod
from quietscope.model.exported import Deployed
from quietscope.tiling.request import DEFAULT_REQUEST, Request
from quietscope.tiling.walk import Progress
from tests.exported import Exported, GetExported

SIZE = (45, 70)


@pytest.fixture
def picture() -> Image:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    clean = np.stack([300 + 100 * np.sin(x / 5) * np.cos(y / 7), 90 + 20 * np.cos(x / 9)])
    return Image(rng.poisson(np.stack([clean, clean + 20])).astype(np.uint16), "TCYX")


def one_channel(image: Image, case: Exported) -> np.ndarray:
    """Return the first channel, of the brightness that a model of one channel is for."""
    return np.asarray(image.data[:, 0] + np.uint16(float(case.denoiser.method.statistics.mean) - 300))


def lean(
    case: Exported,
    image: Image,
    kinds: tuple[str, ...],
    request: Request = DEFAULT_REQUEST,
    progress: Progress | None = None,
) -> dict[str, np.ndarray]:
    leading = {"samples": (request.num_samples,)}
    sinks = {kind: np.empty((*leading.get(kind, ()), *image.shape)) for kind in kinds}
    LeanPredictor(session=open_session(case.path)).denoise_into(image, sinks, request, progress=progress)
    return sinks


@pytest.mark.parametrize("augment", [False, True])
@pytest.mark.parametrize("tile", [None, 24])
def test_samples_are_those_of_pytorch(exported: GetExported, picture: Image, tile: int | None, augment: bool) -> None:
    case = exported("hdn")
    told = []
    request = Request(num_samples=5, seed=3, tile=tile, augment=augment)
    found = lean(case, picture, ("mean", "std", "samples"), request, lambda *counts: told.append(counts))
    wanted = {kind: np.empty_like(values) for kind, values in found.items()}
    case.denoiser.denoise_into(picture, wanted, request)
    for kind, values in wanted.items():
        np.testing.assert_allclose(found[kind], values, rtol=1e-4, atol=1e-2)
    assert found["std"].min() >= 0
    assert found["std"].max() > 1
    assert told[-1][0] == told[-1][1]


@pytest.mark.parametrize("kinds", [("mean",), ("mean", "std")])
def test_antithetic_pairs_are_those_of_pytorch(exported: GetExported, picture: Image, kinds: tuple[str, ...]) -> None:
    case = exported("hdn")
    request = Request(num_samples=8, seed=3, tile=24, augment=True)
    found = lean(case, picture, kinds, request)
    others = [{kind: np.empty_like(values) for kind, values in found.items()} for _ in range(3)]
    case.denoiser.denoise_into(picture, others[0], request)
    Deployed(open_session(case.path)).denoise_into(picture, others[1], request)
    for kind in kinds:
        for other in others[:2]:
            np.testing.assert_allclose(found[kind], other[kind], rtol=1e-4, atol=1e-2)
    case.denoiser.denoise_into(picture, others[2], replace(request, pairs=0))
    assert np.abs(others[2]["mean"] - found["mean"]).max() > 0.1


def test_everything_else_works_on_an_exported_model_too(exported: GetExported, picture: Image) -> None:
    case = exported("hdn")
    deployed = Deployed(open_session(case.path))
    options: dict[str, Any] = {
        "estimate": "map",
        "num_samples": 8,
        "augment": True,
        "quantiles": (0.1, 0.9),
        "tile": 32,
    }
    found, wanted = (each.denoise(picture, **options) for each in (deployed, case.denoiser))
    for kind in ("mean", "std", "quantiles", "map"):
        np.testing.assert_allclose(getattr(found, kind), getattr(wanted, kind), rtol=1e-3, atol=0.05)
    assert not LeanPredictor.can(("mean", "map"))
    with pytest.raises(SettingsError, match=r"quietscope\.Deployed"):
        lean(case, picture, ("mean", "map"))


@pytest.mark.parametrize("method", ["deconoising", "direct"])
def test_methods_of_one_image(exported: GetExported, picture: Image, method: str) -> None:
    case = exported(method)
    image = Image(one_channel(picture, case), "TYX")
    kinds = ("mean", "deconvolved") if method == "deconoising" else ("mean",)
    wanted = case.denoiser.denoise(image, tile=24)
    found = lean(case, image, kinds, Request(tile=24))
    deployed = Deployed(open_session(case.path)).denoise(image, tile=24)
    for kind in kinds:
        for values in (found[kind], getattr(deployed, kind)):
            np.testing.assert_allclose(values, getattr(wanted, kind), rtol=0, atol=1.0)
    assert deployed.std is None
    with pytest.raises(SettingsError, match="mean"):
        lean(case, image, ("std",))


@pytest.mark.parametrize("augment", [False, True])
def test_a_deviation_that_the_model_computes(exported: GetExported, picture: Image, augment: bool) -> None:
    case = exported("pn2v")
    image = Image(one_channel(picture, case), "TYX")
    wanted = case.denoiser.denoise(image, tile=24, augment=augment)
    found = lean(case, image, ("mean", "std"), Request(tile=24, augment=augment))
    deployed = Deployed(open_session(case.path)).denoise(image, tile=24, augment=augment)
    assert wanted.std is not None
    assert wanted.std.max() > 1
    for kind in ("mean", "std"):
        for values in (found[kind], getattr(deployed, kind)):
            np.testing.assert_allclose(values, getattr(wanted, kind), rtol=0, atol=1.0)
    with pytest.raises(SettingsError, match="mean, std from pn2v"):
        lean(case, image, ("samples",))


def test_images_that_do_not_fit(exported: GetExported, picture: Image) -> None:
    case = exported("hdn")
    with pytest.raises(ChannelError, match="2 channels"):
        lean(case, Image(picture.data[:, 0], "TYX"), ("mean",))
    spoilt = np.asarray(picture.data).astype(np.float32)
    spoilt[1, 1, 3, 4] = np.nan
    with pytest.raises(PixelError, match="NaN"):
        lean(case, Image(spoilt, "TCYX"), ("mean",))
    with pytest.raises(AxesError):
        lean(case, Image(picture.data, "TCYA"), ("mean",))


@pytest.mark.parametrize("method", ["hdn", "deconoising"])
def test_predict_never_imports_pytorch(exported: GetExported, picture: Image, tmp_path: Path, method: str) -> None:
    data = picture.data if method == "hdn" else one_channel(picture, exported(method))
    write_image(tmp_path / "in.tif", data, "TCYX" if method == "hdn" else "TYX")
    save = "mean,std,samples" if method == "hdn" else "mean,deconvolved"
    words = ["predict", exported(method).path, tmp_path / "in.tif", "-o", tmp_path / "out.tif"]
    words += ["--save", save, "--samples", "3"]
    program = (
        "import sys; from quietscope.cli import run; status = run(sys.argv[1:]);"
        "sys.exit(99 if 'torch' in sys.modules else 0 if status in (0, 3) else status)"  # untrained: may have failed
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, words)], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
    assert len(list(tmp_path.glob("out*.tif"))) == len(save.split(","))


def test_repeated_images_run_once_and_different_ones_each(exported: GetExported) -> None:
    case = exported("hdn")
    method, full = Deployed(open_session(case.path)).method, case.denoiser.method
    assert isinstance(method, PosteriorMethod)
    assert isinstance(full, PosteriorMethod)
    x = 300 + 50 * torch.randn(2, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    noise = [
        torch.zeros(2, spec.channels, *(8 // r for r in spec.reduction)) + 0.3 * spec.is_random
        for spec in method.latents()
    ]
    with torch.no_grad():
        found = method.decode(method.encode(x), noise)
        wanted = full.decode(full.encode(x), noise)
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-2)
        repeated = method.decode((x[:1].expand(2, -1, -1, -1),), noise)
    torch.testing.assert_close(repeated[0], repeated[1])
