"""One file per paper: network, likelihood, loss and sampler together."""

from quietscope.methods.base import BuiltMethod, MethodSettings
from quietscope.methods.deconoising import DecoNoising, DecoNoisingSettings
from quietscope.methods.direct import DirectDenoiser, DirectSettings
from quietscope.methods.divnoising import DivNoising, DivNoisingSettings
from quietscope.methods.dvlae import DVLAE, DVLAESettings
from quietscope.methods.hdn import HDN, HDNSettings
from quietscope.methods.noise2void import Noise2Void, Noise2VoidSettings

METHODS: dict[str, type[BuiltMethod]] = {
    HDN.name: HDN,
    DivNoising.name: DivNoising,
    DVLAE.name: DVLAE,
    Noise2Void.name: Noise2Void,
    DecoNoising.name: DecoNoising,
    DirectDenoiser.name: DirectDenoiser,
}
"""Every method by the name that users type; a new one is one file and one line here."""

SETTINGS: dict[str, type[MethodSettings]] = {
    HDN.name: HDNSettings,
    DivNoising.name: DivNoisingSettings,
    DVLAE.name: DVLAESettings,
    Noise2Void.name: Noise2VoidSettings,
    DecoNoising.name: DecoNoisingSettings,
    DirectDenoiser.name: DirectSettings,
}

ALIASES = {"cosdd": DVLAE.name}
"""Other names of methods: COSDD is what the authors of DVLAE call it since."""

__all__ = ["ALIASES", "METHODS", "SETTINGS"]
