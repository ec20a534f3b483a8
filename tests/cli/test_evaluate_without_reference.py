"""``quietscope evaluate`` where there is no clean image: what another exposure tells, and what cannot be told."""

import re
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from quietscope.io import write_image
from quietscope.metrics import psnr
from tests.cli.command_line import Quietscope


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two exposures of a scene, one of the scene moved, and the first of them blurred, with its true PSNR."""
    place, rng = tmp_path_factory.mktemp("exposures"), np.random.default_rng(0)
    y, x = np.indices((256, 256))
    clean = 200.0 + 100.0 * np.sin(x / 9.0) * np.cos(y / 8.0)
    noisy = rng.poisson(clean).astype(float)
    result = gaussian_filter(noisy, 1.0)
    truth = psnr(result, clean, data_range=float(np.ptp(result)))
    (place / "psnr.txt").write_text(str(truth), encoding="utf-8")
    (place / "psnr_of_100.txt").write_text(str(psnr(result, clean, data_range=100.0)), encoding="utf-8")
    moved = rng.poisson(np.roll(clean, 5, axis=1))
    for name, pixels in {
        "noisy": noisy, "second": rng.poisson(clean), "moved": moved, "result": result, "small": noisy[:128]
    }.items():  # fmt: skip
        write_image(place / f"{name}.tif", np.asarray(pixels, np.float32), "YX")
    return place


def judged(quietscope: Quietscope, folder: Path, *words: str | Path) -> tuple[int, str, str]:
    return quietscope("evaluate", folder / "result.tif", "--noisy", folder / "noisy.tif", *words)


def test_another_exposure_tells_the_psnr(quietscope: Quietscope, folder: Path) -> None:
    status, printed, err = judged(quietscope, folder, "--second", folder / "second.tif")
    assert status == 0, err
    found = re.search(r"PSNR, by the second exposure: ([\d.]+) ± ([\d.]+) dB", printed)
    assert found is not None, printed
    told, error = map(float, found.groups())
    assert abs(told - float((folder / "psnr.txt").read_text(encoding="utf-8"))) < 3 * error + 0.05
    assert error < 0.3
    assert "regions that noise does not explain" in printed


def test_a_range_is_heeded(quietscope: Quietscope, folder: Path) -> None:
    told = []
    for span in ("100", "1000"):
        printed = judged(quietscope, folder, "--second", folder / "second.tif", "--range", span)[1]
        told.append(float(re.findall(r"exposure: ([\d.]+)", printed)[0]))
    assert told[1] - told[0] == pytest.approx(20.0, abs=0.02)


def test_a_scene_that_has_moved_tells_nothing(quietscope: Quietscope, folder: Path) -> None:
    status, printed, _ = judged(quietscope, folder, "--second", folder / "moved.tif")
    assert status == 0
    assert "not told: the exposures differ by more than noise" in " ".join(printed.split())


def test_the_noisy_image_alone_tells_it_by_the_method_that_comes_trained(quietscope: Quietscope, folder: Path) -> None:
    status, printed, err = judged(quietscope, folder, "--range", "100")
    assert status == 0, err
    found = re.search(
        r"estimated by `instant`, without a clean image: ([\d.]+) ± ([\d.]+) dB", " ".join(printed.split())
    )
    assert found is not None, printed
    true = float((folder / "psnr_of_100.txt").read_text(encoding="utf-8"))
    assert float(found[1]) == pytest.approx(true, abs=0.6)


def test_noise_that_it_does_not_know_tells_nothing_and_it_is_said_what_would(
    quietscope: Quietscope, folder: Path, tmp_path: Path
) -> None:
    smeared = 100 + 30 * gaussian_filter(np.random.default_rng(0).normal(size=(256, 256)), 1.2)
    write_image(tmp_path / "noisy.tif", smeared.astype(np.float32), "YX")
    status, printed, err = quietscope("evaluate", folder / "result.tif", "--noisy", tmp_path / "noisy.tif")
    assert status == 0, err
    assert "PSNR: not told: this noise is none that `instant`" in printed
    assert "--second" in printed


@pytest.mark.parametrize(
    ("side", "words"),
    [(128, ("not sure", "128 x 128 pixels are few", "between independent and")), (16, ("at least 32 x 32 pixels",))],
)
def test_an_image_that_is_too_small_is_told_to_be_so(
    quietscope: Quietscope, tmp_path: Path, side: int, words: tuple[str, ...]
) -> None:
    white = np.random.default_rng(0).normal(size=(128, 129))
    y, x = np.indices((128, 128))
    noisy = 300 + 80 * np.sin(x / 9) * np.cos(y / 8) + 15 * (white[:, 1:] + 0.1 * white[:, :-1])
    write_image(tmp_path / "noisy.tif", noisy[:side, :side].astype(np.float32), "YX")
    write_image(tmp_path / "result.tif", gaussian_filter(noisy, 1.0)[:side, :side].astype(np.float32), "YX")
    status, printed, err = quietscope("evaluate", tmp_path / "result.tif", "--noisy", tmp_path / "noisy.tif")
    assert status == 0, err
    said = " ".join(printed.split())
    assert "PSNR: not told" in said
    assert "is none that" not in said
    assert all(each in said for each in words), said


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), "--noisy"),
        (("--second", "second.tif"), "--noisy"),
        (("--noisy", "noisy.tif", "--std", "noisy.tif"), "clean reference"),
        (("--noisy", "noisy.tif", "--affine"), "a clean reference with --affine"),
        (("--noisy", "noisy.tif", "--second", "second.tif", "--affine"), "a clean reference with --affine"),
        (("--noisy", "noisy.tif", "--second", "small.tif"), "256"),
        (("--noisy", "noisy.tif", "--second", "noisy.tif"), "the noisy image itself"),
    ],
)
def test_what_does_not_go_together_is_one_line(
    quietscope: Quietscope, folder: Path, words: tuple[str, ...], expected: str
) -> None:
    named = [folder / word if word.endswith(".tif") else word for word in words]
    status, _, err = quietscope("evaluate", folder / "result.tif", *named)
    assert status == 2
    assert len(err.strip().splitlines()) == 1
    assert expected in err
