"""Every method keeps the contract, in 2-D and in 3-D, with its options."""

from functools import partial

import pytest
import torch

from quietscope.data.normalize import Statistics
from quietscope.methods import METHODS
from quietscope.methods.direct import DirectDenoiser
from quietscope.methods.divnoising import DivNoising, DivNoisingSettings
from quietscope.noise import PoissonGaussian
from quietscope.presets import Configuration
from quietscope.testing.method_contract import MethodCase, method_cases, untrained

TINY = {"filters": (8, 8), "latent_channels": (4, 4), "blocks": 1, "final_blocks": 1, "stem_filters": 8}
TINY_VAE = {"depth": 1, "filters": 8, "latent_channels": 4}
TINY_UNET = {"depth": 1, "filters": 8, "masked_share": 0.05}
TINY_CODE = {"code_channels": 8, "noise_filters": 8, "signal_filters": 8, "dilations": (1,)}
TINY_DVLAE = {**TINY, **TINY_CODE, "halves": (True, True)}
TINY_DIRECT = {"depth": 1, "filters": 8}
VARIANTS = {
    "hdn fast": {"network": TINY},
    "hdn paper": {"preset": "paper", "network": TINY},
    "hdn 3-D": {"dims": 3, "network": TINY},
    "hdn structured": {"preset": "paper", "network": {**TINY, "deterministic_levels": (0,)}},
    "divnoising fast": {"method": "divnoising", "network": TINY_VAE},
    "divnoising paper": {"method": "divnoising", "preset": "paper", "network": TINY_VAE},
    "divnoising 3-D": {"method": "divnoising", "dims": 3, "network": {**TINY_VAE, "z_halvings": 1}},
    "dvlae fast": {"method": "dvlae", "network": TINY_DVLAE},
    "dvlae paper": {"method": "dvlae", "preset": "paper", "network": TINY_DVLAE},
    "dvlae none": {"method": "dvlae", "network": {**TINY_DVLAE, "direction": "none"}},
    "dvlae 3-D": {"method": "dvlae", "dims": 3, "network": {**TINY_DVLAE, "direction": "y"}},
    "noise2void fast": {"method": "noise2void", "network": TINY_UNET},
    "noise2void paper": {"method": "noise2void", "preset": "paper", "network": TINY_UNET},
    "noise2void n2v2": {"method": "noise2void", "preset": "n2v2", "network": TINY_UNET},
    "noise2void 3-D": {"method": "noise2void", "preset": "n2v2", "dims": 3, "network": {**TINY_UNET, "z_halvings": 1}},
    "noise2void rows": {"method": "noise2void", "network": {**TINY_UNET, "mask_axes": "x", "mask_extent": 5}},
    "deconoising fast": {"method": "deconoising", "network": TINY_UNET},
    "deconoising paper": {
        "method": "deconoising",
        "preset": "paper",
        "network": {**TINY_UNET, "psf_sigma": (0.7, 1.5)},
    },
    "deconoising 3-D": {
        "method": "deconoising",
        "dims": 3,
        "network": {**TINY_UNET, "psf_sigma": (0.25, 1, 1), "total_variation": 0.01},
    },
    "direct mean": {"method": "direct", "network": TINY_DIRECT},
    "direct median": {"method": "direct", "network": {**TINY_DIRECT, "loss": "median", "stabilize": True}},
    "direct 3-D": {"method": "direct", "dims": 3, "network": {**TINY_DIRECT, "z_halvings": 1, "draws": 2}},
}


def with_teacher(configuration: Configuration) -> DirectDenoiser:
    """Make an untrained direct denoiser that learns from a method with random weights and brighter images."""
    student = untrained(configuration)()
    assert isinstance(student, DirectDenoiser)
    brighter = Statistics(student.statistics.mean + 50.0, student.statistics.std)
    settings = DivNoisingSettings(spatial_dims=student.spatial_dims, stabilize=True, **TINY_VAE)
    with torch.random.fork_rng([]):
        torch.manual_seed(2)
        student.learn_from(DivNoising(settings, brighter, [PoissonGaussian(gain=0.5, offset=0.0, read_noise=5.0)]))
    return student


def cases() -> list[MethodCase]:
    listed = []
    for name, values in VARIANTS.items():
        configuration = Configuration.of(values)
        build = partial(with_teacher, configuration) if configuration.method == DirectDenoiser.name else None
        listed += method_cases(name, configuration, build)
    return listed


def test_every_method_has_a_variant() -> None:
    assert {values.get("method", "hdn") for values in VARIANTS.values()} == set(METHODS)


@pytest.mark.parametrize("case", cases(), ids=str)
def test_contract(case: MethodCase) -> None:
    case.run()
