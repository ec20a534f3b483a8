"""How well a noise model fits pairs: its sigma against the measured one, and whether another kind predicts better."""

import math
from dataclasses import dataclass

import numpy as np
import torch

from quietscope.noise.clipping import ClipLevels
from quietscope.noise.fitting import clip_levels_of_pairs
from quietscope.noise.noise_model import NoiseModel, Samples
from quietscope.noise.photon_transfer import MAX_CLIPPED, bins_from_pairs
from quietscope.noise.selection import MOST_PAIRS, better_kind, drawn_pairs
from quietscope.wording import typed

NUM_BINS = 20
NOTEWORTHY = 0.1
"""Share by which a sigma must be wrong to be told: the weight of such pixels in a likelihood is wrong by a fifth."""

SURE = 3.0
"""Standard errors of the measured sigma by which it must be wrong."""

UNKNOWN = 0.5
"""Share to which a sigma must be right at least, chance included, to be called right."""


@dataclass(frozen=True, kw_only=True)
class Deviation:
    """Where the sigma of a model is wrong.

    Attributes:
        signal: Mean recorded intensity there, intensity units.
        share: ``sigma of the model / measured sigma - 1``; negative where the model's is too low.
    """

    signal: float
    share: float

    def words(self) -> str:
        """Say it: "28 % too low near 310", "1.9 times too high near 3.4"."""
        high = f"{1.0 + self.share:.2g} times" if self.share >= 1.0 else f"{abs(self.share):.0%}"
        return f"{high} too {'low' if self.share < 0 else 'high'} near {self.signal:.4g}"


@dataclass(frozen=True, kw_only=True)
class Goodness:
    """How well a noise model fits pairs.

    Attributes:
        within: Share that its sigma is right to, chance included: the largest deviation with three standard errors of
            the measured sigma; NaN where clipped pixels left nothing to compare with.
        too_low: Where its sigma is too low most; None where it is nowhere by `NOTEWORTHY`, or by chance.
        too_high: Where its sigma is too high most; None as above.
        better: Kind of model that predicts pixels clearly better; None where there is none.
        gain: What that one gains, in nats per pixel; 0 where there is none.
    """

    within: float
    too_low: Deviation | None
    too_high: Deviation | None
    better: str | None
    gain: float

    def words(self) -> str:
        """Say it in one line."""
        wrong = [each.words() for each in (self.too_low, self.too_high) if each is not None]
        found = f"its sigma is {' and '.join(wrong)}" if wrong else f"its sigma is right to {self.within:.0%}"
        if math.isnan(self.within):
            found = "its sigma was not compared, since pixels are clipped at all signals"
        elif not wrong and self.within > UNKNOWN:
            found = "there are too few pixels to compare its sigma with"
        if self.better is None:
            return found
        return f"{found}; `{typed(model=self.better)}` predicts pixels better, by {self.gain:.3f} nats each"


def goodness_of_fit(
    model: NoiseModel, signal: Samples, observation: Samples, *, seed: int = 0, clip: ClipLevels | None = None
) -> Goodness:
    """Judge a noise model by the pairs that it was fitted to.

    Pixels are sorted into 20 bins of equal number by their signal. In each, the standard deviation of ``x - s`` is
    compared with the model's at the mean of x. Bins with more than 0.5 % clipped pixels are left out, since their
    deviation says nothing of that before clipping.

    Args:
        model: The model.
        signal: Clean signal, any shape, intensity units.
        observation: Noisy observation, the same shape.
        seed: Seed of the choice of pairs where there are many.
        clip: Clipping levels, or None to find them.

    Returns:
        What was found.

    Raises:
        NoiseError: If the shapes differ, or there are fewer than 64 pairs.
    """
    s, x = drawn_pairs(signal, observation, MOST_PAIRS, seed)
    clip = clip_levels_of_pairs(s, x) if clip is None else clip
    bins = bins_from_pairs(s, x, NUM_BINS, clip)
    bins = bins.select((bins.clipped_low + bins.clipped_high <= MAX_CLIPPED) & (bins.variance > 0.0))
    with torch.no_grad():
        sigma = model.variance(torch.from_numpy(bins.signal)).double().sqrt().numpy()
    shares, chance = sigma / np.sqrt(bins.variance) - 1.0, SURE * 0.5 * bins.relative_error
    told = np.abs(shares) > np.maximum(NOTEWORTHY, chance)
    found = [Deviation(signal=float(at), share=float(share)) for at, share in zip(bins.signal, shares, strict=True)]
    wrong = [each for each, is_told in zip(found, told, strict=True) if is_told]
    better = better_kind(model, s, x, seed=seed, clip=clip)
    return Goodness(
        within=float((np.abs(shares) + chance).max()) if shares.size else math.nan,
        too_low=min((each for each in wrong if each.share < 0), key=lambda each: each.share, default=None),
        too_high=max((each for each in wrong if each.share > 0), key=lambda each: each.share, default=None),
        better=None if better is None else better[0],
        gain=0.0 if better is None else better[1],
    )
