"""Which methods can be explored."""

from quietscope.errors import SettingsError
from quietscope.methods import METHODS
from quietscope.methods.base import GenerativeMethod, Method


def as_generative(method: Method) -> GenerativeMethod:
    """Return a method as one that has a prior.

    Args:
        method: Any method.

    Returns:
        The same.

    Raises:
        SettingsError: If it has no prior to draw from.
    """
    if isinstance(method, GenerativeMethod):
        return method
    able = " or ".join(f"`--method {name}`" for name, each in METHODS.items() if issubclass(each, GenerativeMethod))
    raise SettingsError("a method that has learnt what images look like", method.name, f"train with {able}")
