"""What a preset is, and how one is found by name."""

from quietscope.errors import SettingsError
from quietscope.methods import METHODS
from quietscope.presets import deconoising, direct, divnoising, dvlae, hdn, noise2void
from quietscope.presets.record import Preset

PRESETS: tuple[Preset, ...] = (
    hdn.FAST,
    hdn.PAPER,
    divnoising.FAST,
    divnoising.PAPER,
    dvlae.FAST,
    dvlae.TUTORIAL,
    dvlae.PAPER,
    noise2void.FAST,
    noise2void.N2V2,
    noise2void.PAPER,
    deconoising.FAST,
    deconoising.PAPER,
    direct.FAST,
    direct.LARGE,
)
"""Every preset; a new one is one record beside its method's and one name here."""


def find_preset(method: str, name: str) -> Preset:
    """Return a preset by its method and name.

    Args:
        method: Name of the method.
        name: Name of the preset.

    Returns:
        The preset.

    Raises:
        SettingsError: If there is no such method, or it has no such preset.
    """
    if method not in METHODS:
        raise SettingsError("a known method", repr(method), f"choose `--method {'|'.join(METHODS)}`")
    for preset in PRESETS:
        if (preset.method, preset.name) == (method, name):
            return preset
    names = "|".join(preset.name for preset in PRESETS if preset.method == method)
    raise SettingsError(f"a preset of {method}", repr(name), f"choose `--preset {names}`")
