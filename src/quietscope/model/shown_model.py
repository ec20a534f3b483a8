"""What a denoiser says of itself in a word, and in a notebook."""

from typing import TYPE_CHECKING, Any, Protocol

from quietscope.model.file import ModelCard, describe_model
from quietscope.model.parameters import DEVICE, Parametrized, defaults_of
from quietscope.model.shown_result import html_table

if TYPE_CHECKING:
    from quietscope.methods.base import Method


class Shown(Parametrized, Protocol):
    """What is shown; `quietscope.Denoiser` is."""

    _method: "Method | None"
    _card: ModelCard | None


MOST_CHARACTERS = 60


def shown(model: Shown) -> str:
    """Return a line such as ``Denoiser(method='noise2void', steps=200)``, with what differs from the defaults."""
    named = ", ".join(f"{name}={_brief(value)}" for name, value in _named(model).items())
    return f"{type(model).__name__}({named})"


def shown_as_html(model: Shown) -> str:
    """Return what it was made with, and what is known of the model where it is trained, as a table."""
    rows = [(name, _brief(value)) for name, value in _named(model).items()]
    if model._method is None or model._card is None:
        return html_table([("Denoiser", "not trained yet"), *rows])
    known = describe_model(model._method, model._card)
    return html_table([("Denoiser", "trained"), *(row for row in rows if row[0] not in known), *known.items()])


def _named(model: Shown) -> dict[str, Any]:
    """Return the method, and what else differs from the defaults."""
    defaults, made_of = defaults_of(type(model)), model.made_of
    differing = {name: value for name, value in made_of.items() if value != defaults[name] and name != DEVICE}
    return {"method": made_of["method"], **differing}


def _brief(value: Any) -> str:
    words = repr(value)
    return words if len(words) <= MOST_CHARACTERS else f"{words[: MOST_CHARACTERS - 3]}..."
