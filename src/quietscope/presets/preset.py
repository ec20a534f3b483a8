"""The list of all presets, and the search for a preset by name."""

from quietscope.errors import SettingsError
from quietscope.methods import METHODS
from quietscope.presets import deconoising, direct, divnoising, dvlae, gap, gr2r, hdn, instant, noise2void, pn2v
from quietscope.presets.record import Preset
from quietscope.registry import Registry, record
from quietscope.wording import typed

_OWN = (
    *hdn.PRESETS,
    *divnoising.PRESETS,
    *dvlae.PRESETS,
    *noise2void.PRESETS,
    *pn2v.PRESETS,
    *gr2r.PRESETS,
    *gap.PRESETS,
    *deconoising.PRESETS,
    *instant.PRESETS,
    *direct.PRESETS,
)


def _declared_preset(key: str, member: object) -> Preset:
    found = record(Preset)(key, member)
    if found.key != key:
        raise TypeError(f"it must be declared as {found.key}")
    if found.method not in METHODS:
        raise TypeError(f"it is for the method {found.method}, which does not exist")
    settings = METHODS[found.method].settings_type
    if not isinstance(found.network, settings):
        raise TypeError(f"its network must be {settings.__name__}, but it is {type(found.network).__name__}")
    return found


PRESETS: Registry[Preset] = Registry("quietscope.presets", {preset.key: preset for preset in _OWN}, _declared_preset)
"""Every preset by METHOD.NAME, such as "hdn.fast".

A new preset is one record in the file of its method's presets; the file of a new method is one line of `_OWN`. Another
package declares its presets, for its own methods or for QuietScope's, in the entry-point group "quietscope.presets".
"""


def find_preset(method: str, name: str) -> Preset:
    """Return a preset by its method and name.

    Args:
        method: Name of the method.
        name: Name of the preset.

    Returns:
        The preset.

    Raises:
        SettingsError: If there is no such method, or the method has no such preset.
        PluginError: If the package that the method or the preset comes from cannot be imported.
    """
    if method not in METHODS:
        raise SettingsError("a known method", repr(method), f"choose `{typed(method='|'.join(METHODS))}`")
    key = f"{method}.{name}"
    if key in PRESETS:
        return PRESETS[key]
    names = "|".join(each.partition(".")[2] for each in PRESETS if each.partition(".")[0] == method)
    source = METHODS.source_of(method)
    fix = f"choose `{typed(preset=names)}`" if names else f"ask the package {source} to declare one in {PRESETS.group}"
    kind = METHODS[method]  # raises PluginError if the method's package is broken and so declares no presets
    raise SettingsError(f"a preset of {kind.name}", repr(name), fix)
