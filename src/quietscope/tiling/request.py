"""How to predict: one frozen record, checked once, for models of every kind."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Self, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from quietscope.errors import SettingsError
from quietscope.tiling.antithetic import (
    ENOUGH_FOR_ORIENTATIONS,
    ENOUGH_PAIRS,
    NO_PAIRS,
    Pairs,
    last_pairs,
    usual_pairs,
)
from quietscope.tiling.kinds import chosen_kinds
from quietscope.tiling.spec import Predictable, TileSpec
from quietscope.wording import typed

Precision: TypeAlias = Literal["auto", "float32", "bfloat16"]
"""What networks compute in; "auto" is bfloat16 where the hardware gains from it. Sums and likelihoods stay float32."""

DEFAULT_BANDWIDTH = 0.1
DEFAULT_PROBABILITIES = (0.05, 0.5, 0.95)
USUAL_SAMPLES = 50
SAMPLES_FOR_A_MEAN = 2 * ENOUGH_PAIRS
"""In antithetic pairs these make a mean as good as that of 240 independent samples (``benchmarks/antithetic.py``)."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """How to predict.

    Attributes:
        num_samples: Samples to draw; the error of an estimate falls with their square root. A point method draws none.
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
        pairs: How many antithetic pairs the last samples are: the second of a pair takes the latent noise of the first
            with its sign turned. Mean and deconvolved image are then made of the pairs alone, all other estimates of
            samples that are independent of each other, which are this many fewer. 0 for none; chosen by what is wanted
            if None, see `settled`.

    Raises:
        SettingsError: If a value lies outside its range.
    """

    num_samples: int = USUAL_SAMPLES
    seed: int = 0
    tile: int | TileSpec | None = None
    precision: Precision | None = None
    augment: bool = False
    bandwidth: float = DEFAULT_BANDWIDTH
    region: tuple[int, ...] | None = None
    probabilities: tuple[float, ...] = DEFAULT_PROBABILITIES
    spread: float = 1.0
    max_memory: int | None = None
    pairs: int | None = None

    def __post_init__(self) -> None:
        if self.num_samples < 1:
            raise SettingsError("at least 1 sample", str(self.num_samples), f"try `{typed(num_samples=100)}`")
        if self.pairs is not None and not 0 <= 2 * self.pairs <= self.num_samples:
            raise SettingsError(
                f"from 0 to {self.num_samples // 2} pairs among {self.num_samples} samples",
                str(self.pairs),
                f"leave it out, or pass `{typed(pairs=0)}`",
            )
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

    def check_pairs(self, method: str, *, draws: bool) -> None:
        """Refuse pairs of samples where none are drawn.

        Args:
            method: Name of the method.
            draws: Whether it draws samples for what is wanted.

        Raises:
            SettingsError: If pairs are asked for all the same.
        """
        if self.pairs and not draws:
            raise SettingsError(
                f"no pairs of samples from {method}, which draws none for these results",
                f"`{typed(pairs=self.pairs)}`",
                "leave it out",
            )

    def settled(self, kinds: Iterable[str]) -> Self:
        """Choose the pairs by what is wanted, and draw nothing in vain.

        Args:
            kinds: Names of the kinds of results that are wanted.

        Returns:
            The same where pairs were chosen; else with all samples in pairs where nothing but the mean (or the
            deconvolved image) is wanted, some where it is wanted beside other estimates, see
            `quietscope.tiling.antithetic.usual_pairs`, and none where it is not, or the samples themselves are. Where
            the mean is all, samples that are in no pair are left out.

        Raises:
            SettingsError: If a name is unknown.
        """
        chosen = chosen_kinds(kinds)
        expected = [kind.is_expectation for kind in chosen]
        alone = bool(chosen) and all(expected)
        if self.pairs is not None:
            pairs = self.pairs
        elif not any(expected) or any(kind.estimator is None for kind in chosen):
            pairs = 0
        else:
            pairs = usual_pairs(self.num_samples, alone=alone, enough=_enough(self.augment))
        return replace(self, num_samples=2 * pairs if alone and pairs else self.num_samples, pairs=pairs)

    @property
    def drawn_pairs(self) -> Pairs:
        """Which samples pair; none before it is `settled`."""
        return last_pairs(self.num_samples, self.pairs) if self.pairs else NO_PAIRS

    def num_independent(self, kinds: Iterable[str]) -> int:
        """Return how many samples a deviation is made of where these kinds of results are wanted, see `settled`."""
        chosen = self.settled(kinds)
        return chosen.drawn_pairs.seen(chosen.num_samples, expectation=False)

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


def usual_samples(kinds: Iterable[str], *, augment: bool = False) -> int:
    """Return how many samples are drawn where nobody says how many: fewer where the mean is all that is wanted."""
    return 2 * _enough(augment) if all(kind.is_expectation for kind in chosen_kinds(kinds)) else USUAL_SAMPLES


def _enough(augment: bool) -> int:
    return ENOUGH_FOR_ORIENTATIONS if augment else ENOUGH_PAIRS
