"""What decides how frames are cut and turned, without a model."""

from dataclasses import dataclass

from quietscope.tiling.orientations import ALL_TURNS


@dataclass(frozen=True)
class Sizes:
    """A model as tiles see it."""

    size_multiple: tuple[int, ...] = (4, 4)
    orientations: tuple[int, ...] = ALL_TURNS

    @property
    def spatial_dims(self) -> int:
        return len(self.size_multiple)

    @property
    def reach(self) -> tuple[int, ...]:
        return (0,) * len(self.size_multiple)
