"""Configurations are checked whole, and presets fit their methods."""

import pytest

from quietscope.errors import BudgetError, SettingsError
from quietscope.methods import METHODS
from quietscope.presets import PRESETS, Configuration, Preset


@pytest.mark.parametrize("preset", PRESETS.values(), ids=list(PRESETS))
def test_a_preset_has_the_settings_of_its_method_and_one_limit(preset: Preset) -> None:
    assert type(preset.network) is METHODS[preset.method].settings_type
    assert (preset.budget is None) != (preset.steps is None)
    configuration = Configuration.of({"method": preset.method, "preset": preset.name})
    assert configuration.method_settings() == preset.network
    assert configuration.training_settings() == preset.training


def test_every_method_has_a_preset() -> None:
    assert {preset.method for preset in PRESETS.values()} == set(METHODS)


def test_a_method_is_known_by_its_aliases() -> None:
    assert Configuration.of({"method": "cosdd"}).method == "dvlae"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"method": "psychic", "psf": "sigma=1"}, r"a known method; got 'psychic'; choose `method=.hdn\|"),
        ({"method": "psychic", "noise": "sigma=1"}, "a known method; got 'psychic'"),
        ({"method": "hdn", "preset": "slow"}, r"a preset of hdn; got 'slow'; choose `preset=.fast\|best\|paper"),
        ({"method": "hdn", "psf": "sigma=1"}, "a PSF with `method=.deconoising.`; got psf = 'sigma=1' with hdn"),
        ({"method": "auto", "psf": "sigma=1"}, "method auto; pass `method=.deconoising.`"),
        ({"method": "auto", "network": {"filters": 8}}, "yet to be chosen; got filters"),
        ({"method": "noise2void", "noise": "sigma=1"}, "no noise model for noise2void"),
        ({"method": "deconoising", "network": {"psf_size": (3, 3)}}, "the PSF along with its size"),
        ({"method": "hdn", "network": {"blocks": -1}}, "network settings of hdn in range; got blocks = -1"),
        ({"method": "hdn", "network": {"directions": "x"}}, "network settings of hdn by known names; got 'directions'"),
        ({"method": "hdn", "network": {"filters": (8, 8)}}, "one entry per level"),
        ({"method": "hdn", "network": {"deterministic_levels": (4,)}}, "below the top level, 0 to 3"),
        ({"method": "hdn", "network": {"blocks": "auto"}}, "a value for blocks; got auto"),
    ],
)
def test_what_does_not_go_together_is_refused_with_what_to_type(values: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        Configuration.of(values)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"network": {"filters": [10**8, 10**8], "latent_channels": [8, 8]}}, "filters"),
        ({"network": {"blocks": 10**8}}, "blocks"),
        ({"network": {"filters": [16] * 200, "latent_channels": [8] * 200}}, "filters"),
        ({"training": {"betas": [1.0, 2.0]}}, "betas"),
        ({"training": {"learning_rate": float("inf")}}, "learning_rate"),
        ({"training": {"batch_size": 10**9}}, "batch_size"),
        ({"steps": 10**12}, "steps"),
        ({"noise": "x" * 100_000}, "noise"),
    ],
)
def test_absurd_values_are_refused_before_anything_is_built(values: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=said) as found:
        Configuration.of(values)
    assert len(str(found.value)) < 500


@pytest.mark.parametrize("method", ["hdn", "auto"])
def test_a_budget_that_cannot_be_read_is_refused_at_once(method: str) -> None:
    with pytest.raises(BudgetError, match="1x"):
        Configuration.of({"method": method, "budget": "1x"})
