"""Denoisers and exported models are trained models: the same functions are methods of both."""

import inspect
from collections.abc import Callable

import pytest

from quietscope import Denoiser, Deployed
from quietscope.model import denoising, exploring

METHODS = [
    *(denoising.denoise, denoising.denoise_into, denoising.sample),
    *(exploring.generate, exploring.generation, exploring.generate_into, exploring.shape_of),
    *(exploring.interpolate, exploring.renoise, exploring.levels),
]


@pytest.mark.parametrize("function", METHODS, ids=lambda function: function.__name__)
def test_both_offer_it_with_its_signature_and_words(function: Callable[..., object]) -> None:
    for kind in (Denoiser, Deployed):
        assert getattr(kind, function.__name__) is function
    first, *others = inspect.signature(function).parameters
    assert first == "model"
    described = inspect.getdoc(function)
    assert described is not None
    assert all(f"{name}: " in described for name in (first, *others) if function is not exploring.shape_of)


def test_nothing_is_inherited() -> None:
    for kind in (Denoiser, Deployed):
        assert kind.__bases__ == (object,)


def test_type_checkers_know_every_option_of_denoise() -> None:
    parameters = inspect.signature(denoising.denoise).parameters.values()
    options = {each.name: each.annotation for each in parameters if each.kind is each.KEYWORD_ONLY}
    assert options == inspect.get_annotations(denoising.Options)
