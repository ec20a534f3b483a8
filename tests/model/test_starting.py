"""Training that starts from a model that there is: its network, its weights, and what the verdict makes of it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from quietscope import Denoiser, plan_denoise, plan_train, run
from quietscope.errors import ChannelError, ModelFileError, OutputError, SettingsError
from quietscope.model.file import save_model
from quietscope.model.starting import take_weights, with_start
from quietscope.pipeline.plan_words import describe
from tests.tiny import TRAINING, network

Pixels = npt.NDArray[np.float32]


def scene(seed: int = 0, scale: float = 1.0) -> Pixels:
    draw = np.random.default_rng(seed)
    ramp = np.linspace(0.0, 60.0, 32)
    return (scale * (100.0 + ramp + draw.normal(0.0, 8.0, (3, 32, 32)))).round().astype(np.float32)


def fitted(method: str, path: Path, *, steps: int = 4, **settings: Any) -> Denoiser:
    made = Denoiser(method=method, steps=steps, network=network(method), training=TRAINING, device="cpu", **settings)
    made.fit([scene()], axes="TYX", progress=False, notify=lambda _: None)
    made.save(path)
    return made


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    paths = {name: folder / f"{name}.safetensors" for name in ("hdn", "divnoising", "dvlae", "noise2void")}
    for name, path in paths.items():
        fitted(name, path)
    return paths


@pytest.mark.parametrize("method", ["hdn", "divnoising", "dvlae", "noise2void"])
def test_the_first_step_begins_with_the_models_weights(method: str, models: dict[str, Path]) -> None:
    """With a learning rate of next to nothing, the weights after a step are those of the file, on any scale."""
    start = Denoiser.load(models[method], device="cpu")
    training = {**TRAINING, "learning_rate": 1e-12}
    again = Denoiser.starting_from(models[method], device="cpu", steps=1, training=training)
    again.fit([scene(1, 10.0)], axes="TYX", progress=False, notify=lambda _: None)
    before = {name: weight for name, weight in start.method.named_parameters() if "noise_models" not in name}
    after = dict(again.method.named_parameters())
    for name, weight in before.items():
        torch.testing.assert_close(after[name], weight, atol=1e-6, rtol=0, msg=name)
    assert float(again.method.statistics.mean[0]) > 5 * float(start.method.statistics.mean[0])
    assert again.configuration.start_steps == 4
    assert again.configuration.method_settings() == start.configuration.method_settings()


def test_what_batch_norm_has_averaged_is_taken_too(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    fitted("divnoising", path)
    start = Denoiser.load(path, device="cpu")
    start.method.eval()
    again = Denoiser.starting_from(path, device="cpu", steps=1)
    method = Denoiser.load(path, device="cpu").method
    for buffer in (each for name, each in method.named_buffers() if "running" in name):
        buffer.zero_()
    take_weights(method, again.configuration)
    for name, buffer in start.method.named_buffers():
        if "running" in name:
            torch.testing.assert_close(dict(method.named_buffers())[name], buffer)


def test_steps_add_up(models: dict[str, Path], tmp_path: Path) -> None:
    second = Denoiser.starting_from(models["noise2void"], device="cpu", steps=3)
    second.fit([scene(1)], axes="TYX", progress=False, notify=lambda _: None)
    second.save(tmp_path / "second.safetensors")
    third = Denoiser.starting_from(tmp_path / "second.safetensors", device="cpu", steps=2)
    third.fit([scene(2)], axes="TYX", progress=False, notify=lambda _: None)
    assert third.configuration.start_steps == 7
    plain = third.configuration.training_settings().least_steps
    assert third.history.effort is not None
    assert third.history.effort.needed == max(0, plain - 7)


def test_settings_are_those_of_the_model_but_for_what_is_named(models: dict[str, Path]) -> None:
    values = with_start({"start": str(models["noise2void"]), "steps": 9, "network": {"filters": 8}})
    assert values["method"] == "noise2void"
    assert values["network"] == {**network("noise2void"), "filters": 8}
    assert with_start({"method": "hdn"}) == {"method": "hdn"}
    made = Denoiser.starting_from(models["noise2void"], steps=2, network={"filters": 8}, device="cpu")
    with pytest.raises(SettingsError, match="the very network"):
        made.fit([scene()], axes="TYX", progress=False, notify=lambda _: None)
    with pytest.raises(SettingsError, match="noise2void, the method of"):
        Denoiser.starting_from(models["noise2void"], method="hdn")
    with pytest.raises(SettingsError, match="got auto"):
        Denoiser.starting_from(models["noise2void"], method="auto")
    with pytest.raises(ModelFileError, match="does not exist"):
        Denoiser.starting_from("nothing.safetensors")


def test_a_run_starts_from_it_and_another_number_of_channels_is_refused(
    models: dict[str, Path], tmp_path: Path
) -> None:
    settings = {"start": str(models["noise2void"]), "steps": 2, "training": TRAINING}
    plan = plan_denoise([scene(1)], tmp_path / "out", settings, axes="TYX", device="cpu")
    assert describe(plan).learning.method == "noise2void"
    run(plan)
    assert Denoiser.load(tmp_path / "out" / "model.safetensors").configuration.start_steps == 4
    two = Denoiser.starting_from(models["noise2void"], device="cpu", steps=1)
    with pytest.raises(ChannelError, match=r"1 channel, as noise2void.*got 2"):
        two.fit([np.stack([scene(), scene(1)])], axes="CTYX", progress=False, notify=lambda _: None)


def test_the_model_is_an_input_that_nothing_replaces(models: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(models["noise2void"].read_bytes())
    settings = {"start": str(tmp_path / "model.safetensors"), "steps": 2}
    with pytest.raises(OutputError, match="input"):
        plan_denoise([scene(1)], tmp_path, settings, axes="TYX", device="cpu", overwrite=True).check()


def test_a_run_goes_on_without_the_file_that_it_started_from(models: dict[str, Path], tmp_path: Path) -> None:
    """What is resumed has weights of its own, and another file of that name changes nothing."""
    start, folder = tmp_path / "start.safetensors", tmp_path / "run"
    start.write_bytes(models["noise2void"].read_bytes())
    settings = {"start": str(start), "steps": 2, "training": TRAINING}
    run(plan_train([scene(1)], folder, settings, axes="TYX", device="cpu"))
    start.unlink()
    run(plan_train([scene(1)], folder, {"steps": 3}, axes="TYX", device="cpu", resume=True))
    found = Denoiser.load(folder / "model.safetensors", device="cpu")
    assert found.configuration.start_steps == 4
    assert found.card.training["steps"] == 3


def test_a_pruned_model_and_two_models_are_refused(models: dict[str, Path], tmp_path: Path) -> None:
    start = Denoiser.load(models["noise2void"], device="cpu")
    save_model(tmp_path / "pruned.safetensors", start.method, replace(start.card, pruned_share=0.5))
    made = Denoiser.starting_from(tmp_path / "pruned.safetensors", device="cpu", steps=1)
    with pytest.raises(SettingsError, match="which is pruned"):
        made.fit([scene()], axes="TYX", progress=False, notify=lambda _: None)
    with pytest.raises(SettingsError, match="one model to start from"):
        Denoiser.starting_from(models["noise2void"], start="x")
