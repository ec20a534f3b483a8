"""One file per paper: network, likelihood, loss and sampler together."""

from quietscope.methods.base import Method, MethodSettings
from quietscope.methods.divnoising import DivNoising, DivNoisingSettings
from quietscope.methods.hdn import HDN, HDNSettings
from quietscope.methods.noise2void import Noise2Void, Noise2VoidSettings

METHODS: dict[str, type[Method]] = {HDN.name: HDN, DivNoising.name: DivNoising, Noise2Void.name: Noise2Void}
"""Every method by the name that users type; a new one is one file and one line here."""

SETTINGS: dict[str, type[MethodSettings]] = {
    HDN.name: HDNSettings,
    DivNoising.name: DivNoisingSettings,
    Noise2Void.name: Noise2VoidSettings,
}

__all__ = ["METHODS", "SETTINGS"]
