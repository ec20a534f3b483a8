"""One file per paper: network, likelihood, loss and sampler together."""

from quietscope.methods.base import BuiltMethod
from quietscope.methods.deconoising import DecoNoising
from quietscope.methods.direct import DirectDenoiser
from quietscope.methods.divnoising import DivNoising
from quietscope.methods.dvlae import DVLAE
from quietscope.methods.hdn import HDN
from quietscope.methods.noise2void import Noise2Void

METHODS: dict[str, type[BuiltMethod]] = {
    HDN.name: HDN,
    DivNoising.name: DivNoising,
    DVLAE.name: DVLAE,
    Noise2Void.name: Noise2Void,
    DecoNoising.name: DecoNoising,
    DirectDenoiser.name: DirectDenoiser,
}
"""Every method by the name that users type; a new one is one file and one line here."""


def canonical(name: str) -> str:
    """Return the name of a method by any of its names; a word that is none of them comes back as it is."""
    if name in METHODS:
        return name
    return next((own for own, method in METHODS.items() if name in method.aliases), name)


__all__ = ["METHODS", "canonical"]
