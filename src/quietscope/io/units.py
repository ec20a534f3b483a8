"""Lengths to micrometres and times to seconds, from the many ways in which files spell their units."""

from math import isfinite

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
        value: The length, as a number or its text.
        unit: Its unit as the file spells it; ImageJ writes the micro sign as a backslash escape.

    Returns:
        The length in micrometres, or None where the value or the unit says nothing usable.
    """
    return _converted(value, unit, _MICROMETRES)


def seconds(value: object, unit: str | None) -> float | None:
    """Convert a duration to seconds.

    Args:
        value: The duration, as a number or its text.
        unit: Its unit as the file spells it.

    Returns:
        The duration in seconds, or None where the value or the unit says nothing usable.
    """
    return _converted(value, unit, _SECONDS)


def _converted(value: object, unit: str | None, factors: dict[str, float]) -> float | None:
    spelled = str(unit or "").strip().lower().replace("\\u00b5", "µ")
    try:
        number = float(str(value)) * factors[spelled]
    except (KeyError, ValueError):
        return None
    return number if isfinite(number) and number > 0 else None
