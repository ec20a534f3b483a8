"""One file per paper: network, likelihood, loss and sampler together."""

from quietscope.methods.base import Method
from quietscope.methods.hdn import HDN, HDNSettings

METHODS: dict[str, type[Method]] = {HDN.name: HDN}
"""Every method by the name that users type; a new one is one file and one line here."""

SETTINGS = {HDN.name: HDNSettings}

__all__ = ["METHODS", "SETTINGS"]
