"""One run of training from end to end, whatever its images, budget and thread are."""

import functools
import math
import threading
from collections.abc import Callable

import numpy as np
import pytest
import torch

from quietscope.axes import Layout
from quietscope.data.frames import Frames
from quietscope.data.normalize import Statistics
from quietscope.methods.hdn import HDN
from quietscope.methods.noise2void import Noise2Void, Noise2VoidSettings
from quietscope.nn.seeding import seeded
from quietscope.testing.method_contract import toy_frames, toy_settings, train_toy
from quietscope.training.budget import Budget
from quietscope.training.fit import fit
from tests.tiny import untrained

CPU = torch.device("cpu")


def test_a_time_budget_ends_the_run_and_leaves_a_model(
    build: Callable[[], HDN],
) -> None:
    report = fit(build(), toy_frames(build()), toy_settings(), Budget(seconds=0.3), device=CPU)
    assert report.steps > 0
    assert math.isfinite(report.best_validation_loss)


def test_training_works_outside_the_main_thread(
    build: Callable[[], HDN],
) -> None:
    reports = []
    thread = threading.Thread(target=lambda: reports.append(train_toy(build(), 2)))
    thread.start()
    thread.join()
    assert reports[0].steps == 2


def test_training_leaves_the_global_generator_alone(
    build: Callable[[], HDN],
) -> None:
    method = build()
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    train_toy(method, 3)
    assert torch.equal(torch.rand(1), expected)


def test_a_method_that_has_been_at_work_is_trained_as_a_fresh_one_is() -> None:
    def build() -> Noise2Void:
        with seeded(0):
            settings = Noise2VoidSettings(depth=1, filters=4, batch_norm=True, masked_share=1 / 16)
            return Noise2Void.build(settings, Statistics(torch.tensor([150.0]), torch.tensor([30.0])), [])

    fresh, worked = build(), build()
    worked.eval()
    one, two = train_toy(fresh, 3), train_toy(worked, 3)
    for name, value in one.last_state.items():
        assert torch.equal(value, two.last_state[name]), name


def test_images_smaller_than_a_patch_are_trained_on(
    build: Callable[[], HDN],
) -> None:
    array = np.random.default_rng(0).normal(150, 30, (9, 13)).astype(np.float32)
    frames = Frames(((array, Layout.of("YX", array.shape)),))
    assert fit(build(), frames, toy_settings(), Budget(steps=2), device=CPU).steps == 2


def test_a_compiled_loss_trains_to_the_same_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of the compiler but its last stage, which writes C++ and takes minutes to build it."""
    compiled: list[object] = []

    def traced(function: Callable[..., object]) -> object:
        compiled.append(function)
        return compile_whole(function)

    compile_whole = functools.partial(torch.compile, backend="aot_eager")
    monkeypatch.setattr(torch, "compile", traced)
    plain, method = untrained(Noise2Void), untrained(Noise2Void)
    one = fit(plain, toy_frames(plain), toy_settings(), Budget(steps=5), device=CPU)
    assert compiled == []
    two = fit(method, toy_frames(method), toy_settings(compile=True), Budget(steps=5), device=CPU)
    assert compiled == [method.loss]
    assert math.isclose(one.best_validation_loss, two.best_validation_loss, rel_tol=1e-6)
    for name, value in one.last_state.items():
        assert torch.allclose(value, two.last_state[name], rtol=1e-4, atol=1e-6), name
