"""Names from outside as they are shown: on a terminal, in pictures, in messages."""


def shown(text: str) -> str:
    r"""Return text in which nothing can move a cursor, hide a part, or break an encoding.

    File names may hold any byte. Python hands bytes that are no UTF-8 over as lone surrogates, which no file and no
    terminal takes, and passes control characters on as they are.

    Args:
        text: The text.

    Returns:
        The same, with every character that cannot be printed written as Python writes it, such as ``\x1b`` or
        ``\udcff``.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escaped(each) for each in text)


def shown_lines(text: str) -> str:
    """Return text of several lines as `shown` returns each of them."""
    return "\n".join(map(shown, text.split("\n")))


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
