"""How to predict: one frozen record, checked once, for models of every kind."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from quietscope.errors import SettingsError
from quietscope.tiling.kinds import chosen_kinds
from quietscope.tiling.spec import Predictable, TileSpec
from quietscope.wording import typed

Precision: TypeAlias = Literal["auto", "float32", "bfloat16"]
"""What networks compute in; "auto" is bfloat16 where the hardware gains from it. Sums and likelihoods stay float32."""

DEFAULT_BANDWIDTH = 0.1
DEFAULT_PROBABILITIES = (0.05, 0.5, 0.95)


@dataclass(frozen=True, kw_only=True)
class Request:
    """How to predict.

    Attributes:
        num_samples: Samples to draw; the error of the mean falls with their square root. A point method draws none.
        seed: Seed of the samples: equal seeds, equal samples.
        tile: How to cut frames: the side of a tile in pixels, or tiles and halo in full; chosen from the free memory
            if None.
        precision: What networks compute in; None for what the model was trained in, which is float32 for a method
            without a model around it.
        augment: Whether the samples are drawn, in turn, of the image in each of its orientations.
        bandwidth: Last bandwidth of the mean shift, in units of the spread of the samples of a region.
        region: Size of the regions of the mean shift, in pixels per spatial axis; its own default if None.
        probabilities: Which quantiles to estimate.
        spread: What standard deviations, and distances of quantiles from the median, are multiplied by, on top of the
            factor that a recalibrated model brings along.
        max_memory: Bytes that a tile may take beside the program; tiles are cut to fit. A share of the free memory if
            None.

    Raises:
        SettingsError: If a value lies outside its range.
    """

    num_samples: int = 50
    seed: int = 0
    tile: int | TileSpec | None = None
    precision: Precision | None = None
    augment: bool = False
    bandwidth: float = DEFAULT_BANDWIDTH
    region: tuple[int, ...] | None = None
    probabilities: tuple[float, ...] = DEFAULT_PROBABILITIES
    spread: float = 1.0
    max_memory: int | None = None

    def __post_init__(self) -> None:
        if self.num_samples < 1:
            raise SettingsError("at least 1 sample", str(self.num_samples), f"try `{typed(num_samples=100)}`")
        if self.max_memory is not None and self.max_memory < 1:
            raise SettingsError(
                "memory above zero", str(self.max_memory), "leave it out, or pass bytes, e.g. max_memory=2_000_000_000"
            )
        if self.precision not in (None, *get_args(Precision)):
            raise SettingsError("auto, float32 or bfloat16", f"precision {self.precision!r}", "pass precision='auto'")
        if not self.bandwidth > 0:
            raise SettingsError(
                "a bandwidth above 0", str(self.bandwidth), f"leave it out, or pass bandwidth={DEFAULT_BANDWIDTH}"
            )
        if self.region is not None and any(length < 2 or length % 2 for length in self.region):
            raise SettingsError(
                "regions of an even number of pixels along every axis",
                " x ".join(map(str, self.region)),
                "leave it out, or pass region=(16, 16)",
            )
        if not 0 < self.spread < float("inf"):
            raise SettingsError("a spread above 0", str(self.spread), "pass spread=1")
        if not self.probabilities or not all(0 <= p <= 1 for p in self.probabilities):
            raise SettingsError(
                "one or more probabilities from 0 to 1",
                ", ".join(map(str, self.probabilities)) or "none",
                "pass e.g. quantiles=(0.05, 0.5, 0.95)",
            )

    def arrays(self, names: Iterable[str], shape: Sequence[int]) -> dict[str, npt.NDArray[np.float32]]:
        """Make arrays to put results into.

        Args:
            names: Names of kinds of results, see `quietscope.tiling.kinds`.
            shape: Shape of the noisy image.

        Returns:
            By kind an array of that shape, float32, with a leading axis where the kind has one; its values are unset.

        Raises:
            SettingsError: If a name is unknown.
        """
        counts = self.num_samples, len(self.probabilities)
        return {kind.name: np.empty((*kind.leading(*counts), *shape), np.float32) for kind in chosen_kinds(names)}

    def tiles_for(self, method: Predictable) -> TileSpec | None:
        """Return how to cut frames for a method, checked against it; None where the free memory is to decide.

        Raises:
            SettingsError: If the tile size is not positive.
        """
        return TileSpec.of(method, self.tile) if isinstance(self.tile, int) else self.tile


DEFAULT_REQUEST = Request()
