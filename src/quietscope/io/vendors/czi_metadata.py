"""Pixel size, channel names, time step and details of a CZI file, from its XML document as nested dictionaries."""

from collections.abc import Sequence
from typing import Any

from quietscope.io.details import Details, Told, valid_colors, valid_name, valid_wavelengths
from quietscope.io.units import micrometres, seconds


def metadata_of(document: Any, axes: str, channels: Sequence[int]) -> Told:
    """Return the fields of an image that the XML document tells.

    Args:
        document: The document, as nested dictionaries and lists.
        axes: Axes of the image beside Y and X.
        channels: Numbers of its channels in the file.

    Returns:
        Pixel size, channel names, time step and details.
    """
    image = _inside(document, "ImageDocument", "Metadata", "Information", "Image")
    all_channels = _listed(_inside(image, "Dimensions", "Channels", "Channel"))
    chosen = [all_channels[number] if number < len(all_channels) else {} for number in channels]
    shown = _listed(_inside(document, "ImageDocument", "Metadata", "DisplaySetting", "Channels", "Channel"))
    names = tuple(_name(channel, shown) for channel in chosen)
    return {
        "pixel_size_um": _pixel_size(document, axes),
        "channel_names": names if any(names) else (),
        "frame_interval_s": _interval(_inside(image, "Dimensions", "T")) if "T" in axes else None,
        "details": Details(
            name=valid_name(_inside(document, "ImageDocument", "Metadata", "Information", "Document", "Title")),
            acquired=_text(_inside(image, "AcquisitionDateAndTime"))[:64],
            colors=valid_colors(_text(channel.get("Color"))[-6:] for channel in chosen),
            emission_nm=valid_wavelengths((channel.get("EmissionWavelength"), "nm") for channel in chosen),
        ),
    }


def scene_names(document: Any, numbers: Sequence[int | None]) -> tuple[str, ...]:
    """Return the name of each scene; empty where none has any."""
    image = _inside(document, "ImageDocument", "Metadata", "Information", "Image")
    scenes = _listed(_inside(image, "Dimensions", "S", "Scenes", "Scene"))
    by_number = {_text(scene.get("@Index")) or str(at): _text(scene.get("@Name")) for at, scene in enumerate(scenes)}
    names = tuple(by_number.get(str(number), "") for number in numbers)
    return names if any(names) else ()


def _name(channel: Any, shown: Sequence[Any]) -> str:
    """Return the name of a channel; a file of the writing library leaves it to what is shown."""
    own = _text(channel.get("@Name"))
    same = (_text(each.get("@Name")) for each in shown if each.get("@Id") == channel.get("@Id") and "@Id" in channel)
    return own or next(same, "") or _text(channel.get("Fluor"))


def _pixel_size(document: Any, axes: str) -> dict[str, float]:
    items = _listed(_inside(document, "ImageDocument", "Metadata", "Scaling", "Items", "Distance"))
    sizes = {_text(item.get("@Id")): micrometres(item.get("Value"), "m") for item in items}
    return {letter: size for letter in "XYZ" if (size := sizes.get(letter)) is not None and letter in f"{axes}YX"}


def _interval(times: Any) -> float | None:
    told = seconds(_inside(times, "Positions", "Interval", "Increment"), "s")
    if told is not None:
        return told
    try:
        offsets = [float(word) for word in _text(_inside(times, "Positions", "List", "Offsets")).split()]
    except ValueError:
        return None
    return seconds((offsets[-1] - offsets[0]) / (len(offsets) - 1), "s") if len(offsets) > 1 else None


def _inside(value: Any, *names: str) -> Any:
    """Return what lies under names, one inside the other; None where it is not there."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _listed(value: Any) -> list[dict[str, Any]]:
    """Return elements that there may be none, one or several of as a list."""
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, dict)]


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""
