"""The lines that stand for an action do the same when they are run: the command, and the Python lines."""

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quietscope import Denoiser, read_image, write_image
from quietscope.cli import run
from tests.napari.conftest import image_layer, noisy
from tests.tiny import TRAINING, network

SETTINGS = {"method": "noise2void", "budget": "1s"}


@pytest.fixture
def source(app: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a layer that was read from a file, in the folder that is worked in."""
    from quietscope.napari.layer_source import OWN, Source

    monkeypatch.chdir(tmp_path)
    pixels = noisy(3, 128, 132)
    write_image("my cells.tif", pixels, "TYX")
    return Source(layers=(image_layer(pixels, metadata={OWN: {"path": "my cells.tif"}}),), axes="TYX")


def command(line: str) -> int:
    """Run the words behind `quietscope`."""
    first, *words = shlex.split(line, comments=True)
    assert first == "quietscope"
    return run(words)


def python(lines: str) -> dict[str, Any]:
    """Run lines of Python, and return what they named."""
    names: dict[str, Any] = {}
    exec(compile(lines, "lines", "exec"), names)
    return names


def test_looking(source: Any, capsys: pytest.CaptureFixture[str]) -> None:
    from quietscope.napari.typed_lines import of_look

    lines = of_look(source)
    assert command(lines.command) == 0
    by_command = capsys.readouterr().out
    python(lines.python)
    assert capsys.readouterr().out.strip().split(":")[0] in by_command


def test_learning(source: Any, tmp_path: Path) -> None:
    from quietscope.napari.typed_lines import of_learning

    lines = of_learning(source, (), "run", SETTINGS)
    assert lines.command == ("quietscope train 'my cells.tif' --axes TYX --method noise2void --budget 1s -o run")
    python(
        lines.python.replace(repr(SETTINGS), repr({**SETTINGS, "network": network("noise2void"), "training": TRAINING}))
    )
    assert Denoiser.load("run/model.safetensors").card.axes == "TYX"
    again = of_learning(source, (), "run", SETTINGS, resume=True)
    assert again.command.endswith("-o run --resume")
    assert "resume=True" in again.python


def test_denoising_and_doubting(source: Any, tmp_path: Path) -> None:
    from quietscope.methods import METHODS
    from quietscope.napari.typed_lines import of_denoising, of_samples
    from tests.tiny import denoiser

    denoiser(METHODS["hdn"], card={"axes": "TYX"}).save(tmp_path / "model.safetensors")
    lines = of_denoising(source, "model.safetensors", ("mean", "std"), 4)
    assert command(lines.command) in (0, 3)
    by_command = np.asarray(read_image("my cells_denoised.ome.tif"))
    result = python(lines.python.rpartition("\n")[0])["result"]
    assert np.allclose(result.mean, by_command, atol=1e-3)
    part = {"T": (1, 2), "Y": (8, 72), "X": (0, 66)}
    lines = of_samples(source, "model.safetensors", 3, part)
    assert command(lines.command) in (0, 3)
    samples = python(lines.python)["samples"]
    assert samples.shape == (3, 1, 64, 66)
    assert np.allclose(samples[:, 0], np.asarray(read_image("my cells_sampled_samples.ome.tif")), atol=1e-3)


@pytest.mark.parametrize("part", [{}, {"T": (1, 2)}])
def test_segmenting(source: Any, tmp_path: Path, part: dict[str, tuple[int, int]]) -> None:
    from quietscope.methods import METHODS
    from quietscope.napari.typed_lines import of_objects
    from tests.tiny import denoiser

    denoiser(METHODS["hdn"], card={"axes": "TYX"}).save(tmp_path / "model.safetensors")
    lines = of_objects(source, "model.safetensors", 3, 12.0, 0, part)
    assert command(lines.command) in (0, 3)
    by_command = np.asarray(read_image("my cells_objects/labels.tif"))
    found = python(lines.python)["found"]
    assert found.labels.shape == (len(range(*part.get("T", (0, 3)))), 128, 132)
    assert np.array_equal(found.labels.squeeze(), by_command)


def test_a_channel_of_a_file_is_read_alone(app: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from napari.components import ViewerModel

    from quietscope.methods import METHODS
    from quietscope.napari import typed_lines
    from quietscope.napari.layer_source import Source
    from tests.tiny import denoiser

    monkeypatch.chdir(tmp_path)
    write_image("two.tif", noisy(2, 128, 132), "CYX")
    layers = ViewerModel().open("two.tif", plugin="quietscope")
    source = Source(layers=(layers[1],))
    assert source.channels == (1,)
    assert Source(layers=tuple(layers), are_channels=True).channels == (0, 1)
    assert Source(layers=tuple(layers)).channels == ()
    small = {**SETTINGS, "network": network("noise2void"), "training": TRAINING}
    python(typed_lines.of_learning(source, (), "run", SETTINGS).python.replace(repr(SETTINGS), repr(small)))
    assert len(Denoiser.load("run/model.safetensors").method.statistics.mean) == 1
    assert "--channels 1" in typed_lines.of_learning(source, (), "run", SETTINGS).command
    denoiser(METHODS["hdn"], card={"axes": "YX"}).save(tmp_path / "model.safetensors")
    lines = typed_lines.of_denoising(source, "model.safetensors", ("mean", "std"), 4)
    assert command(lines.command) in (0, 3)
    by_command = np.asarray(read_image("two_denoised.ome.tif")).squeeze()
    assert by_command.shape == (128, 132)
    result = python(lines.python.rpartition("\n")[0])["result"]
    assert np.allclose(result.mean.squeeze(), by_command, atol=1e-3)
    lines = typed_lines.of_objects(source, "model.safetensors", 3, 12.0, 0, {})
    assert command(lines.command) in (0, 3)
    assert np.array_equal(
        python(lines.python)["found"].labels.squeeze(), np.asarray(read_image("two_objects/labels.tif"))
    )
    python(typed_lines.of_look(source).python)


def test_layers_that_are_in_no_file_are_to_be_saved_first(app: Any) -> None:
    from quietscope.napari.layer_source import Source
    from quietscope.napari.typed_lines import of_look

    lines = of_look(Source(layers=(image_layer(noisy(40, 40), "two words"),)))
    assert (
        lines.command
        == "# save first, by File > Save Selected Layers: 'two words'\nquietscope diagnose two_words.ome.tif"
    )
