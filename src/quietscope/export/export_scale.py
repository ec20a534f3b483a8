"""Conversion between intensities and the scale of networks, in operations that every exchange format has.

`ExportScale` replaces a `Stabilizer`. ONNX has no binary search over a table of knots. Instead the range is divided
into cells of equal width; a table gives the first knot that may lie below a value of the cell, and a few halving steps
among the knots of that cell find the right one. Knots, slopes and straight ends are those of the `Stabilizer`.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from quietscope.data.bent_scale import BentScale, Table
from quietscope.data.normalize import Statistics
from quietscope.data.stabilize import Stabilizer

MOST_CELLS = 1 << 15
_FAR = 1e30


class ExportStatistics(Statistics):
    """Statistics for export; the output of a network stays in float32 even if its convolutions compute in bfloat16."""

    def denormalize(self, x: Tensor) -> Tensor:
        """Return ``x * std + mean`` for x of shape (B, C, *S)."""
        return super().denormalize(unmerged(x))


def unmerged(x: Tensor) -> Tensor:
    """Return x unchanged, after clamping to a limit that no pixel reaches.

    OpenVINO merges a product and a sum into the convolution before them; if that convolution computes in bfloat16, an
    intensity of 30,000 is rounded to steps of 256. The clamp prevents the merge, so that the convolution passes its
    result on in float32.
    """
    return x.clamp(-_FAR, _FAR)


class ExportScale(nn.Module):
    """A stabilised or bent scale for export.

    Args:
        scale: The scale to replace.
    """

    def __init__(self, scale: Stabilizer | BentScale) -> None:
        super().__init__()
        if isinstance(scale, Stabilizer):
            up = Table(scale.intensity, scale.stabilized)
            down = Table(scale.stabilized, scale.intensity)
        else:
            up, down = scale.up(), scale.down()
        self.up, self.down = _lookups(up), _lookups(down)

    def forward(self, x: Tensor) -> Tensor:
        """Map intensities (B, C, *S) to the normalised stabilised scale."""
        return _by_channel(self.up, x)

    def inverse(self, u: Tensor) -> Tensor:
        """Map values (B, C, *S) of the normalised stabilised scale to intensities; the inverse of `forward`."""
        return _by_channel(self.down, unmerged(u))


class Lookup(nn.Module):
    """A piecewise linear map, continued as a straight line at both ends.

    ``f(x) = v_i + (x - k_i) (v_i+1 - v_i) / (k_i+1 - k_i)`` with ``k_i < x <= k_i+1``

    Every operation on x is one that OpenVINO does not rewrite, see `quietscope.export.openvino`: there is no
    difference, no sum between products, and no clamp.

    Args:
        knots: k, increasing, (K,).
        values: v, (K,).
    """

    negative_knots: Tensor
    values: Tensor
    slopes: Tensor
    first: Tensor

    def __init__(self, knots: Tensor, values: Tensor) -> None:
        super().__init__()
        self.register_buffer("negative_knots", -knots[:-1].float())
        self.register_buffer("values", values[:-1].float().clone())
        self.register_buffer("slopes", (values.diff() / knots.diff()).float())
        exact = knots.double()
        length, least = float(exact[-1] - exact[0]), float(exact.diff().min())
        self._cells_per_unit = min(MOST_CELLS, max(1.0, length / least)) / length
        self._lowest = math.trunc(float(exact[0]) * self._cells_per_unit)
        self._num_cells = math.trunc(float(exact[-1]) * self._cells_per_unit) - self._lowest + 1
        first, most = self._first_pieces(exact)
        self._strides = [1 << n for n in reversed(range(math.ceil(math.log2(most + 1))))]
        self.register_buffer("first", first)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x`` of any shape."""
        cell = (x * self._cells_per_unit).to(torch.int32) - self._lowest
        piece = _at(self.first, cell.clamp(0, self._num_cells - 1))
        last = len(self.values) - 1
        for stride in self._strides:
            ahead = (piece + stride).clamp(max=last)
            piece = torch.where(x + _at(self.negative_knots, ahead) > 0, ahead, piece)
        return _at(self.values, piece) + (x + _at(self.negative_knots, piece)) * _at(self.slopes, piece)

    def _first_pieces(self, knots: Tensor) -> tuple[Tensor, int]:
        """Return the piece in which each cell's lower end lies, and the most pieces between the two ends of a cell.

        Cells reach from one integer to the next, away from zero. Each end is moved outwards by a hundredth of a cell,
        because rounding may put a value into the neighbouring cell.
        """
        cells = torch.arange(self._lowest, self._lowest + self._num_cells, dtype=torch.float64)
        low = torch.where(cells > 0, cells, cells - 1) - 0.01
        high = torch.where(cells < 0, cells, cells + 1) + 0.01
        last = len(knots) - 2
        first, end = (
            (torch.searchsorted(knots, edges / self._cells_per_unit) - 1).clamp(0, last) for edges in (low, high)
        )
        return first.to(torch.int32), int((end - first).max())


def _at(table: Tensor, index: Tensor) -> Tensor:
    """Return ``table[index]`` as an embedding, which exports to the only "gather" operation with 32-bit indices."""
    return functional.embedding(index, table[:, None]).squeeze(-1)


def _lookups(table: Table) -> nn.ModuleList:
    return nn.ModuleList(
        Lookup(knots.detach().cpu(), values.detach().cpu()) for knots, values in zip(*table, strict=True)
    )


def _by_channel(maps: nn.ModuleList, x: Tensor) -> Tensor:
    known = len(maps)  # x may be several frames, one after the other in its channels
    return torch.stack([maps[channel % known](x[:, channel].float()) for channel in range(x.shape[1])], dim=1)
