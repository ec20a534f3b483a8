"""Which part of an image is read, from the shell."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quietscope.cli.part_options import PartOptions
from quietscope.errors import SettingsError
from quietscope.io import read_image, write_image
from quietscope.io.part import Part
from tests.cli.command_line import Quietscope, refused


def test_what_is_typed_is_read() -> None:
    typed = PartOptions(channels=["GFP", "0"], frames="0:100:10", planes="5", region="0:512,:768")
    assert typed.part == Part(
        channels=("GFP", 0),
        frames=slice(0, 100, 10),
        planes=slice(5, 6),
        region=(slice(0, 512, None), slice(None, 768)),
    )
    assert PartOptions(frames="3:").part == Part(frames=slice(3, None))
    assert PartOptions().part.is_whole


@pytest.mark.parametrize(
    "words",
    [
        {"frames": ""},
        {"frames": "a"},
        {"frames": "1:2:0"},
        {"planes": "-1"},
        {"region": "0:5"},
        {"region": "1,2"},
        {"region": "0:5:2,0:5"},
        {"region": "0:1,0:1,0:1"},
    ],
)
def test_what_cannot_be_read_is_refused(words: dict[str, Any]) -> None:
    [name] = words
    typed = replace(PartOptions(), **words)
    with pytest.raises(SettingsError, match=f"--{name} "):
        assert typed.part


def test_the_noise_of_one_channel_alone(quietscope: Quietscope, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    signal = 100 + 50 * np.sin(np.arange(128) / 9) + np.zeros((2, 2, 128, 128))
    noisy = rng.normal(signal, np.array([5.0, 20.0])[:, None, None])
    write_image(tmp_path / "two.ome.tif", noisy.astype(np.float32), "TCYX", channel_names=("a", "b"))
    words = ["noise", "estimate", tmp_path / "two.ome.tif", "-o", tmp_path / "n.safetensors"]
    status, _, err = quietscope(*words, "--channels", "b", "--frames", "1", "--region", "0:128,0:100")
    assert status == 0, err
    assert (tmp_path / "n.safetensors").exists(), "a single channel's noise has the plain name"
    refused(quietscope(*words, "--channels", "c", "--overwrite"), "two.ome.tif; got 'c'")
    refused(quietscope(*words, "--frames", "7", "--overwrite"), "frames within 0:2")


def test_evaluate_takes_a_part_of_all_that_go_together(quietscope: Quietscope, tmp_path: Path) -> None:
    """The rest of the image is far off, and a result of the part alone is told apart by its size."""
    rng = np.random.default_rng(0)
    clean = rng.uniform(0, 100, (2, 24, 32)).astype(np.float32)
    result = clean + rng.normal(0, 5, clean.shape).astype(np.float32)
    result[:, 12:] = -1000
    samples = result + rng.normal(0, 5, (9, *clean.shape)).astype(np.float32)
    region = (slice(None), slice(0, 12), slice(8, 32))
    for name, pixels in (("clean", clean), ("result", result), ("std", np.full_like(clean, 5))):
        write_image(tmp_path / f"{name}.tif", pixels, "TYX")
        write_image(tmp_path / f"{name}_cut.tif", pixels[region], "TYX")
    write_image(tmp_path / "samples.npy", samples, "STYX")
    part = ("--region", "0:12,8:32", "--axes", "TYX")
    names = ("clean", "std", "result")
    whole = {name: tmp_path / f"{name}.tif" for name in names}
    cut = {name: tmp_path / f"{name}_cut.tif" for name in names}
    expected = quietscope("evaluate", cut["result"], cut["clean"], "--std", cut["std"], "--axes", "TYX")
    assert expected[0] == 0, expected[2]
    for result_of in (whole, cut):
        words = ("evaluate", result_of["result"], whole["clean"], "--std", result_of["std"], *part)
        assert quietscope(*words)[1] == expected[1]
    assert quietscope("evaluate", whole["result"], whole["clean"])[1] != expected[1]
    status, out, err = quietscope(
        "evaluate", whole["result"], whole["clean"], "--samples", tmp_path / "samples.npy", *part
    )
    assert status == 0, err
    assert "the 80 % interval covers" in out
    refused(quietscope("evaluate", whole["result"], whole["clean"], "--frames", "5"), "frames within 0:2")


def test_channels_of_colours_are_picked_as_a_refusal_says(quietscope: Quietscope, model: Path, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).poisson(250, (32, 40, 3)).astype(np.uint16)
    write_image(tmp_path / "colours.tif", pixels, "YXS")
    words = ("predict", model, tmp_path / "colours.tif", "-o", tmp_path / "x.tif", "--samples", "2", "--insist")
    refused(quietscope(*words), "expected 1 channel", "got 3", "e.g. `--channels 0`")
    assert quietscope(*words, "--channels", "0")[0] in {0, 3}
    result = read_image(tmp_path / "x.tif")
    assert (result.axes, result.shape) == ("YX", (32, 40))
