"""Pictures of notebooks in words, for who does not see them: what the section is about that they stand in."""

from typing import Any

from docutils import nodes


def describe(app: Any, document: nodes.document, name: str) -> None:
    """Give every picture that says nothing the titles of page and section as its words.

    Args:
        app: Sphinx.
        document: A page, about to be written.
        name: Its name.
    """
    for picture in document.findall(nodes.image):
        if not picture.get("alt"):
            picture["alt"] = f"Picture: {', '.join(_titles(picture))}"


def _titles(node: nodes.Node) -> list[str]:
    """Return the titles of the sections around a node, from the page to the nearest."""
    found = []
    while node.parent is not None:
        node = node.parent
        if isinstance(node, nodes.section):
            found += [title.astext() for title in node.children if isinstance(title, nodes.title)]
    return found[::-1]
