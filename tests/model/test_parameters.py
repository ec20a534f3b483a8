"""A denoiser is cloned and searched over as scikit-learn does it, and says what it is."""

import copy
import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quietscope import Denoiser
from quietscope.errors import BudgetError, SettingsError
from tests.tiny import TRAINING, network

NOISY = np.random.default_rng(0).poisson(100.0, (64, 64)).astype(np.uint16)
SETTINGS: dict[str, Any] = {
    "method": "noise2void",
    "steps": 2,
    "network": network("noise2void"),
    "training": TRAINING,
    "device": "cpu",
}


def cloned(model: Denoiser) -> Denoiser:
    """Clone as scikit-learn does: copies of the parameters go through the constructor, and come back the very same."""
    parameters = {name: copy.deepcopy(value) for name, value in model.get_params(deep=False).items()}
    twin = type(model)(**parameters)
    found = twin.get_params(deep=False)
    assert all(found[name] is value for name, value in parameters.items())
    return twin


def test_parameters_are_the_arguments_as_they_were_passed() -> None:
    model = Denoiser(**SETTINGS)
    found = model.get_params()
    assert list(found) == list(inspect.signature(Denoiser).parameters)
    assert all(found[name] is value for name, value in SETTINGS.items())
    found["method"] = "hdn"
    assert model.get_params()["method"] == "noise2void"


def test_a_clone_is_untrained_and_learns_the_same() -> None:
    model = Denoiser(**SETTINGS).fit(NOISY, progress=False)
    twin = cloned(model)
    assert twin.fit_report is None
    assert twin.configuration == Denoiser(**SETTINGS).configuration
    twin.fit(NOISY, progress=False)
    np.testing.assert_array_equal(twin.denoise(NOISY).mean, model.denoise(NOISY).mean)


def test_what_is_chosen_in_training_is_chosen_anew_by_a_clone() -> None:
    settings = {**SETTINGS, "method": "dvlae", "network": {**network("dvlae"), "direction": "auto"}}
    model = Denoiser(**settings)
    model.settle(NOISY)
    assert model.configuration.network["direction"] != "auto"
    assert cloned(model).configuration.network["direction"] == "auto"


def test_scikit_learn_clones_it() -> None:
    base = pytest.importorskip("sklearn.base", reason="not a library of ours")
    model = Denoiser(**SETTINGS).fit(NOISY, progress=False)
    twin = base.clone(model)
    assert twin.get_params() == model.get_params()
    assert twin.fit_report is None


def test_a_loaded_denoiser_is_cloned_too(tmp_path: Path) -> None:
    model = Denoiser(**SETTINGS).fit(NOISY, progress=False)
    model.save(tmp_path / "model.safetensors")
    loaded = Denoiser.load(tmp_path / "model.safetensors", device="cpu")
    assert cloned(loaded).configuration == loaded.configuration
    start = Denoiser.starting_from(tmp_path / "model.safetensors", steps=3, device="cpu")
    assert cloned(start).configuration == start.configuration
    again = Denoiser(start=tmp_path / "model.safetensors", steps=3, device="cpu")
    assert again.configuration == start.configuration


def test_parameters_are_set_for_the_next_training_and_the_model_stays_until_then() -> None:
    model = Denoiser(**SETTINGS).fit(NOISY, progress=False)
    before = model.denoise(NOISY).mean
    assert model.set_params(steps=3, seed=1) is model
    np.testing.assert_array_equal(model.denoise(NOISY).mean, before)
    assert (model.configuration.steps, model.get_params()["steps"], model.configuration.seed) == (3, 3, 1)
    report = model.fit(NOISY, progress=False).fit_report
    assert report is not None
    assert report.steps == 3
    assert model.set_params() is model


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"stepz": 3}, SettingsError, "stepz"),
        ({"steps": 0}, SettingsError, "steps"),
        ({"method": "none"}, SettingsError, "none"),
        ({"budget": "soon"}, BudgetError, "soon"),
    ],
)
def test_a_parameter_that_makes_no_sense_changes_nothing(change: dict[str, Any], error: type, words: str) -> None:
    model = Denoiser(**SETTINGS)
    before = model.configuration, model.get_params()
    with pytest.raises(error, match=words):
        model.set_params(seed=3, **change)
    assert (model.configuration, model.get_params()) == before


def test_a_denoiser_says_what_it_is_in_a_line() -> None:
    assert repr(Denoiser()) == "Denoiser(method='hdn')"
    assert repr(Denoiser(method="noise2void", steps=20)) == "Denoiser(method='noise2void', steps=20)"
    assert len(repr(Denoiser(**SETTINGS))) < 300


def test_in_a_notebook_a_denoiser_is_a_table() -> None:
    model = Denoiser(**{**SETTINGS, "network": None, "noise": "auto"})
    assert "not trained yet" in model._repr_html_()
    html = Denoiser(**SETTINGS).fit(NOISY, progress=False)._repr_html_()
    assert "not trained" not in html
    assert "parameters" in html
    assert "<script" not in Denoiser(method="hdn", noise="<script>")._repr_html_()
