"""From what is known of the noise to the method that takes it away."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from quietscope.diagnosis.correlation import AxisCorrelation

Direction: TypeAlias = Literal["x", "y", "z", "none"]

_DIRECTIONS: dict[str, Direction] = {"row-correlated": "x", "column-correlated": "y", "correlated along z": "z"}

FEWEST_LEVELS = 5
"""Levels of the smallest preset of HDN: what is advised suits all of them."""


@dataclass(frozen=True, kw_only=True)
class Advice:
    """Which method to take, and how.

    Args:
        method: "hdn" or "dvlae"; None where there is nothing to denoise.
        direction: For dvlae: the axis along which the noise is correlated.
        deterministic_levels: For hdn: the levels to close to correlated noise.
        sure: Whether the noise was told apart for certain.
        reason: Why this method, or why it is not sure.
    """

    method: str | None
    direction: Direction = "none"
    deterministic_levels: tuple[int, ...] = ()
    sure: bool = True
    reason: str

    def command(self, *paths: str | Path, output: str | Path = "out", axes: str | None = None) -> str:
        """Return the line to type to denoise images as advised.

        Args:
            paths: The images.
            output: Folder for the results.
            axes: What the images were read with, where their files do not say.

        Returns:
            The line; empty where there is nothing to denoise.
        """
        if self.method is None:
            return ""
        words = ["quietscope", "denoise", *map(str, paths), "--method", self.method]
        if self.method == "dvlae":
            words += ["--direction", self.direction, *(["--dims", "3"] if self.direction == "z" else [])]
        if self.deterministic_levels:
            words += ["--deterministic-levels", ",".join(map(str, self.deterministic_levels))]
        return shlex.join([*words, *(["--axes", axes] if axes else []), "-o", str(output)])


def advise(kind: str, x: AxisCorrelation, y: AxisCorrelation) -> Advice:
    """Choose a method for a kind of noise.

    Args:
        kind: The kind, as in `Diagnosis`.
        x: Correlation along x.
        y: Correlation along y.

    Returns:
        The advice.
    """
    along_x, along_y = (round(part.neighbours, 2) + 0.0 for part in (x, y))  # no minus zero
    values = f"lag-1 correlation {along_x:.2f} along x, {along_y:.2f} along y"
    if kind == "none":
        return Advice(method=None, reason="no noise to speak of: there is nothing to denoise")
    if kind == "not sure":
        why = "; ".join(part.reason for part in (x, y) if part.reason)
        return Advice(method="hdn", sure=False, reason=why)
    if kind in _DIRECTIONS:
        direction = _DIRECTIONS[kind]
        return Advice(
            method="dvlae", direction=direction, reason=f"the noise is correlated along {direction} alone ({values})"
        )
    if kind == "correlated both ways":
        levels = deterministic_levels(max(x.length, y.length))
        return Advice(
            method="hdn", deterministic_levels=levels, reason=f"the noise is correlated along both axes ({values})"
        )
    return Advice(method="hdn", reason=f"the noise is independent from pixel to pixel ({values})")


def deterministic_levels(correlation_length: int, num_levels: int = FEWEST_LEVELS) -> tuple[int, ...]:
    """Choose the levels of a hierarchy that must not see the image, so that correlated noise finds no way through.

    Level l has pixels of 2^(l + 1); levels 0 to k - 1 are closed, where 2^k covers the correlation length. The top
    level always stays open.

    Args:
        correlation_length: Pixels over which the noise is correlated; 1 for independent noise.
        num_levels: Levels of the hierarchy.

    Returns:
        The levels, finest first; none for independent noise.
    """
    count = max(0, correlation_length - 1).bit_length()
    return tuple(range(min(count, num_levels - 1)))
