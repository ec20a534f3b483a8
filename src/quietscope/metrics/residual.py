"""What a denoised image leaves in the residual: measured block by block while it is written, without a reference.

Where the denoised image s is the expected signal and the noise n = x - signal has mean zero, the residual r = x - s
is noise alone: means of r over squares have no pattern of their own, and s has no fine contrast that x lacks. Three
numbers say how far that holds. None of them needs a noise model, and correlated noise changes none of them, as long as
it is correlated over less than the side of a square:

* ``lost = sum r_b r_b' / sum x_b x_b'`` over squares b, b' that touch at a corner: independent noise cancels in either
  sum. 0 for a faithful image, 1 for a flat one, above 1 where brightness is inverted.
* ``texture = (sum D(s)^2 - sum D(s) D(x)) / sum D(x)^2``, D the diagonal second difference of four pixels: what s
  has in common with x cancels. 0 for a faithful image, positive where s has patterns of its own.
* ``removed = sum D(r)^2 / sum D(x)^2``, the share of the finest contrast that went; 0 where s is the noisy image.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

SQUARE = 8
"""Side of the squares in pixels: their means have an eighth of the deviation of independent noise."""

SCALES = (1, 2, 4)
"""Pixels that are averaged before contrast is looked at: what networks make up often has a coarser grid."""

SIGNIFICANT = 5.0
"""Standard errors above which squares are said to have structure at all."""

Planes = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ResidualFigures:
    """What the residual of one channel says; NaN where an image is too small, or has nothing to judge by.

    Attributes:
        lost: Share of the structure of 8 x 8 squares that is missing or wrong; 0 is best, 1 a flat image.
        lost_error: Its standard error, that of independent noise.
        texture: Fine contrast that the noisy image does not have, as a share of what it has; 0 is best.
        removed: Share of the finest contrast that was removed; 0 where the denoised image is the noisy one.
        neighbours_x: Correlation of neighbouring pixels of the residual along X.
        neighbours_y: The same along Y.
        neighbours_diagonal: The same along a diagonal.
        bias: Root mean square of the residual's means of squares, in standard errors of independent noise; 1 is best.
        shift: Root mean square of the residual's means of squares, over the deviation of the noisy image's means of
            squares; 0 is best, 1 a flat image as bright as the noisy one on average.
        slope: How local means of the denoised image follow those of the noisy one; 1 is best, negative is inverted.
        noise: Root mean square of the residual, intensity units.
    """

    lost: float
    lost_error: float
    texture: float
    removed: float
    neighbours_x: float
    neighbours_y: float
    neighbours_diagonal: float
    bias: float
    slope: float
    noise: float
    shift: float = math.nan


class ResidualSums:
    """Sums over the blocks of one channel: memory does not grow with the image.

    Args:
        sums: Sums so far, by name; "pivot" is a typical intensity, which is taken away from all pixels before they are
            multiplied, and the mean of the first block where it is not given.
    """

    def __init__(self, sums: Mapping[str, float] | None = None) -> None:
        self.sums = dict(sums or {})

    def add(self, noisy: npt.NDArray[Any], denoised: npt.NDArray[Any]) -> None:
        """Add a block.

        Args:
            noisy: Noisy pixels (..., Y, X), intensity units; what is not finite is left out, and so are squares and
                differences that it takes part in.
            denoised: The denoised pixels, same shape.
        """
        x, s = (np.asarray(part, np.float64).reshape(-1, *np.shape(noisy)[-2:]) for part in (noisy, denoised))
        known = np.isfinite(x) & np.isfinite(s)
        if not known.any():
            return
        pivot = self.sums.setdefault("pivot", float(x[known].mean()))  # sums of squares of large numbers lose digits
        x, s, count = x - pivot, s - pivot, int(np.count_nonzero(known))
        if count < known.size:
            x, s = np.where(known, x, np.nan), np.where(known, s, np.nan)
        self._add_pixels(x - s, count)
        for scale in SCALES:
            self._add_contrast(_diagonal_difference(_means(x, scale)), _diagonal_difference(_means(s, scale)), scale)
        self._add_squares(_means(x, SQUARE), _means(s, SQUARE))

    def join(self, other: "ResidualSums") -> None:
        """Add the sums over other blocks, which must have been begun with the same pivot."""
        assert other.sums.get("pivot") == self.sums.setdefault("pivot", other.sums.get("pivot", 0.0)), "other pivots"
        for name, value in other.sums.items():
            if name != "pivot":
                self._add(name, value)

    def figures(self) -> ResidualFigures:
        """Return what the sums say."""
        power, per_square = self._ratio("r r", "pixels"), self._ratio("square r r", "squares")
        textures = [self._ratio(f"texture {scale}", f"contrast {scale}") for scale in SCALES]
        lost, error = self._lost()
        scatter = self._of("square x x") - self._of("square x") ** 2 / (self._of("squares") or math.nan)
        common = self._of("square x s") - self._of("square x") * self._ratio("square s", "squares")
        return ResidualFigures(
            lost=lost,
            lost_error=error,
            texture=max((value for value in textures if math.isfinite(value)), default=math.nan),
            removed=self._ratio("removed 1", "contrast 1"),
            neighbours_x=self._ratio("right", "r r"),
            neighbours_y=self._ratio("below", "r r"),
            neighbours_diagonal=self._ratio("diagonal", "r r"),
            bias=SQUARE * math.sqrt(per_square / power) if power > 0 else math.nan,
            slope=common / scatter if scatter > 0 else math.nan,
            noise=math.sqrt(power),
            shift=math.sqrt(per_square / (scatter / self._of("squares"))) if scatter > 0 else math.nan,
        )

    def _add_pixels(self, r: Planes, count: int) -> None:
        self._add("pixels", count)
        self._add("r r", _dot(r, r))
        if count == r.size:
            centred = r - r.mean(axis=(1, 2), keepdims=True)
        else:
            counts = np.maximum(np.count_nonzero(~np.isnan(r), axis=(1, 2), keepdims=True), 1)
            centred = r - np.nansum(r, axis=(1, 2), keepdims=True) / counts
        self._add("right", _dot(centred[:, :, 1:], centred[:, :, :-1]))
        self._add("below", _dot(centred[:, 1:], centred[:, :-1]))
        self._add("diagonal", _dot(centred[:, 1:, 1:], centred[:, :-1, :-1]))

    def _add_contrast(self, x: Planes, s: Planes, scale: int) -> None:
        own, common, other = _dot(x, x), _dot(s, x), _dot(s, s)
        self._add(f"contrast {scale}", own)
        self._add(f"texture {scale}", other - common)
        self._add(f"removed {scale}", _dot(x - s, x - s))

    def _add_squares(self, x: Planes, s: Planes) -> None:
        r = x - s
        self._add("squares", int(np.count_nonzero(~np.isnan(x))))
        for name, values in (("x", x), ("s", s), ("x x", x * x), ("x s", x * s), ("r r", r * r)):
            self._add(f"square {name}", np.nansum(values))
        for one, other in _touching(x):
            self._add("pairs", int(np.count_nonzero(~np.isnan(one * other))))
            self._add("pair sum", np.nansum(one + other))
            self._add("pair x x", np.nansum(one * other))
            self._add("pair x x squared", np.nansum((one * other) ** 2))
        for one, other in _touching(r):
            self._add("pair r r", np.nansum(one * other))

    def _lost(self) -> tuple[float, float]:
        """Return the share of structure that is lost, and its error; NaN where there is too little structure."""
        pairs = self._of("pairs")
        if not pairs:
            return math.nan, math.nan
        middle = self._of("pair sum") / (2 * pairs)
        structure = self._of("pair x x") / pairs - middle**2
        scatter = self._of("pair x x squared") / pairs - (self._of("pair x x") / pairs) ** 2
        if not structure > SIGNIFICANT * math.sqrt(max(scatter, 0.0) / pairs):
            return math.nan, math.nan
        error = self._ratio("square r r", "squares") / math.sqrt(pairs)
        return self._of("pair r r") / pairs / structure, error / structure

    def _add(self, name: str, value: float) -> None:
        self.sums[name] = self.sums.get(name, 0.0) + float(value)

    def _of(self, name: str) -> float:
        return self.sums.get(name, 0.0)

    def _ratio(self, part: str, whole: str) -> float:
        return self._of(part) / self._of(whole) if self._of(whole) > 0 else math.nan


def _dot(one: Planes, other: Planes) -> float:
    """Sum products; what is NaN counts as 0."""
    total = float(np.einsum("pyx,pyx->", one, other))
    return total if math.isfinite(total) else float(np.nansum(one * other))


def _means(planes: Planes, side: int) -> Planes:
    """Average planes (P, Y, X) over squares; pixels beyond the last whole square are left out."""
    if side == 1:
        return planes
    rows, columns = (length // side for length in planes.shape[1:])
    if not rows * columns:
        return np.zeros((len(planes), 0, 0))
    whole = planes[:, : rows * side, : columns * side]
    # Rows first, which lie next to each other: several times as fast as both axes at once.
    lines = whole.reshape(-1, rows, side, columns * side).sum(axis=2)
    means: Planes = lines.reshape(-1, rows, columns, side).sum(axis=3) / side**2
    return means


def _diagonal_difference(planes: Planes) -> Planes:
    """Return a - b - c + d of every four pixels; slopes and noise that is constant along rows or columns cancel."""
    along = planes[:, :, 1:] - planes[:, :, :-1]
    difference: Planes = along[:, 1:] - along[:, :-1]
    return difference


def _touching(means: Planes) -> tuple[tuple[Planes, Planes], ...]:
    """Return squares and those that touch them at a corner, in both directions."""
    return (means[:, 1:, 1:], means[:, :-1, :-1]), (means[:, 1:, :-1], means[:, :-1, 1:])
