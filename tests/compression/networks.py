"""Every method as a tiny network, in 2-D and in 3-D, wide enough to lose half of its channels."""

from typing import TypeVar

from quietscope import Denoiser
from quietscope.methods import METHODS
from quietscope.methods.base import BuiltMethod
from tests.tiny import Values, denoiser

NETWORKS: dict[str, Values] = {
    "noise2void": {},
    "noise2void n2v2": {"preset": "n2v2"},
    "noise2void paper": {"preset": "paper"},
    "noise2void 3-D": {"dims": 3, "z_halvings": 1},
    "pn2v": {},
    "pn2v 3-D": {"preset": "paper", "dims": 3, "initialisation": "uniform"},
    "deconoising add": {"preset": "paper", "initialisation": "uniform"},  # else some live channel is next to dead
    "deconoising 3-D": {"dims": 3, "psf_sigma": (0.3, 1.0, 1.0)},
    "direct": {"stabilize": True},
    "direct quick": {"preset": "quick"},
    "direct quick 3-D": {"preset": "quick", "dims": 3, "unshuffle": 4, "depth": 1},
    "gr2r": {},
    "gap": {},
    "instant": {},
    "divnoising": {},
    "divnoising 3-D": {"dims": 3, "blocks": 0},
    "hdn": {},
    "hdn gated": {"preset": "paper", "deterministic_levels": (0,)},
    "hdn 3-D": {"dims": 3},
    "dvlae gated": {"preset": "paper", "noise_filters": 8},
    "dvlae 3-D": {"dims": 3, "direction": "y", "noise_filters": 8},
}
"""By the name of the method and a word for the variant: what `tests.tiny.configuration` takes."""


Kind = TypeVar("Kind", bound=BuiltMethod)


def build(name: str) -> Denoiser:
    """Make one of them, untrained."""
    return denoiser(METHODS[name.partition(" ")[0]], width=16, **NETWORKS[name])


def build_method(name: str, kind: type[Kind]) -> Kind:
    """Make the method alone, of the class that it is of."""
    method = build(name).method
    assert isinstance(method, kind)
    return method
