"""Every method keeps the contract, in 2-D and in 3-D, with its options."""

from functools import partial

import pytest

from quietscope.methods import METHODS
from quietscope.methods.direct import DirectDenoiser
from quietscope.methods.divnoising import DivNoising
from quietscope.methods.instant import Instant
from quietscope.noise import PoissonGaussian
from quietscope.testing.method_contract import BuildMethod, MethodCase, method_cases
from tests.tiny import Values, configuration, untrained

VARIANTS: dict[str, Values] = {
    "hdn fast": {},
    "hdn 3-D": {"dims": 3},
    "hdn structured": {"preset": "paper", "deterministic_levels": (0,)},
    "hdn blind first": {"blind_share": 0.3},
    "divnoising fast": {},
    "divnoising paper": {"preset": "paper"},
    "divnoising 3-D": {"dims": 3, "z_halvings": 1, "blocks": 3},
    "divnoising blind first 3-D": {"dims": 3, "blind_share": 0.3},
    "dvlae fast": {},
    "dvlae paper": {"preset": "paper"},
    "dvlae 3-D": {"dims": 3, "direction": "y"},
    "noise2void fast": {"masked_share": 0.05},
    "noise2void paper": {"preset": "paper", "masked_share": 0.05},
    "noise2void n2v2": {"preset": "n2v2", "masked_share": 0.05},
    "noise2void 3-D": {"preset": "n2v2", "dims": 3, "masked_share": 0.05, "z_halvings": 1},
    "noise2void rows": {"masked_share": 0.05, "mask_axes": "x", "mask_extent": 5},
    "pn2v fast": {"masked_share": 0.05},
    "pn2v paper": {"preset": "paper", "masked_share": 0.05},
    "pn2v 3-D": {"dims": 3, "masked_share": 0.05, "mask_axes": "x", "mask_extent": 3},
    "gr2r fast": {},
    "gr2r photons 3-D": {"dims": 3, "split": "binomial"},
    "gap fast": {},
    "gap photons 3-D": {"dims": 3, "split": "binomial", "accumulation_steps": 1},
    "deconoising fast": {"masked_share": 0.05},
    "deconoising paper": {"preset": "paper", "masked_share": 0.05, "psf_sigma": (0.7, 1.5)},
    "deconoising 3-D": {"dims": 3, "masked_share": 0.05, "psf_sigma": (0.25, 1, 1), "total_variation": 0.01},
    "instant fast": {},
    "instant 3-D": {"dims": 3},
    "direct mean": {},
    "direct median": {"loss": "median", "stabilize": True},
    "direct 3-D": {"dims": 3, "z_halvings": 1, "draws": 2},
}
"""By the name of the method and a word for the variant: what `tests.tiny.configuration` takes."""


def with_teacher(settings: Values) -> DirectDenoiser:
    """Make an untrained direct denoiser that learns from a method with random weights and brighter images."""
    student = untrained(DirectDenoiser, width=8, **settings).train()
    student.learn_from(untrained(DivNoising, dims=student.spatial_dims, width=8, mean=200.0))
    return student


NARROW = PoissonGaussian(gain=0.05, read_noise=1.0)


def cases() -> list[MethodCase]:
    listed = []
    for name, settings in VARIANTS.items():
        method = name.partition(" ")[0]
        build: BuildMethod | None = partial(with_teacher, settings) if method == DirectDenoiser.name else None
        if method == Instant.name:
            # Told a third of the noise's width, so that there is something to learn for a network that adds nothing.
            build = partial(untrained, Instant, width=8, noise=NARROW, **settings)
        listed += method_cases(name, configuration(method, width=8, **settings), build)
    return listed


def test_every_method_has_a_variant() -> None:
    assert {name.partition(" ")[0] for name in VARIANTS} == set(METHODS)


@pytest.mark.parametrize("case", cases(), ids=str)
def test_contract(case: MethodCase) -> None:
    case.run()
