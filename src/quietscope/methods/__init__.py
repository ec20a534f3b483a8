"""One file per paper: network, likelihood, loss and sampler together."""

from quietscope.methods.base import BuiltMethod
from quietscope.methods.deconoising import DecoNoising
from quietscope.methods.direct import DirectDenoiser
from quietscope.methods.divnoising import DivNoising
from quietscope.methods.dvlae import DVLAE
from quietscope.methods.gap import GAP
from quietscope.methods.gr2r import GR2R
from quietscope.methods.hdn import HDN
from quietscope.methods.instant import Instant
from quietscope.methods.noise2void import Noise2Void
from quietscope.methods.pn2v import PN2V
from quietscope.registry import Registry, subclass

_OWN: tuple[type[BuiltMethod], ...] = (
    HDN,
    DivNoising,
    DVLAE,
    Noise2Void,
    PN2V,
    GR2R,
    GAP,
    DecoNoising,
    Instant,
    DirectDenoiser,
)

METHODS: Registry[type[BuiltMethod]] = Registry(
    "quietscope.methods",
    {method.name: method for method in _OWN},
    subclass(BuiltMethod, "name"),
    reserved=("auto", *(alias for method in _OWN for alias in method.aliases)),
)
"""Every method by the name that users type.

A new method is one file and one word in `_OWN`; another package declares its own methods in the entry-point group
"quietscope.methods", under the method's `name`.
"""


def canonical(name: str) -> str:
    """Return the name of a method, given its name or an alias; any other word is returned unchanged."""
    if name in METHODS:
        return name
    return next((own for own, method in METHODS.items() if name in method.aliases), name)


__all__ = ["METHODS", "canonical"]
