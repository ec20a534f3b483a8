"""Base class of methods that wrap another method, to add a behaviour that the wrapped method lacks."""

from typing import ClassVar, Generic, TypeVar

from quietscope.methods.base import Method

Inner = TypeVar("Inner", bound=Method)


class WrappedMethod(Method, Generic[Inner]):
    """A method that wraps another and has the same size, orientations and statistics; it cannot be saved to a file.

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
        """The wrapped method's `size_multiple`."""
        return self.method.size_multiple

    @property
    def reach(self) -> tuple[int, ...]:
        """The wrapped method's `reach`."""
        return self.method.reach

    @property
    def orientations(self) -> tuple[int, ...]:
        """The wrapped method's `orientations`."""
        return self.method.orientations

    def check_size(self, size: tuple[int, ...]) -> None:
        """Refuse images of a size that the wrapped method cannot learn from."""
        self.method.check_size(size)
