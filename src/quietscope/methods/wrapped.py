"""A method around another, which it shows to the outside in another light."""

from typing import ClassVar

from quietscope.methods.base import Method


class WrappedMethod(Method):
    """A method that has size, turns and statistics of the one inside; made of it, and none that a file could hold.

    Args:
        method: The method inside, any that is trained or in training.
    """

    needs_noise: ClassVar[bool] = False

    def __init__(self, method: Method) -> None:
        super().__init__()
        self.method = method
        self.settings = method.settings
        self.statistics = method.statistics
        self.noise_models = method.noise_models

    @property
    def spatial_dims(self) -> int:
        """2 or 3."""
        return self.method.spatial_dims

    @property
    def size_multiple(self) -> tuple[int, ...]:
        """That of the method inside."""
        return self.method.size_multiple

    @property
    def reach(self) -> tuple[int, ...]:
        """That of the method inside."""
        return self.method.reach

    @property
    def orientations(self) -> tuple[int, ...]:
        """Those of the method inside."""
        return self.method.orientations

    def check_size(self, size: tuple[int, ...]) -> None:
        """Refuse what the method inside cannot learn from."""
        self.method.check_size(size)
