"""``quietscope diagnose``: verdict, command and picture."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from scipy.ndimage import convolve1d, gaussian_filter

from quietscope import Denoiser
from quietscope.cli import run
from quietscope.cli.verbs.diagnose import denoise_command
from quietscope.diagnosis import Advice, deterministic_levels
from quietscope.errors import CaveatWarning
from quietscope.io import read_image
from quietscope.presets import Configuration


def image(kind: str, shape: tuple[int, ...] = (128, 128)) -> np.ndarray:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[: shape[-2], : shape[-1]]
    clean = 100.0 + 60.0 * np.sin(y / 25.0) * np.cos(x / 31.0)
    if kind == "clean":
        return clean.astype(np.float32)
    noise = rng.standard_normal(shape)
    if kind == "row":
        noise = convolve1d(noise, np.array([0.6, 0.8]), axis=-1, mode="wrap")
    elif kind == "both":
        noise = gaussian_filter(noise, 0.8)
        noise /= noise.std()
    return (clean + 20.0 * noise).astype(np.float32)


def write(path: Path, pixels: np.ndarray, axes: str = "YX") -> Path:
    tifffile.imwrite(path, pixels, ome=True, metadata={"axes": axes})
    return path


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("row", "--method dvlae --direction x -o out"),
        ("both", "--method hdn --deterministic-levels 0,1 -o out"),
        ("white", "--method hdn -o out"),
    ],
)
def test_command_to_paste(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "cells.ome.tif", image(kind))
    assert run(["diagnose", "cells.ome.tif"]) == 0
    assert f"quietscope denoise cells.ome.tif {words}\n" in capsys.readouterr().out
    with pytest.warns(CaveatWarning, match="opacity"):
        assert min(read_image(tmp_path / "diagnose.png").shape[:2]) > 300


BOTH = Advice(kind="correlated both ways", method="hdn", deterministic_levels=deterministic_levels(40))
DIRECTED = [Advice(kind="row-correlated", method="dvlae", direction=axis) for axis in ("x", "y", "z", "none")]


def test_the_command_says_what_the_advice_says() -> None:
    column = DIRECTED[1]
    assert denoise_command(column, ["a.tif"], output="here") == (
        "quietscope denoise a.tif --method dvlae --direction y -o here"
    )
    levels = Advice(kind="correlated both ways", method="hdn", deterministic_levels=(0, 1))
    assert denoise_command(levels, ["a b.tif"]) == (
        "quietscope denoise 'a b.tif' --method hdn --deterministic-levels 0,1 -o out"
    )
    assert denoise_command(Advice(kind="none", method=None), ["a.tif"]) == ""


@pytest.mark.parametrize("advice", [Advice(kind="white gaussian", method="hdn"), BOTH, *DIRECTED])
def test_every_advised_command_is_accepted(advice: Advice) -> None:
    words = denoise_command(advice, ["cells.tif"], read_with=["--axes", "ZYX"]).split()
    assert words[words.index("--axes") + 1] == "ZYX"
    typed = {"method": advice.method, "dims": 3 if "--dims" in words else 2}
    network: dict[str, Any] = {"direction": advice.direction} if advice.method == "dvlae" else {}
    if "--deterministic-levels" in words:
        levels = words[words.index("--deterministic-levels") + 1]
        network["deterministic_levels"] = tuple(int(level) for level in levels.split(","))
    Configuration.of({**typed, "network": network})


def test_an_image_without_noise_is_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "clean.ome.tif", image("clean"))
    assert run(["diagnose", str(path), "-o", str(tmp_path / "d.png")]) == 0
    captured = capsys.readouterr()
    assert "nothing to denoise" in captured.err
    assert "quietscope denoise" not in captured.out


def test_channels_and_frames_each_have_their_say(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pixels = np.stack([image("row", (3, 96, 96)), image("white", (3, 96, 96))], axis=1)
    path = write(tmp_path / "two.ome.tif", pixels, "TCYX")
    assert run(["diagnose", str(path), "-o", str(tmp_path / "d.png")]) == 0
    out = capsys.readouterr().out
    assert "along t" in out
    assert "row-correlated" in out
    assert "white gaussian" in out
    assert "--method auto" in out


@pytest.mark.parametrize(("kind", "suits"), [("row", True), ("white", True), ("both", False), ("clean", False)])
def test_an_answer_in_seconds_is_named_where_auto_takes_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str, suits: bool
) -> None:
    path = write(tmp_path / "cells.ome.tif", image(kind))
    assert run(["diagnose", str(path), "-o", str(tmp_path / "d.png"), "--axes", "YX"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    told = f"in seconds, with a denoiser that comes trained: quietscope denoise {path} --method instant"
    assert (told in out) == suits
    assert ("--method instant --axes YX -o seconds" in out) == suits
    if kind != "clean":
        settled = Denoiser(method="auto", device="cpu").settle(image(kind), notify=lambda _: None)
        assert (settled.method == "instant") == suits


def test_mistakes_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "cells.ome.tif", image("white"))
    picture = tmp_path / "d.png"
    assert run(["diagnose", str(path), "-o", str(tmp_path / "d.pdf")]) == 2
    assert run(["diagnose", str(path), "-o", str(picture)]) == 0
    assert run(["diagnose", str(path), "-o", str(picture)]) == 2
    assert run(["diagnose", str(path), "-o", str(picture), "--overwrite"]) == 0
    broken = image("white")
    broken[5, 5] = np.nan
    assert run(["diagnose", str(write(tmp_path / "nan.ome.tif", broken)), "-o", str(tmp_path / "n.png")]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len([line for line in lines if line.startswith("quietscope: expected")]) == 3


def test_a_denoiser_takes_the_method_that_the_noise_asks_for() -> None:
    told: list[str] = []
    denoiser = Denoiser(method="auto", budget="2h", device="cpu")
    settled = denoiser.settle(image("row", (64, 64)), notify=told.append)
    assert (settled.method, settled.network) == ("dvlae", {"direction": "x"})
    assert denoiser.configuration is settled
    assert [line.split(",")[0] for line in told] == ["method: dvlae", "direction: x"]


@pytest.mark.parametrize(
    ("words", "needle"),
    [
        (["--method", "hdn", "--direction", "x"], "--direction"),
        (["--method", "dvlae", "--deterministic-levels", "0"], "--deterministic-levels"),
        (["--method", "noise2void", "--deterministic-levels", "0,1"], "--deterministic-levels"),
        (["--method", "dvlae", "--direction", "z"], "direction z"),
        (["--method", "hdn", "--deterministic-levels", "0,9"], "below the top level"),
        (["--method", "hdn", "--deterministic-levels", "low"], "0,1"),
    ],
)
def test_settings_that_do_not_fit_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], needle: str
) -> None:
    path = write(tmp_path / "cells.ome.tif", image("white", (64, 64)))
    assert run(["denoise", str(path), "-o", str(tmp_path / "out"), *words]) == 2
    [line] = capsys.readouterr().err.strip().splitlines()
    assert needle in line
    assert len(line) < 300
    assert not (tmp_path / "out").exists()


def test_the_command_reads_the_same_image_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    with tifffile.TiffWriter("several.ome.tif", ome=True) as writer:
        for _ in range(2):
            writer.write(rng.poisson(200, (2, 64, 64)).astype(np.uint16), metadata={"axes": "TYX"})
    assert run(["diagnose", "several.ome.tif", "--series", "1"]) == 0
    assert "several.ome.tif --method hdn --series 1 -o out" in " ".join(capsys.readouterr().out.split())
    assert run(["diagnose", "several.ome.tif", "--series", "0"]) == 0  # the picture of the first stays
    assert {path.name for path in tmp_path.glob("*.png")} == {"diagnose.png", "diagnose-2.png"}
