"""The longest tests start first, so that no worker is left with one of them at the end."""

import pytest

LONGEST = ("test_readme.py", "test_examples.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name not in LONGEST)
