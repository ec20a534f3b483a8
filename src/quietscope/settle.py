"""What a configuration leaves open, decided by a look at the noise: method, direction, deterministic levels."""

from typing import Any

from quietscope.data.frames import Frames
from quietscope.data.preparation import Notify
from quietscope.methods.dvlae import DVLAE
from quietscope.methods.hdn import HDN
from quietscope.presets import Configuration
from quietscope.store.noise_choice import NOTEWORTHY_CORRELATION, measure_channel


def settle(configuration: Configuration, frames: Frames, notify: Notify | None = None) -> Configuration:
    """Replace every "auto" of a configuration by what suits the noise of the images.

    Args:
        configuration: The configuration.
        frames: The noisy frames.
        notify: Called with one line for each choice.

    Returns:
        A configuration that leaves nothing open; the same where nothing was.

    Raises:
        NoiseError: If the images are too small to say anything of their noise.
        SettingsError: If what was found does not go with the other settings.
    """
    if not configuration.unsettled:
        return configuration
    tell = notify or (lambda _: None)
    found = [measure_channel(frames, channel) for channel in range(frames.num_channels)]
    x = max(each.correlation_x for each in found)
    y = max(each.correlation_y for each in found)
    is_x, is_y = x > NOTEWORTHY_CORRELATION, y > NOTEWORTHY_CORRELATION
    direction = "x" if is_x and x >= y else "y" if is_y else "none"
    method = HDN.name if is_x == is_y else DVLAE.name
    values: dict[str, Any] = configuration.model_dump()
    chosen: dict[str, Any] = {}
    if "method" in configuration.unsettled:
        values["method"] = method
        chosen = {"direction": direction} if method == DVLAE.name else {}
        tell(f"method: {method}")
    else:
        answers = {"direction": direction, "deterministic_levels": (0, 1) if is_x or is_y else ()}
        chosen = {name: answers[name] for name in configuration.unsettled}
    for name, value in chosen.items():
        tell(f"{name.replace('_', ' ')}: {value} (lag-1 correlation of the noise {x:.2f} along x, {y:.2f} along y)")
    return Configuration.of({**values, "network": {**values["network"], **chosen}})
