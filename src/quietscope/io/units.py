"""Conversion of lengths to micrometres and of times to seconds, for the many spellings of units in files."""

from math import isfinite, nan

_MICROMETRES = {
    "m": 1e6,
    "meter": 1e6,
    "metre": 1e6,
    "cm": 1e4,
    "centimeter": 1e4,
    "centimetre": 1e4,
    "mm": 1e3,
    "millimeter": 1e3,
    "millimetre": 1e3,
    "um": 1.0,
    "µm": 1.0,  # U+00B5, the micro sign
    "μm": 1.0,  # U+03BC, the Greek letter
    "micron": 1.0,
    "microns": 1.0,
    "micrometer": 1.0,
    "micrometre": 1.0,
    "nm": 1e-3,
    "nanometer": 1e-3,
    "nanometre": 1e-3,
    "a": 1e-4,
    "å": 1e-4,
    "angstrom": 1e-4,
    "pm": 1e-6,
    "picometer": 1e-6,
    "inch": 25400.0,
    "in": 25400.0,
}
_SECONDS = {
    "h": 3600.0,
    "hour": 3600.0,
    "min": 60.0,
    "minute": 60.0,
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "ms": 1e-3,
    "millisecond": 1e-3,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "microsecond": 1e-6,
    "ns": 1e-9,
    "nanosecond": 1e-9,
}


def micrometres(value: object, unit: str | None) -> float | None:
    """Convert a length to micrometres.

    Args:
        value: The length, as a number or as text.
        unit: Its unit as spelled in the file; ImageJ writes the micro sign as a backslash escape.

    Returns:
        The length in micrometres; None if the value is no positive number or the unit is unknown.
    """
    return _converted(value, unit, _MICROMETRES)


def signed_micrometres(value: object, unit: str | None) -> float | None:
    """Convert a position, which may be zero or negative, to micrometres; None as for `micrometres`."""
    factor = micrometres(1, unit)
    try:
        place = float(str(value)) * (factor or nan)
    except ValueError:
        return None
    return place if isfinite(place) else None


def seconds(value: object, unit: str | None) -> float | None:
    """Convert a duration to seconds.

    Args:
        value: The duration, as a number or as text.
        unit: Its unit as spelled in the file.

    Returns:
        The duration in seconds; None if the value is no positive number or the unit is unknown.
    """
    return _converted(value, unit, _SECONDS)


def _converted(value: object, unit: str | None, factors: dict[str, float]) -> float | None:
    spelled = str(unit or "").strip().lower().replace("\\u00b5", "µ")
    try:
        number = float(str(value)) * factors[spelled]
    except (KeyError, ValueError):
        return None
    return number if isfinite(number) and number > 0 else None
