"""Squared error of any program's result without a clean reference: told by a second exposure of the same scene.

A result m was made of the noisy x = s + n. A second exposure x' = s + n' has noise of the same kind that has nothing in
common with n, and so with m. Then (Lehtinen et al. 2018, of training by such pairs)

    E[(m - x')^2] = E[(m - s)^2] + E[n'^2]        E[(x - x')^2] = 2 E[n'^2]

    E[(m - s)^2] = E[(m - x')^2] - E[(x - x')^2] / 2                                               (1)

with no noise model, and whatever the result does with the noise. A scene that moves or bleaches between the exposures
makes (1) too large, by half the mean square D^2 of its change. Means over squares lose noise, and less of change:
with V(a) the mean square of means of x - x' over squares of side a, and b < a,

    D^2 = (V(a) - (b / a)^2 V(b)) / (1 - (b / a)^2)                                                (2)

where noise is correlated over less than b pixels. Change that is finer than a is seen in part.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.errors import SizeError

Plane = npt.NDArray[Any]

SIDE, HALF, CELL = 16, 8, 4
"""Side in pixels of the squares whose scatter gives the standard error: larger than noise and errors are correlated.
And of its halves and of the cells, a and b of (2)."""

FEWEST = 16
"""Squares below which there is no standard error to speak of."""

MOST_CHANCE = 0.2
"""Relative standard error above which the estimate is not believed, as in `quietscope.metrics.error_covariance`."""

MOST_CHANGE = 0.1
"""Share of the mean squared error that a change of the scene may have put into it, as far as (2) sees it."""

_SURE = 3.0
"""Standard errors above which a change of the scene is taken to be one."""


@dataclass(frozen=True, kw_only=True)
class PairedError:
    """A mean squared error that a second exposure has told.

    Attributes:
        mse: Mean squared error, squared intensity units; chance may make it negative.
        standard_error: Its standard error.
        change: What a change of the scene has added to it, D^2 / 2 of (2); 0 where that may be chance.
        low: Least intensity of the result.
        high: Greatest intensity of the result.
    """

    mse: float
    standard_error: float
    change: float
    low: float
    high: float

    @property
    def doubt(self) -> str:
        """Why this is not to be believed, in words; empty where nothing speaks against it."""
        if self.change > MOST_CHANGE * max(self.mse, 0.0):
            return "the exposures differ by more than noise: the scene has moved, bleached or changed"
        if not self.mse > 0.0 or self.standard_error > MOST_CHANCE * self.mse:
            return "the error is too faint beside the noise, on so few pixels"
        return ""

    def words(self, data_range: float | None = None) -> str:
        """Return the PSNR with its standard error, or why there is none.

        Args:
            data_range: Range of intensities; maximum minus minimum of the result if None.
        """
        span = self.high - self.low if data_range is None else data_range
        doubt = self.doubt or ("" if span > 0.0 else "the result is constant")
        if doubt:
            return f"not told: {doubt}"
        psnr = 10.0 * math.log10(span**2 / self.mse)
        return f"{psnr:.2f} ± {10.0 / math.log(10.0) * self.standard_error / self.mse:.2f} dB"


class PairedSums:
    """Sums over planes of one channel: memory does not grow with their number."""

    def __init__(self) -> None:
        self._count = 0
        self._means: list[npt.NDArray[np.float64]] = []
        self._squared = dict.fromkeys((SIDE, HALF, CELL), 0.0)
        self._low, self._high = math.inf, -math.inf

    def add(self, result: Plane, noisy: Plane, second: Plane) -> None:
        """Add planes.

        Args:
            result: The result, (Y, X), intensity units; NaN in any of the three where nothing was measured.
            noisy: The noisy image that it was made of, same shape.
            second: The second exposure, same shape.
        """
        result, noisy, second = (np.asarray(each, np.float64) for each in (result, noisy, second))
        between = noisy - second
        error, between_squares = _squares((result - second) ** 2 - 0.5 * between**2), _squares(between)
        known = np.isfinite(error).all(axis=1)
        self._means.append(error[known].mean(axis=1))
        cells = between_squares[known].reshape(-1, SIDE // CELL, CELL, SIDE // CELL, CELL).mean(axis=(2, 4))
        for side in self._squared:
            part = side // CELL
            wide = cells.reshape(-1, SIDE // side, part, SIDE // side, part).mean(axis=(2, 4))
            self._squared[side] += float((wide**2).mean(axis=(1, 2)).sum())
        self._count += int(known.sum())
        if known.any():
            inside = result[np.isfinite(result)]
            self._low, self._high = min(self._low, float(inside.min())), max(self._high, float(inside.max()))

    def result(self) -> PairedError:
        """Return the error.

        Raises:
            SizeError: If there are too few squares that were measured as a whole.
        """
        if self._count < FEWEST:
            raise SizeError(
                f"{FEWEST} squares of {SIDE} x {SIDE} pixels that were measured", f"{self._count}", "pass larger images"
            )
        means = np.concatenate(self._means)
        return PairedError(
            mse=float(means.mean()),
            standard_error=float(means.std(ddof=1)) / math.sqrt(self._count),
            change=max(0.5 * self._change(side) for side in (SIDE, HALF)),
            low=self._low,
            high=self._high,
        )

    def _change(self, side: int) -> float:
        """Return D^2 of (2) by squares of one size; 0 where that may be chance."""
        wide, narrow = self._squared[side] / self._count, self._squared[CELL] / self._count
        share = (CELL / side) ** 2
        chance = wide * math.sqrt(2.0 / (self._count * (SIDE // side) ** 2))
        found = (wide - share * narrow) / (1.0 - share)
        return found if found > _SURE * chance else 0.0


def _squares(plane: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Cut a plane into squares, (number, pixels); what is left at the ends is left out."""
    rows, columns = (length // SIDE for length in plane.shape)
    cut = plane[: rows * SIDE, : columns * SIDE].reshape(rows, SIDE, columns, SIDE)
    return cut.swapaxes(1, 2).reshape(rows * columns, SIDE * SIDE)
