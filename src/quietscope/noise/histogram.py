"""Histogram noise model: the distribution of the noise as counted in data, without assuming any formula for it."""

import math
from typing import ClassVar, NamedTuple, Self, final

import torch
from torch import Tensor

from quietscope.errors import NoiseError
from quietscope.noise.beyond import Beyond
from quietscope.noise.clipping import ClipLevels
from quietscope.noise.histogram_fit import fit_histogram
from quietscope.noise.noise_model import NoiseModel, NoiseRecord, Samples, standard_normal_like
from quietscope.noise.normal import broadcast, normal_log_density, normal_log_tail

TAIL_WIDTH = 3.0
"""Standard deviation of the tail, in units of the noise of its row."""

TAIL_SHARE = 1e-4
"""Default probability of the tail; it increases the variance by a thousandth."""


class Place(NamedTuple):
    """Position of signals among the rows.

    Attributes:
        left: Index of the row at or below the signal.
        part: Distance to that row, as a share of the distance between it and the next row, 0 to 1.
        stretch: Width of the noise over that of the nearest row; 1 between the first and the last row.
    """

    left: Tensor
    part: Tensor
    stretch: Tensor


@final
class Histogram(NoiseModel):
    """Table of densities of the residual x - s, one row for each of several signals (knots).

    Row i, at signal k_i, has masses p_ij at nodes ``r_ij = (j - sum_j p_ij j) width_i``, so that its mean is zero. Its
    density g_i is the polygon through the points (r_ij, p_ij / width_i), zero one node beyond each end. With s between
    k_i and k_i+1, ``t = (s - k_i) / (k_i+1 - k_i)``, and e = ``tail_share``:

    ``p(x|s) = (1 - e) ((1 - t) g_i(x - s) + t g_i+1(x - s)) + e N(x; s, tau(s)^2)``

    Every polygon integrates to 1 and has mean 0, so equation (1) of `quietscope.noise` holds. Two rows are averaged at
    equal residual. Averaged at equal x, two rows of different means would give a density with two peaks, whose slope in
    s comes from the weights t instead of from the noise. Below the first and above the last knot the nearest row is
    used, as wide as the photon-transfer line says (`quietscope.noise.beyond`). The normal term is three times as wide
    as the row; it gives residuals outside the table a finite log density that falls off with distance.

    Source: the table is that of Krull, Vicar, Prakash, Lalit, Jug, "Probabilistic Noise2Void", Frontiers in Computer
    Science 2 (2020); read as a density with values at bin centres, which avoids its bias of half a bin.

    Args:
        knots: Signals of the rows, increasing, shape (R,), R at least 2, intensity units.
        widths: Distance between the nodes of each row, shape (R,), positive, intensity units.
        masses: Probabilities of the nodes, shape (R, K), zero or more, each row with a positive sum.
        tail_share: Probability e of the normal term, above 0 and below 1.
        gain: Slope of the photon-transfer line outside the knots, intensity units; 0 keeps the width of the nearest
            row, which is what files without a gain mean.

    Raises:
        NoiseError: If the shapes do not fit together, a value is not finite, a row is empty, or the gain is negative.
    """

    kind: ClassVar[str] = "histogram"
    knots: Tensor
    widths: Tensor
    masses: Tensor
    _centres: Tensor
    _density: Tensor
    _below: Tensor
    _above: Tensor
    _variances: Tensor

    def __init__(
        self, knots: Tensor, widths: Tensor, masses: Tensor, tail_share: float = TAIL_SHARE, gain: float = 0.0
    ) -> None:
        super().__init__()
        _check(knots, widths, masses, tail_share, gain)
        self.tail_share, self.gain = float(tail_share), float(gain)
        for name, tensor in (("knots", knots), ("widths", widths), ("masses", masses)):
            self.register_buffer(name, tensor.detach().float().clone(), persistent=False)
        for name, tensor in _polygons(self.widths.double(), self.masses.double()).items():
            self.register_buffer(name, tensor.float(), persistent=False)
        self._beyond = Beyond(self.signal_range, (float(self._variances[0]), float(self._variances[-1])), self.gain)

    @property
    def signal_range(self) -> tuple[float, float]:
        """Signals of the first and of the last row."""
        return float(self.knots[0]), float(self.knots[-1])

    def log_prob(self, x: Tensor, s: Tensor) -> Tensor:
        """Return log p(x|s), broadcast over ``x`` and ``s``."""
        x, s = broadcast(x, s)
        return self.log_prob_at(x - s, self._place(s))

    def log_prob_at(self, residual: Tensor, place: Place) -> Tensor:
        """Return log p(x|s) for residuals x - s, given where s lies among the rows; all of one shape."""
        residual = residual / place.stretch
        left, right = (self._row_density(residual, row) for row in (place.left, place.left + 1))
        tail = normal_log_density(residual, torch.zeros((), device=residual.device), self._tail_variance(place))
        return self._with_tail(torch.lerp(left, right, place.part), tail) - torch.log(place.stretch)

    def quasi_log_prob(self, x: Tensor, s: Tensor) -> Tensor:
        """Return ``log_prob``: the density is fitted to the noise, so no quasi-likelihood is needed."""
        return self.log_prob(x, s)

    def log_tail(self, limit: float, s: Tensor, *, upper: bool) -> Tensor:
        """Return the log probability beyond ``limit``, in the shape of ``s``, from the integrals of the polygons."""
        s = s.float()
        place = self._place(s)
        residual = (limit - s) / place.stretch
        left, right = (self._row_tail(residual, row, upper) for row in (place.left, place.left + 1))
        zero = torch.zeros((), device=s.device)
        tail = normal_log_tail(residual, zero, self._tail_variance(place), upper=upper)
        return self._with_tail(torch.lerp(left, right, place.part), tail)

    def quasi_log_tail(self, limit: float, s: Tensor, *, upper: bool) -> Tensor:
        """Return ``log_tail``: the density is fitted to the noise, so no quasi-likelihood is needed."""
        return self.log_tail(limit, s, upper=upper)

    def sample(self, s: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw a row, one of its nodes and a place around it, or draw from the normal term; in the shape of ``s``."""
        s = s.float()
        place = self._place(s)
        device = s.device if generator is None else generator.device
        uniform = torch.rand((5, *s.shape), generator=generator, device=device).to(s.device)
        row = place.left + (uniform[0] < place.part)
        # The polygon is a sum of triangles, one per node; a triangular number is the sum of two uniform ones.
        node = self._draw_node(row, uniform[1]) + uniform[2] + uniform[3] - 1.0
        from_row = (node - self._centres[row]) * self.widths[row]
        from_tail = self._tail_variance(place).sqrt() * standard_normal_like(s, generator)
        return s + place.stretch * torch.where(uniform[4] < self.tail_share, from_tail, from_row)

    def mean(self, s: Tensor) -> Tensor:
        """Return ``s``: every row has mean zero."""
        return s.float()

    def variance(self, s: Tensor) -> Tensor:
        """Return ``(1 - e) v(s) + e tau(s)^2``, v(s) interpolated between the rows, in the shape of ``s``."""
        place = self._place(s.float())
        inside = self._row_variance(place) * (1.0 - self.tail_share) + self.tail_share * self._tail_variance(place)
        return place.stretch.square() * inside

    @classmethod
    def fit(cls, signal: Samples, observation: Samples, *, clip: ClipLevels | None = None, num_bins: int = 256) -> Self:
        """Count residuals in units of their noise, merge rows of few pixels, and smooth; see ``fit_histogram``.

        Args:
            signal: Clean signal, any shape.
            observation: Noisy observation, the same shape.
            clip: Clipping levels. Signals with more than 0.5 % of their pixels there get the shape of the nearest other
                signals, and their width from the photon-transfer line.
            num_bins: Number of nodes in each row, and largest number of rows.

        Returns:
            The fitted model.

        Raises:
            NoiseError: If the shapes differ, signal and observation are equal, all pixels have the same signal, or
                there are fewer than 8 bins.
        """
        fitted = fit_histogram(signal, observation, num_bins, ClipLevels() if clip is None else clip)
        knots, widths, masses = (torch.from_numpy(part) for part in (fitted.knots, fitted.widths, fitted.masses))
        return cls(knots, widths, masses, max(TAIL_SHARE, fitted.share_outside), fitted.gain)

    def to_record(self) -> NoiseRecord:
        """Return a record with the table as tensors; the share of the tail and the gain, where not 0, as settings."""
        tensors = {name: getattr(self, name).detach().cpu() for name in ("knots", "widths", "masses")}
        settings = {"tail_share": self.tail_share} | ({"gain": self.gain} if self.gain > 0.0 else {})
        return NoiseRecord(kind=self.kind, tensors=tensors, settings=settings)

    @classmethod
    def from_record(cls, record: NoiseRecord) -> Self:
        """Rebuild the model from its table; records of older versions have no gain."""
        tensors, share = record.tensors, float(record.settings["tail_share"])
        gain = float(record.settings.get("gain", 0.0))
        return cls(tensors["knots"], tensors["widths"], tensors["masses"], share, gain)

    def describe(self) -> str:
        """Return, for example, ``Histogram: 256 rows of 256 bins, sigma 3.1 to 48 over signals 4 to 251``."""
        low, high = self.signal_range
        first, last = self.variance(self.knots[[0, -1]]).sqrt().tolist()
        rows, bins = self.masses.shape
        return (
            f"Histogram: {rows} rows of {bins} bins, sigma {first:.4g} to {last:.4g} "
            f"over signals {low:.4g} to {high:.4g}"
        )

    def _place(self, s: Tensor) -> Place:
        inner = self.knots[1:-1]
        left = torch.searchsorted(inner, s.detach().contiguous(), right=True)
        start, end = self.knots[left], self.knots[left + 1]
        part = ((s - start) / (end - start)).clamp(0.0, 1.0)
        return Place(left=left, part=part, stretch=self.stretch(s))

    def stretch(self, s: Tensor) -> Tensor:
        """Return the width of the noise at signals over that of the nearest row, 1 between the rows; shape of `s`."""
        return self._beyond.growth(s).sqrt()

    def _row_variance(self, place: Place) -> Tensor:
        return torch.lerp(self._variances[place.left], self._variances[place.left + 1], place.part)

    def _tail_variance(self, place: Place) -> Tensor:
        return TAIL_WIDTH**2 * self._row_variance(place)

    def _with_tail(self, table: Tensor, tail: Tensor) -> Tensor:
        """Return ``log((1 - e) table + e exp(tail))``, from the second term alone where the table is zero."""
        tail = tail + math.log(self.tail_share)
        is_seen = table > 0.0
        seen = torch.log(torch.where(is_seen, table, 1.0)) + math.log1p(-self.tail_share)
        return torch.where(is_seen, torch.logaddexp(seen, tail), tail)

    def _row_position(self, residual: Tensor, row: Tensor) -> tuple[Tensor, Tensor]:
        """Index of the point at or below a residual in the flattened table, and the share of the way to the next."""
        num_points = self._density.shape[1]
        position = (residual / self.widths[row] + self._centres[row] + 1.0).clamp(0.0, num_points - 1.0)
        point = position.detach().long().clamp(max=num_points - 2)
        return row * num_points + point, position - point

    def _row_density(self, residual: Tensor, row: Tensor) -> Tensor:
        point, part = self._row_position(residual, row)
        density = self._density.reshape(-1)
        return torch.lerp(density[point], density[point + 1], part)

    def _row_tail(self, residual: Tensor, row: Tensor, upper: bool) -> Tensor:
        """Integral of a row's density from ``residual`` to its upper end, or from its lower end to ``residual``."""
        point, part = self._row_position(residual, row)
        density = self._density.reshape(-1)
        start, end = density[point], density[point + 1]
        step = self.widths[row] * part * (start + 0.5 * part * (end - start))
        if upper:
            return (self._above.reshape(-1)[point] - step).clamp(min=0.0)
        return self._below.reshape(-1)[point] + step

    def _draw_node(self, row: Tensor, uniform: Tensor) -> Tensor:
        """Return the first node whose cumulative mass exceeds ``uniform``, by bisection in the row of each pixel."""
        total = self.masses.cumsum(dim=1)
        flat, num_nodes = (total / total[:, -1:]).reshape(-1), total.shape[1]
        low, high = torch.zeros_like(row), torch.full_like(row, num_nodes - 1)
        for _ in range(num_nodes.bit_length()):
            middle = (low + high) // 2
            exceeds = flat[row * num_nodes + middle] > uniform
            low, high = torch.where(exceeds, low, middle + 1), torch.where(exceeds, middle, high)
        return low.clamp(max=num_nodes - 1)


def _polygons(widths: Tensor, masses: Tensor) -> dict[str, Tensor]:
    """Return mean, density, integrals and variance of every polygon; it has one more point than nodes at each end."""
    share = masses / masses.sum(dim=1, keepdim=True)
    node = torch.arange(share.shape[1], dtype=share.dtype, device=share.device)
    centre = (share * node).sum(dim=1)
    # In units of nodes; 1/6 is the variance of the triangle around each node.
    spread = (share * (node - centre[:, None]) ** 2).sum(dim=1) + 1.0 / 6.0
    points = torch.nn.functional.pad(share, (1, 1))
    between = 0.5 * (points[:, :-1] + points[:, 1:])
    return {
        "_centres": centre,
        "_density": points / widths[:, None],
        "_below": torch.nn.functional.pad(between.cumsum(dim=1), (1, 0)),
        "_above": torch.nn.functional.pad(between.flip(1).cumsum(dim=1).flip(1), (0, 1)),
        "_variances": spread * widths**2,
    }


def _check(knots: Tensor, widths: Tensor, masses: Tensor, tail_share: float, gain: float) -> None:
    fits = masses.ndim == 2 and masses.shape[1] > 0 and knots.shape == widths.shape == masses.shape[:1]
    if not (fits and knots.numel() >= 2):
        raise NoiseError(
            "knots and widths of shape (R,) and masses of shape (R, K), R at least 2",
            f"{tuple(knots.shape)}, {tuple(widths.shape)} and {tuple(masses.shape)}",
            "fit the histogram again",
        )
    numbers = all(bool(torch.isfinite(tensor).all()) for tensor in (knots, widths, masses))
    rows = bool((masses >= 0.0).all()) and bool((masses.sum(dim=1) > 0.0).all())
    if not (numbers and rows and bool((knots.diff() > 0.0).all()) and bool((widths > 0.0).all())):
        raise NoiseError(
            "finite values, increasing knots, positive widths and no empty row",
            "a histogram that lacks one of these",
            "fit the histogram again",
        )
    if not 0.0 < tail_share < 1.0:
        raise NoiseError("a tail_share above 0 and below 1", f"{tail_share}", f"leave it out for {TAIL_SHARE:g}")
    if not 0.0 <= gain < math.inf:
        raise NoiseError("a finite gain of zero or more", f"{gain}", "leave it out for 0")
