"""What a method can do is asked in one place: what comes out of it, and whether it has an ability."""

import pytest
import torch

from quietscope.data.normalize import Statistics
from quietscope.deploy.card import OUTPUTS
from quietscope.errors import SettingsError
from quietscope.methods import METHODS
from quietscope.methods.abilities import able, decode, encode, kinds_of, latents_of, outputs, require, respond
from quietscope.methods.base import (
    DeconvolvingMethod,
    Method,
    MomentsMethod,
    PointMethod,
    PosteriorMethod,
    SamplingMethod,
)
from quietscope.methods.generative import GenerativeMethod, HierarchicalMethod, PriorMethod
from quietscope.nn.seeding import seeded
from quietscope.noise import PoissonGaussian
from quietscope.presets import Configuration

SMALL = {
    "hdn": {"filters": (8, 8), "latent_channels": (4, 4), "stem_filters": 8, "blocks": 1, "final_blocks": 1},
    "divnoising": {"depth": 1, "filters": 8, "latent_channels": 4},
    "noise2void": {"depth": 1, "filters": 8},
    "deconoising": {"depth": 1, "filters": 8},
    "pn2v": {"depth": 1, "filters": 8, "samples": 4},
}


def made(name: str) -> Method:
    """Build a tiny method with random weights."""
    settings = Configuration.of({"method": name, "network": SMALL[name]}).method_settings()
    noise = [PoissonGaussian(gain=0.5, offset=0.0, read_noise=5.0)] if METHODS[name].needs_noise else []
    with seeded(0):
        return METHODS[name].build(settings, Statistics(torch.tensor([150.0]), torch.tensor([30.0])), noise).eval()


def noise_of(method: Method, count: int) -> list[torch.Tensor]:
    return [torch.randn(spec.shape(count, (16, 16))) for spec in latents_of(method)]


@pytest.mark.parametrize("name", SMALL)
def test_what_comes_out_bears_the_names_that_exported_models_have(name: str) -> None:
    method, x = made(name), 150 + 30 * torch.randn(1, 1, 16, 16)
    count = 3 if isinstance(method, PosteriorMethod) else 1
    with torch.inference_mode():
        found = respond(method, x, noise_of(method, count))
    assert tuple(found) == outputs(method)
    assert tuple(found) in OUTPUTS
    assert all(image.shape == (count, 1, 16, 16) for image in found.values())


def test_a_point_method_answers_with_its_prediction() -> None:
    method, x = made("noise2void"), 150 + 30 * torch.randn(2, 1, 16, 16)
    with torch.inference_mode():
        assert torch.equal(respond(method, x)["denoised"], require(method, PointMethod).predict(x))


def test_a_deconvolving_method_answers_with_both_images() -> None:
    method, x = require(made("deconoising"), DeconvolvingMethod), 150 + 30 * torch.randn(2, 1, 16, 16)
    with torch.inference_mode():
        found = respond(method, x)
        assert torch.equal(found["denoised"], method.predict(x))
        assert torch.equal(found["deconvolved"], method.deconvolve(x))


def test_a_method_of_moments_answers_with_both() -> None:
    method, x = require(made("pn2v"), MomentsMethod), 150 + 30 * torch.randn(2, 1, 16, 16)
    with torch.inference_mode():
        found, (mean, deviation) = respond(method, x), method.moments(x)
        assert torch.equal(found["denoised"], mean)
        assert torch.equal(method.predict(x), mean)
    assert torch.equal(found["deviation"], deviation)
    assert [kind.name for kind in kinds_of(type(method))] == ["mean", "std"]
    assert [kind.name for kind in kinds_of(METHODS["deconoising"])] == ["mean", "deconvolved"]


def test_samples_of_one_image_come_from_one_encoding() -> None:
    method, x = require(made("hdn"), PosteriorMethod), 150 + 30 * torch.randn(1, 1, 16, 16)
    noise = noise_of(method, 2)
    with torch.inference_mode():
        both = respond(method, x, noise)["sample"]
        second = method.decode(method.encode(x), [level[1:] for level in noise])
        assert torch.equal(decode(method, encode(method, x), noise)["sample"], both)
    assert torch.allclose(both[1:], second, rtol=1e-5, atol=1e-3)


def test_several_images_take_one_noise_each() -> None:
    method, x = require(made("divnoising"), PosteriorMethod), 150 + 30 * torch.randn(2, 1, 16, 16)
    noise = noise_of(method, 2)
    with torch.inference_mode():
        assert torch.equal(respond(method, x, noise)["sample"], method.decode(method.encode(x), noise))


def test_methods_are_listed_by_what_they_can_do() -> None:
    assert tuple(able(Method)) == tuple(METHODS)
    assert set(able(PointMethod)) | set(able(PosteriorMethod)) == set(METHODS)
    assert tuple(able(DeconvolvingMethod)) == ("deconoising",)
    assert tuple(able(HierarchicalMethod)) == ("hdn", "dvlae")


def test_a_method_that_has_the_ability_comes_back() -> None:
    method = made("hdn")
    assert require(method, GenerativeMethod) is method
    assert require(type(method), GenerativeMethod) is type(method)


@pytest.mark.parametrize(
    "ability", [PosteriorMethod, SamplingMethod, PriorMethod, DeconvolvingMethod, GenerativeMethod, HierarchicalMethod]
)
def test_the_refusal_names_what_was_wanted_what_came_and_what_to_type(ability: type[Method]) -> None:
    for method in (made("noise2void"), METHODS["noise2void"]):
        with pytest.raises(SettingsError, match=f"a method that {ability.ability}; got noise2void, which") as caught:
            require(method, ability)
        assert all(f'`method="{name}"`' in caught.value.fix for name in able(ability))


def test_the_refusal_says_what_the_ability_is_wanted_for_and_what_else_can_be_done() -> None:
    with pytest.raises(SettingsError, match=r"samples, for std; got noise2void, .* no more; train .*, or the mean"):
        require(
            METHODS["noise2void"],
            SamplingMethod,
            "for std",
            "which gives one image and no more",
            "train with {able}, or the mean",
        )
