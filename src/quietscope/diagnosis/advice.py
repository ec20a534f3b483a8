"""Which denoising method suits the noise that was found. Advice is data; ``words`` puts it into sentences."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from quietscope.diagnosis.blocks import MAX_LAG
from quietscope.diagnosis.correlation import AxisCorrelation, Doubt
from quietscope.diagnosis.kind import Kind

Direction: TypeAlias = Literal["x", "y", "z", "none"]

_DIRECTIONS: dict[Kind, Direction] = {"row-correlated": "x", "column-correlated": "y", "correlated along z": "z"}

FEWEST_LEVELS = 5
"""Levels of the smallest preset of HDN; advice that is valid for five levels is valid for every preset."""


@dataclass(frozen=True, kw_only=True)
class AxisDoubt:
    """Why the correlation along one axis could not be decided.

    Attributes:
        axis: "x" or "y".
        neighbours: Measured correlation of neighbouring pixels, -1 to 1.
        cause: What makes the measurement inconclusive.
    """

    axis: str
    neighbours: float
    cause: Doubt


@dataclass(frozen=True, kw_only=True)
class Advice:
    """The method to use, its settings, and the finding that leads to them.

    Attributes:
        kind: Kind of noise that was found.
        method: "hdn" or "dvlae"; None if there is nothing to denoise.
        direction: For dvlae: the axis along which the noise is correlated.
        deterministic_levels: For hdn: levels of the hierarchy that must not see the image; see
            `deterministic_levels`.
        neighbours_x: Measured correlation of neighbouring pixels along x, -1 to 1.
        neighbours_y: The same along y.
        reach: Pixels that the noise is correlated over; 1 for independent noise.
        is_unending: Whether whole rows or columns are offset.
        doubts: The axes that could not be decided; empty unless the kind is "not sure".
    """

    kind: Kind
    method: str | None
    direction: Direction = "none"
    deterministic_levels: tuple[int, ...] = ()
    neighbours_x: float = 0.0
    neighbours_y: float = 0.0
    reach: int = 1
    is_unending: bool = False
    doubts: tuple[AxisDoubt, ...] = ()

    @property
    def is_far(self) -> bool:
        """Whether the noise is correlated further than the 8 pixels that a small noise decoder sees."""
        return self.reach > MAX_LAG

    @property
    def sure(self) -> bool:
        """Whether the kind of noise could be decided."""
        return self.kind != "not sure"


def advise(kind: Kind, x: AxisCorrelation, y: AxisCorrelation) -> Advice:
    """Choose a method for a kind of noise.

    Noise correlated along one axis is what DVLAE models. Noise correlated along both axes is kept out of the result
    of HDN by closing its fine levels. Everything else, undecided cases included, goes to HDN as it is.

    Args:
        kind: Kind of noise.
        x: Correlation along x.
        y: Correlation along y.

    Returns:
        The advice.
    """
    method: str | None = "hdn"
    direction: Direction = "none"
    levels: tuple[int, ...] = ()
    doubts: tuple[AxisDoubt, ...] = ()
    if kind == "none":
        method = None
    elif kind == "not sure":
        doubts = tuple(
            AxisDoubt(axis=part.axis, neighbours=part.neighbours, cause=part.doubt)
            for part in (x, y)
            if part.doubt is not None
        )
    elif kind in _DIRECTIONS:
        method, direction = "dvlae", _DIRECTIONS[kind]
    elif kind == "correlated both ways":
        levels = deterministic_levels(max(x.length, y.length))
    correlated = [part for part in (x, y) if part.verdict == "correlated"]
    return Advice(
        kind=kind,
        method=method,
        direction=direction,
        deterministic_levels=levels,
        neighbours_x=x.neighbours,
        neighbours_y=y.neighbours,
        reach=max((part.length for part in correlated), default=1),
        is_unending=any(part.is_unending for part in correlated),
        doubts=doubts,
    )


def deterministic_levels(correlation_length: int, num_levels: int = FEWEST_LEVELS) -> tuple[int, ...]:
    """Choose the levels of a hierarchy that must not see the image, so that correlated noise is not reproduced.

    One pixel of level l covers 2^(l + 1) image pixels. Levels 0 to k - 1 are closed, with the smallest k for which 2^k
    covers the correlation length. The top level always stays open.

    Args:
        correlation_length: Number of pixels over which the noise is correlated; 1 for independent noise.
        num_levels: Levels of the hierarchy.

    Returns:
        The levels to close, finest first; none for independent noise.
    """
    count = max(0, correlation_length - 1).bit_length()
    return tuple(range(min(count, num_levels - 1)))
