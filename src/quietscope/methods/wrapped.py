"""Methods that wrap another one, for a purpose that the other does not serve by itself."""

from typing import ClassVar, Generic, TypeVar

from quietscope.methods.base import Method

Inner = TypeVar("Inner", bound=Method)


class WrappedMethod(Method, Generic[Inner]):
    """A method that wraps another one and has its size, orientations and statistics; no file can hold it.

    Args:
        method: The wrapped method, trained or in training.
    """

    needs_noise: ClassVar[bool] = False

    def __init__(self, method: Inner) -> None:
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
        """The wrapped method's."""
        return self.method.size_multiple

    @property
    def reach(self) -> tuple[int, ...]:
        """The wrapped method's."""
        return self.method.reach

    @property
    def orientations(self) -> tuple[int, ...]:
        """The wrapped method's."""
        return self.method.orientations

    def check_size(self, size: tuple[int, ...]) -> None:
        """Refuse what the wrapped method cannot learn from."""
        self.method.check_size(size)
